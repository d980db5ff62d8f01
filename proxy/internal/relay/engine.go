package relay

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/seldom"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Hooks is the script as the relay sees it.
type Hooks interface {
	// NewRequest makes the memory of one worker; the relay sets Engine.
	NewRequest() *Request
	// Request runs the request route.
	Request(r *Request)
	// Failure runs a failure route.
	Failure(r *Request, route int)
	// Reply runs a reply route, 0 being the general one; false drops the
	// response, which it can do with provisional ones only.
	Reply(r *Request, route int) bool
}

// Observer is told of the calls that pass, under the call's lock: it returns at
// once and keeps nothing.
type Observer interface {
	// Relayed tells of an initial INVITE that has been sent on.
	Relayed(r *Request, c *Call)
	// Progress tells of a response to it that goes up: 180 to 699.
	Progress(c *Call, status int)
}

// Accountant is told how the requests that are accounted end, where the reply is sent: it
// returns at once and keeps nothing.
type Accountant interface {
	// Ended tells, under the call's lock, of the final reply that goes up to an
	// INVITE or a BYE: the first one, 2xx or not; and of each further 2xx to an INVITE
	// that makes a dialog of its own, because it has another To tag (RFC 3261 §13.2.2.4).
	// Then Call.Request is nil, and Call.Noted is what the accountant has noted.
	Ended(c *Call, status int, reply []byte)
	// Refused tells of a final reply to an INVITE that has no transaction.
	Refused(r *Request, status int, reply []byte)
}

// Config is what the engine needs to know.
type Config struct {
	Txn txn.Config
	// TimerC bounds the time after a provisional response to an INVITE (RFC 3261
	// §16.6 step 11), default 180 s.
	TimerC time.Duration
	// Key authenticates our Record-Route; 32 random bytes if empty.
	Key []byte
	// RouteLife is how long a Record-Route of ours is good, default 7 days.
	RouteLife time.Duration
	// LocalDomain says whether a host is one of our domains; nil for none.
	LocalDomain func(host []byte) bool
	// UserAgent takes, before the script, requests for the dialogs of the
	// router's own user agent; nil for none.
	UserAgent func(r *Request) bool
	Observer  Observer
	// AcceptAliases honours the Via parameter alias whoever sends it, not only peers with
	// a certificate.
	AcceptAliases bool
	// Accountant is told of ends; nil for none.
	Accountant Accountant
	// Dialogs is the table of the dialogs that pass; nil for none.
	Dialogs Dialogs
	// FlowFailed is told, under the call's lock, of a flow that is broken; it returns at
	// once and keeps nothing. nil for nobody.
	FlowFailed func(f *FailedFlow)
	// Gateway tells the hosts that take calls from us without asking who makes them; nil
	// for none. A phone that names one of them as where it is reached gets no requests of
	// the dialog sent there: see Reach.
	Gateway func(a netip.Addr) bool
	// GatewaysKnown is false as long as Gateway takes every host for one, because nobody
	// knows where some gateway's name leads; nil for always true.
	GatewaysKnown func() bool
	// Refused reports whether somebody whose phone is at a place refuses a request that goes
	// there, with a Request-URI, without having been looked up. It is asked of targets that a
	// user has given (Target.Given), and of others where the script wants it (Request.HeedPhones).
	// nil for nobody.
	Refused func(r *Request, uri []byte, place netip.AddrPort) bool
	// Names says how renamed headers are kept in our Record-Route.
	Names Names
	Hooks Hooks
	Log   *slog.Logger
}

// Engine is the relay.
type Engine struct {
	cfg      Config
	Log      *slog.Logger
	txns     *txn.Table
	layer    *transport.Layer
	sockets  []transport.Socket
	resolver *transport.Resolver
	reach    transport.Reach
	draining atomic.Bool

	waits       [sourceSlots]atomic.Int32 // for the resolver, by source
	sourceWaits int32
	messageWait time.Duration // the constant, except in tests
	early       early
	key         [32]byte
	tagSeed     maphash.Seed
	names       cipher.Block // of renamed headers
	born        time.Time    // from when on no process before this one has sealed
	uncounted   sync.Once    // says that calls are not counted

	calls    txn.Pool[Call]
	branches txn.Pool[Branch]
	cancels  txn.Pool[cancel]
	starts   txn.Pool[beginning]

	spare    sync.Pool // *Request of failure routes and of replies made later
	script   atomic.Pointer[script]
	failures chan struct{} // a place for each failure route on a goroutine of its own

	strandedReplies strandedReplies
	foreignTold     seldom.Gate // of answers that are to no request of ours

	stats Stats
}

