package txn

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// bubble is a table in a synctest bubble, with a wire that notes what is sent when.
type bubble struct {
	t     testing.TB
	table *Table
	start time.Time
	w     *transport.Worker

	mu   sync.Mutex
	sent []string // "milliseconds first-word"
	fail error
}

func (b *bubble) Send(_ transport.Flow, msg []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	line, _, _ := strings.Cut(string(msg), "\r\n")
	word := strings.Fields(line)[0]
	if word == "SIP/2.0" {
		word = strings.Fields(line)[1]
	}
	at := time.Since(b.start).Round(500 * time.Millisecond) // a tick late each time is in time
	b.sent = append(b.sent, fmt.Sprintf("%d %s", at.Milliseconds(), word))
	return nil
}

// took returns what was sent since the last call.
func (b *bubble) took() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := strings.Join(b.sent, ", ")
	b.sent = nil
	return s
}

func (b *bubble) want(what, want string) {
	b.t.Helper()
	if got := b.took(); got != want {
		b.t.Errorf("%s:\ngot  %s\nwant %s", what, got, want)
	}
}

// inBubble runs f with the timers going and wants an empty table at its end.
func inBubble(t *testing.T, cfg Config, f func(b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{t: t, table: New(cfg), start: time.Now()}
		b.w = transport.NewDetached(nil, b.Send)
		ctx, cancel := context.WithCancel(t.Context())
		go b.table.Run(ctx, b)
		f(b)
		if s, c := b.table.Current(); s != 0 || c != 0 {
			t.Errorf("%d server and %d client transactions are left", s, c)
		}
		cancel()
		synctest.Wait()
	})
}

// owner is the owner of a cell and the user of its client transactions.
type owner struct {
	Cell
	t        testing.TB
	server   Server
	client   Client
	cancel   Client
	released atomic.Int32
	unlocked int
	heard    []string
	lapses   bool // it calls Lapse when it has heard that time is over
	on       func(status int)
}

func (o *owner) Unlocked(*transport.Worker) { o.unlocked++ }

func (o *owner) Release() {
	if o.released.Add(1) > 1 {
		o.t.Error("released twice")
	}
}

func (o *owner) Response(_ *Client, m *sip.Message, _ transport.Flow, _ *transport.Worker) {
	o.heard = append(o.heard, fmt.Sprint(m.Status))
	if o.on != nil {
		o.on(m.Status)
	}
}

func (o *owner) Failed(c *Client, err error, _ Out) {
	o.heard = append(o.heard, err.Error())
	if o.lapses {
		c.Lapse()
	}
}

// gone wants the last reference to have gone, once.
func (o *owner) gone() {
	o.t.Helper()
	synctest.Wait()
	if o.released.Load() != 1 {
		o.t.Errorf("the cell was released %d times; %d references", o.released.Load(), o.refs.Load())
	}
}

var (
	udp = transport.Flow{Proto: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.1:5060")}
	tcp = transport.Flow{Proto: transport.TCP, Conn: 7, Remote: netip.MustParseAddrPort("192.0.2.1:5060")}
)

// request makes a request from the client a.
func request(t testing.TB, method, branch string) *sip.Message {
	t.Helper()
	return read(t, method+" sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP a.example.org:5060"+branch+
		"\r\nRoute: <sip:r;lr>\r\nFrom: <sip:a@example.org>;tag=f\r\nTo: <sip:b@example.org>\r\nCall-ID: i\r\nCSeq: 5 "+method+"\r\nContent-Length: 0\r\n\r\n")
}

func read(t testing.TB, text string) *sip.Message {
	t.Helper()
	m := &sip.Message{}
	if err := m.Parse([]byte(text)); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return m
}

// serve enters the server transaction of m and gives the first reference back.
func (b *bubble) serve(m *sip.Message, flow transport.Flow) *owner {
	b.t.Helper()
	k, err := b.table.KeyOf(m)
	if err != nil {
		b.t.Fatal(err)
	}
	o := &owner{t: b.t}
	b.table.Init(&o.Cell, k.Hash(), o)
	if old := o.server.Start(b.table, &o.Cell, k, m, flow, nil); old != nil {
		b.t.Fatal("it is there already")
	}
	o.Unref()
	return o
}

// locked runs f with the transaction of k locked, as the relay does; false if there is none.
func (b *bubble) locked(k Key, f func(x *Server)) bool {
	x := b.table.FindServer(k)
	if x == nil {
		return false
	}
	x.cell.Lock()
	f(x)
	x.cell.Unlock()
	x.cell.Unref()
	return true
}

func (b *bubble) reply(o *owner, status int) {
	b.locked(o.server.key, func(x *Server) { x.Reply(status, fmt.Appendf(nil, "SIP/2.0 %d x\r\n\r\n", status), b) })
}

func (b *bubble) repeat(o *owner) bool {
	return b.locked(o.server.key, func(x *Server) { x.Retransmitted(x.flow, b) })
}

func (b *bubble) ack(o *owner) { b.locked(o.server.key, func(x *Server) { x.Ack() }) }

// call starts a client transaction, in a cell that it alone holds.
func (b *bubble) call(method string, flow transport.Flow) *owner {
	b.t.Helper()
	o := &owner{t: b.t}
	b.table.Init(&o.Cell, 99, o)
	o.Lock()
	id := o.client.Prepare(b.table, &o.Cell, o)
	m := request(b.t, method, ";branch="+string(AppendBranch(nil, StatefulMark, id)))
	if err := o.client.Start(m.Method, flow, m.Buf, b); err != nil {
		b.t.Fatal(err)
	}
	o.Unlock()
	o.Unref()
	return o
}

// respond hands a response to the client transaction of o over; false if it is stray.
func (b *bubble) respond(o *owner, status int, method, tag string) bool {
	b.t.Helper()
	m := read(b.t, fmt.Sprintf("SIP/2.0 %d x\r\nVia: SIP/2.0/UDP us;branch=%s\r\nFrom: <sip:a@example.org>;tag=f\r\nTo: <sip:b@example.org>;tag=%s\r\nCall-ID: i\r\nCSeq: 5 %s\r\nContent-Length: 0\r\n\r\n",
		status, AppendBranch(nil, StatefulMark, o.client.id), tag, method))
	return b.table.Response(m, udp, b.w)
}

// said returns what the client transaction told its user.
func (o *owner) said() string {
	o.Lock()
	defer o.Unlock()
	return strings.Join(o.heard, ", ")
}

// sleep lets the bubble's time pass.
func (b *bubble) sleep(d time.Duration) { time.Sleep(d) }
