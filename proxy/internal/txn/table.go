package txn

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

const (
	shards = 16
	places = 1024 // of a shard's index, at first
	growth = 4
)

// Config is the timing of transactions. A zero field takes the default of
// RFC 3261 §17.1.1.1 and Table 4.
type Config struct {
	T1 time.Duration // round-trip estimate, 500 ms
	T2 time.Duration // longest retransmission interval, 4 s
	T4 time.Duration // how long a message stays in the network, 5 s
	// FrTimer is how long a request may wait for any response: Timer B and F,
	// 64·T1. (SER's name.)
	FrTimer time.Duration
	// Max bounds the cells of the table, 1,000,000.
	Max int64
	// Memory bounds what they hold.
	Memory Memory
	// Fault is told of a panic in the owner's code on a goroutine of the table's, which
	// goes on after it; the cell is not locked. Without it the panic goes on.
	Fault func(o Owner, fault any, stack []byte)
	// Foreign is told of a response that has the branch of a request, and the Call-ID, From tag or
	// CSeq number of another one; it keeps nothing. May be nil.
	Foreign func(m *sip.Message, from transport.Flow)
	// Idle is called every idleInterval by Run: the time to give memory back. May be nil.
	Idle func()
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.T1, 500*time.Millisecond)
	def(&c.T2, 4*time.Second)
	def(&c.T4, 5*time.Second)
	def(&c.FrTimer, 64*c.T1)
	if c.Max <= 0 {
		c.Max = 1_000_000
	}
	return c
}

// Table is the transaction table.
type Table struct {
	cfg     Config
	seeds   [2]maphash.Seed
	shards  [shards]shard
	Buffers Buffers

	servers, clients atomic.Int64
	budget           budget
	streams          streams
}

type shard struct {
	mu      sync.Mutex
	tick    int64
	due     *Timer
	wheel   [wheelSlots]*Timer
	servers index[Server] // by Key.a
	clients index[Client] // by id; a CANCEL has that of its INVITE
}

// New makes a table.
func New(cfg Config) *Table {
	t := &Table{cfg: cfg.withDefaults(), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range t.shards {
		t.shards[i].servers = makeIndex[Server](places)
		t.shards[i].clients = makeIndex[Client](places)
	}
	t.streams.m = map[uint64]*Client{}
	t.Buffers.bound(t.cfg.Memory.Max)
	return t
}

// Config returns the timing in force.
func (t *Table) Config() Config { return t.cfg }

// Current returns the number of server and client transactions in the table.
func (t *Table) Current() (servers, clients int64) { return t.servers.Load(), t.clients.Load() }

// idleInterval is how often half of the memory that nobody has needed meanwhile is given
// back: what a peak has left is gone in ten minutes, and no lull of a minute costs anything.
const idleInterval = time.Minute

// Each calls f for every server transaction, which is referred to meanwhile and not
// locked. Those that begin or end meanwhile may be passed over.
func (t *Table) Each(f func(x *Server)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		list := make([]*Server, 0, s.servers.n)
		for _, p := range s.servers.places {
			if x := p.of; x != nil {
				x.cell.Ref()
				list = append(list, x)
			}
		}
		s.mu.Unlock()
		for _, x := range list {
			c := x.cell
			f(x)
			c.Unref()
		}
	}
}

// Run drives the timers until ctx ends. What they send goes to out.
func (t *Table) Run(ctx context.Context, out Out) {
	start := time.Now()
	base := t.shards[0].tick
	tk := time.NewTicker(Tick)
	defer tk.Stop()
	trimmed := base
	for {
		select {
		case <-ctx.Done():
			return
		case <-tk.C:
		}
		now := base + int64(time.Since(start)/Tick)
		for i := range t.shards {
			t.shards[i].advance(t, now, out)
		}
		if now-trimmed >= int64(idleInterval/Tick) {
			trimmed = now
			t.Buffers.trim()
			t.look()
			if t.cfg.Idle != nil {
				t.cfg.Idle()
			}
		}
	}
}

// Key identifies a server transaction (RFC 3261 §17.2.3). The text it stands
// for is hashed twice with secret seeds, so that it needs no memory and nobody
// can make two requests collide.
type Key struct{ a, b uint64 }

// Hash is the key as one number.
func (k Key) Hash() uint64 { return k.a }