// Stats counts what the relay did.
type Stats struct {
	Received, Replies, Malformed, Sent   atomic.Uint64
	Relayed, StrayReplies, LocalReplies  atomic.Uint64
	Class                                [7]atomic.Uint64 // final replies sent up by class
	Stateless                            [7]atomic.Uint64
	Total, Local, Refused, AbsorbedRetry atomic.Uint64
	Unanswered                           atomic.Uint64 // before the script, beyond what a source gets
}

// New makes an engine; Attach gives it its sockets.
func New(cfg Config) *Engine {
	if cfg.TimerC <= 0 {
		cfg.TimerC = 180 * time.Second
	}
	if cfg.RouteLife <= 0 {
		cfg.RouteLife = 7 * 24 * time.Hour
	}
	cfg.Names = cfg.Names.withDefaults()
	e := &Engine{cfg: cfg, Log: cfg.Log, tagSeed: maphash.MakeSeed(), sourceWaits: maxSourceWaits, messageWait: messageWait}
	cfg.Txn.Fault, cfg.Txn.Idle, cfg.Txn.Foreign = e.fault, e.trim, e.foreign
	cfg.Txn.Memory = e.withMemory(cfg.Txn.Memory)
	e.txns = txn.New(cfg.Txn)
	e.failures = make(chan struct{}, maxFailures)
	if len(cfg.Key) > 0 {
		copy(e.key[:], cfg.Key)
	} else {
		_, _ = rand.Read(e.key[:])
	}
	e.names = nameCipher(e.key)
	e.born = e.Now().Truncate(sealUnit).Add(sealUnit)
	e.spare.New = func() any { return e.newRequest() }
	return e
}

// Attach gives the engine the transport layer that it is the handler of.
func (e *Engine) Attach(l *transport.Layer, r *transport.Resolver) {
	e.layer, e.resolver, e.sockets = l, r, l.Sockets()
	e.reach = transport.ReachOf(e.sockets)
}

// Run drives the timers until ctx ends.
func (e *Engine) Run(ctx context.Context) { e.txns.Run(ctx, e.layer) }

// Sockets returns the listening sockets.
func (e *Engine) Sockets() []transport.Socket { return e.sockets }

// Now returns the time.
func (e *Engine) Now() time.Time { return time.Now() }

// now is the time of the batch that the request came in, if it did.
func (r *Request) now() time.Time {
	if r.worker != nil {
		return r.worker.Now()
	}
	return r.Engine.Now()
}

// Counters returns the statistics.
func (e *Engine) Counters() *Stats { return &e.stats }

// Transactions returns how many server transactions are in the table.
func (e *Engine) Transactions() int64 { n, _ := e.txns.Current(); return n }

// Myself reports whether a host and port are ours: a listening or advertised
// address, or one of our domains with the port absent or one of ours.
func (e *Engine) Myself(host []byte, port uint16) bool {
	if e.isSocket(host, port) {
		return true
	}
	if e.cfg.LocalDomain == nil || !e.cfg.LocalDomain(host) {
		return false
	}
	if port == 0 {
		return true
	}
	for i := range e.sockets {
		if e.sockets[i].AdvertisedPort == port {
			return true
		}
	}
	return false
}

func (e *Engine) isSocket(host []byte, port uint16) bool {
	if port == 0 {
		port = 5060
	}
	for i := range e.sockets {
		s := &e.sockets[i]
		if s.AdvertisedPort == port && sip.EqualFold(sip.Unbracket(host), s.AdvertisedHost) {
			return true
		}
	}
	addr, ok := parseAddr(host)
	return ok && e.layer.IsLocal(addr, port)
}

func (e *Engine) newRequest() *Request {
	r := e.hooks().NewRequest()
	r.Engine = e
	return r
}

// NewScratch makes a worker's memory.
func (e *Engine) NewScratch() any { return e.newRequest() }

// FlowDown tells the transactions of a broken connection.
func (e *Engine) FlowDown(f transport.Flow, err error) {
	e.txns.FlowDown(f, err, e.layer)
	e.notOpened(f, err)
}

// Receive takes one message from the network.
func (e *Engine) Receive(w *transport.Worker, msg []byte, from transport.Flow) {
	r := w.Scratch().(*Request)
	e.stats.Received.Add(1)
	err := r.own.Parse(msg)
	if err != nil {
		e.malformed(r, w, from, err)
		return
	}
	if !r.own.IsRequest {
		e.response(r, w, from)
		return
	}
	r.reset(w, &r.own, from)
	e.request(r)
	if from.Conn != 0 {
		r.noteSender(w)
	}
	r.finishCall()
}

// malformed answers a request that could be read far enough, and drops the rest.
func (e *Engine) malformed(r *Request, w *transport.Worker, from transport.Flow, err error) {
	e.stats.Malformed.Add(1)
	if e.Log.Enabled(context.Background(), slog.LevelDebug) {
		e.Log.Debug("malformed message", "source", from.Remote, "error", err, "call_id", string(r.own.CallID()))
	}
	m := &r.own
	// RFC 4475 §3.3.1: one without From, To or Call-ID is answered too; the reply has
	// what the request had.
	if !m.IsRequest || m.Method == sip.ACK || m.Header(sip.HdrCSeq) == nil {
		return
	}
	if _, err := m.Via(); err != nil {
		return
	}
	r.reset(w, m, from)
	rep := sip.Reply{Status: 400, Reason: "Bad Request: " + err.Error()}
	switch {
	case errors.Is(err, sip.ErrVersion):
		rep = sip.Reply{Status: 505}
	case errors.Is(err, sip.ErrTooLarge), errors.Is(err, transport.ErrTooLarge):
		rep = sip.Reply{Status: 513}
	}
	e.replyEarly(r, &rep)
}

// RefuseStream answers, where it can be answered, a message on a stream whose end
// cannot be known, before its connection is closed (transport.Config.Malformed).
// head is its header part.
func (e *Engine) RefuseStream(w *transport.Worker, head []byte, from transport.Flow, err error) {
	r := w.Scratch().(*Request)
	_ = r.own.Parse(head) // what was read before an error stays readable
	e.stats.Received.Add(1)
	e.malformed(r, w, from, err)
}

// request handles a request before the script.
func (e *Engine) request(r *Request) {
	m := r.Msg
	key, err := e.txns.KeyOf(m)
	if err != nil {
		return
	}
	r.key = key
	if m.Method == sip.ACK && e.isStatelessAck(r) {
		return
	}
	if srv := e.txns.FindServer(key); srv != nil {
		if e.existing(r, srv) {
			return
		}
	} else if m.Method == sip.CANCEL {
		e.replyEarly(r, &sip.Reply{Status: 481})
		return
	}
	if r.From.Proto.Stream() {
		e.acceptAlias(r)
	}
	r.unstrict()
	if e.cfg.UserAgent != nil && e.cfg.UserAgent(r) {
		return
	}
	if h := m.Header(sip.HdrProxyRequire); h != nil && m.Method != sip.ACK {
		e.unsupported(r, h)
		return
	}
	r.run()
}

// unsupported refuses what the sender says a proxy has to understand; we understand
// no extension of that kind (RFC 3261 §16.3 step 5).
func (e *Engine) unsupported(r *Request, h *sip.Header) {
	extra := append([]byte("Unsupported: "), r.Msg.Value(h)...)
	e.replyEarly(r, &sip.Reply{Status: 420, Extra: append(extra, "\r\n"...)})
}

// existing handles a message of a transaction that is there; false means that
// it is not the transaction's after all (an ACK of a 2xx).
func (e *Engine) existing(r *Request, srv *txn.Server) bool {
	defer srv.Cell().Unref()
	handled := e.lockedExisting(r, srv)
	srv.Owner().Unlocked(r.worker)
	return handled
}

func (e *Engine) lockedExisting(r *Request, srv *txn.Server) bool {
	c := srv.Cell()
	call, _ := srv.Owner().(*Call)
	c.Lock()
	defer c.Unlock()
	switch r.Msg.Method {
	case sip.ACK:
		if srv.Status() < 300 {
			return false
		}
		srv.Ack()
	case sip.CANCEL:
		if call != nil {
			r.cancelled(call)
			break
		}
		_ = r.ReplyStateless(&sip.Reply{Status: 200})
	default:
		e.stats.AbsorbedRetry.Add(1)
		srv.Retransmitted(r.replyFlow(), r.worker)
		if call != nil {
			call.trying(r)
		}
	}
	return true
}

// cancelReason returns the Reason lines of a CANCEL, one for each protocol, which go
// with ours (RFC 3326 §2). A second one costs a copy.
func cancelReason(m *sip.Message) []byte {
	h := m.Header(sip.HdrReason)
	if h == nil {
		return nil
	}
	lines := m.Buf[h.Start:h.End:h.End]
	for h = m.Next(h); h != nil && len(lines) < maxReason; h = m.Next(h) {
		lines = append(lines, m.Buf[h.Start:h.End]...)
	}
	return lines
}

// maxReason bounds what goes with a CANCEL, in bytes: not much more than this.
const maxReason = 1024

// response handles a response.
func (e *Engine) response(r *Request, w *transport.Worker, from transport.Flow) {
	m := &r.own
	e.stats.Replies.Add(1)
	r.reset(w, m, from)
	r.route = inReply
	r.Final = m.Status
	if e.txns.Response(m, from, w) {
		return
	}
	if !e.forwardStray(r) {
		e.stats.StrayReplies.Add(1)
	}
}