// KeyOf returns the key of the transaction that the request m belongs to. ACK
// and CANCEL have the key of their INVITE; a CANCEL's own is never wanted.
func (t *Table) KeyOf(m *sip.Message) (Key, error) {
	v, err := m.Via()
	if err != nil {
		return Key{}, err
	}
	method := m.MethodText()
	if m.Method == sip.ACK || m.Method == sip.CANCEL {
		method = inviteText
	}
	var h [2]maphash.Hash
	var k [2]uint64
	for i := range h {
		h[i].SetSeed(t.seeds[i])
		hashWrite(&h[i], method)
		if len(v.Branch) > len(sip.MagicCookie) && string(v.Branch[:len(sip.MagicCookie)]) == sip.MagicCookie {
			hashWrite(&h[i], v.Branch)
			hashWrite(&h[i], v.Host)
			_ = h[i].WriteByte(byte(v.Port))
			_ = h[i].WriteByte(byte(v.Port >> 8))
		} else if err := hashOld(&h[i], m, v); err != nil {
			return Key{}, err
		}
		k[i] = h[i].Sum64()
	}
	return Key{k[0], k[1]}, nil
}

var inviteText = []byte("INVITE")

func hashWrite(h *maphash.Hash, b []byte) {
	_, _ = h.Write(b)
	_ = h.WriteByte(0)
}

// hashOld hashes what identifies a request of an RFC 2543 client, which has no
// unique branch: an ACK has its INVITE's Request-URI, From tag, Call-ID, CSeq
// number and Via.
func hashOld(h *maphash.Hash, m *sip.Message, v *sip.Via) error {
	from, err := m.From()
	if err != nil {
		return err
	}
	cs, err := m.CSeq()
	if err != nil {
		return err
	}
	hashWrite(h, m.RequestURI())
	hashWrite(h, from.Tag)
	hashWrite(h, m.CallID())
	hashWrite(h, m.Buf[v.Start:v.End])
	for n := cs.Number; n > 0; n >>= 8 {
		_ = h.WriteByte(byte(n))
	}
	return nil
}

// FindServer returns the server transaction with the key, referred to and not
// locked; nil if there is none.
func (t *Table) FindServer(k Key) *Server {
	s := &t.shards[k.a%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.server(k)
}

// server is FindServer in the shard, which is locked.
func (s *shard) server(k Key) *Server {
	x := s.servers.find(k.a, func(x *Server) bool { return x.key == k })
	if x != nil {
		x.cell.Ref()
	}
	return x
}

// findClient returns the client transaction with the id, referred to.
func (t *Table) findClient(id uint64, cancel bool) *Client {
	s := &t.shards[id%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.clients.find(id, func(x *Client) bool { return (x.method == sip.CANCEL) == cancel })
	if x != nil {
		x.cell.Ref()
	}
	return x
}

// CellOf returns the cell of the client transaction with an id, referred to; nil if there is
// none.
func (t *Table) CellOf(id uint64) *Cell {
	if x := t.findClient(id, false); x != nil {
		return x.cell
	}
	return nil
}

// insert enters a server transaction. If one with the same key is there already
// (two sockets read copies of one request), that one is returned, referred to.
func (t *Table) insert(x *Server) *Server {
	s := x.cell.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if y := s.server(x.key); y != nil {
		return y
	}
	s.servers.put(x.key.a, x)
	x.cell.Ref()
	t.servers.Add(1)
	return nil
}

func (t *Table) removeServer(x *Server) {
	s := x.cell.shard
	s.mu.Lock()
	s.servers.remove(x.key.a, x)
	s.mu.Unlock()
	t.servers.Add(-1)
	x.cell.refs.Add(-1)
}

// newID returns an unguessable id whose shard is that of the cell.
func (t *Table) newID(c *Cell) uint64 {
	index := uint64(0)
	for &t.shards[index] != c.shard {
		index++
	}
	return rand.Uint64()&^(shards-1) | index
}

func (t *Table) insertClient(x *Client) {
	s := x.cell.shard
	s.mu.Lock()
	s.clients.put(x.id, x)
	s.mu.Unlock()
	x.cell.Ref()
	t.clients.Add(1)
}

func (t *Table) removeClient(x *Client) {
	s := x.cell.shard
	s.mu.Lock()
	s.clients.remove(x.id, x)
	s.mu.Unlock()
	t.clients.Add(-1)
	x.cell.refs.Add(-1)
}

// Response hands a response to its client transaction. False means that there
// is none, or that it bears other names than the request (RFC 3261 §8.2.6.2), and the response
// is stray (RFC 6026 §8.3: it goes nowhere).
func (t *Table) Response(m *sip.Message, from transport.Flow, w *transport.Worker) bool {
	v, err := m.Via()
	if err != nil {
		return false
	}
	id, ok := ParseBranch(v.Branch, StatefulMark)
	if !ok {
		return false
	}
	x := t.findClient(id, m.Method == sip.CANCEL)
	if x == nil {
		return false
	}
	c := x.cell
	defer c.Unref()
	if !x.lockedReceive(id, m, from, w) {
		if t.cfg.Foreign != nil {
			t.cfg.Foreign(m, from)
		}
		return false
	}
	c.owner.Unlocked(w)
	return true
}
