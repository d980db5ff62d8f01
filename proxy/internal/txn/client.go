package txn

import (
	"errors"
	"sync"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// ErrTimeout says that a request got no response in time (Timer B or F).
var ErrTimeout = errors.New("no response in time")

// ClientUser is told what a client transaction receives. The cell is locked.
type ClientUser interface {
	// Response brings a provisional response, the first final one, and every
	// further 2xx to an INVITE.
	Response(c *Client, m *sip.Message, from transport.Flow, w *transport.Worker)
	// Failed says that no final response will come: ErrTimeout, or the error of
	// the connection. After ErrTimeout the transaction ends, unless Lapse is called.
	Failed(c *Client, err error, out Out)
}

type clientState uint8

const (
	clientIdle clientState = iota
	clientCalling
	clientProceeding
	clientLapsed // not waited for any longer, but heard should it answer
	clientCompleted
	clientAccepted
	clientDone
)

// Client is a client transaction, INVITE or not (RFC 3261 §17.1, RFC 6026 §7.2).
type Client struct {
	cell  *Cell
	table *Table
	user  ClientUser
	id    uint64

	method sip.Method
	state  clientState
	lapses bool // Lapse was called
	flow   transport.Flow
	sent   *Buffer // the request; after a final reply to an INVITE, its ACK
	a      time.Duration

	retransmit Timer // A or E
	end        Timer // B, F, D, K or M

	streamNext, streamPrev *Client
}

// branchSize is the length of a branch: the cookie, a mark and the id in hex.
const branchSize = len(sip.MagicCookie) + 1 + 16

// StatefulMark follows the magic cookie in the branch of a transaction,
// StatelessMark in that of a request forwarded without one.
const (
	StatefulMark  = 's'
	StatelessMark = 'f'
)

const hexDigits = "0123456789abcdef"

// AppendBranch appends the branch parameter's value for an id.
func AppendBranch(dst []byte, mark byte, id uint64) []byte {
	dst = append(append(dst, sip.MagicCookie...), mark)
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[id>>shift&15])
	}
	return dst
}

// ParseBranch returns the id of a branch that AppendBranch wrote with this mark.
func ParseBranch(b []byte, mark byte) (uint64, bool) {
	const cookie = len(sip.MagicCookie)
	if len(b) != branchSize || string(b[:cookie]) != sip.MagicCookie || b[cookie] != mark {
		return 0, false
	}
	var id uint64
	for _, c := range b[len(sip.MagicCookie)+1:] {
		switch {
		case c >= '0' && c <= '9':
			id = id<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			id = id<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return id, true
}

// Prepare binds the transaction to its cell and gives it the id that its
// branch is made of.
func (x *Client) Prepare(t *Table, c *Cell, u ClientUser) uint64 {
	*x = Client{cell: c, table: t, user: u, id: t.newID(c)}
	x.retransmit.Init(c, x)
	x.end.Init(c, x)
	return x.id
}

// PrepareCancel binds the transaction of a CANCEL for the INVITE transaction
// inv, whose branch it shares (RFC 3261 §9.1). Its replies go nowhere.
func (x *Client) PrepareCancel(inv *Client) {
	*x = Client{cell: inv.cell, table: inv.table, id: inv.id}
	x.retransmit.Init(x.cell, x)
	x.end.Init(x.cell, x)
}

// ID returns the id of the transaction.
func (x *Client) ID() uint64 { return x.id }

// Flow returns where the request was sent.
func (x *Client) Flow() transport.Flow { return x.flow }

// Sent returns the request as sent, nil after a final response.
func (x *Client) Sent() []byte {
	if x.sent == nil || x.state >= clientCompleted {
		return nil
	}
	return x.sent.B
}

// Provisional reports whether a provisional response has come.
func (x *Client) Provisional() bool { return x.state == clientProceeding }

// Pending reports whether no final response has come.
func (x *Client) Pending() bool { return x.state == clientCalling || x.state == clientProceeding }

// Start enters the transaction in the table and sends the request. The cell is
// locked. An error means that nothing is left in the table. It is entered first:
// what is sent at once can be answered before Send returns.
func (x *Client) Start(method sip.Method, flow transport.Flow, msg []byte, out Out) error {
	x.method, x.flow, x.state = method, flow, clientCalling
	x.sent = x.table.Buffers.Copy(msg)
	x.table.insertClient(x)
	if flow.Proto.Stream() {
		x.table.streams.add(x)
	}
	if err := out.Send(flow, msg); err != nil {
		x.finish()
		return err
	}
	if !flow.Proto.Reliable() {
		x.a = x.table.cfg.T1
		x.retransmit.Arm(x.a)
	}
	x.end.Arm(x.table.cfg.FrTimer)
	return nil
}

// lockedReceive is receive under the cell's lock, which a fault in the user's code
// gives back as well. False: it is no response to what was sent.
func (x *Client) lockedReceive(id uint64, m *sip.Message, from transport.Flow, w *transport.Worker) bool {
	x.cell.Lock()
	defer x.cell.Unlock()
	// The CSeq's method has to be the request's (RFC 3261 §17.1.3 item 2).
	if x.id != id || x.method != m.Method || x.state == clientDone {
		return true
	}
	if !x.cell.Repeats(m) {
		return false
	}
	x.receive(m, from, w)
	return true
}

func (x *Client) receive(m *sip.Message, from transport.Flow, w *transport.Worker) {
	switch {
	case m.Status < 200:
		x.provisional(m, from, w)
	case x.state == clientAccepted:
		if m.Status < 300 {
			x.user.Response(x, m, from, w)
		}
	case x.state == clientCompleted:
		if x.method == sip.INVITE && m.Status >= 300 && x.sent != nil {
			_ = w.Send(x.flow, x.sent.B) // the ACK again
		}
	case x.method == sip.INVITE:
		x.finalInvite(m, from, w)
	default:
		x.final(m, from, w)
	}
}

func (x *Client) provisional(m *sip.Message, from transport.Flow, w *transport.Worker) {
	if x.state == clientLapsed && x.user != nil {
		x.user.Response(x, m, from, w)
	}
	if !x.Pending() {
		return
	}
	x.state = clientProceeding
	if x.method == sip.INVITE {
		x.retransmit.Disarm()
		x.end.Disarm()
	} else if !x.flow.Proto.Reliable() {
		x.a = x.table.cfg.T2
	}
	if x.user != nil {
		x.user.Response(x, m, from, w)
	}
}

func (x *Client) finalInvite(m *sip.Message, from transport.Flow, w *transport.Worker) {
	x.retransmit.Disarm()
	if m.Status < 300 {
		x.state = clientAccepted
		x.drop()
		x.end.Arm(64 * x.table.cfg.T1) // Timer M
		x.user.Response(x, m, from, w)
		return
	}
	x.ack(m, w)
	x.state = clientCompleted
	x.user.Response(x, m, from, w)
	if x.flow.Proto.Reliable() {
		x.finish()
		return
	}
	x.end.Arm(max(32*time.Second, 64*x.table.cfg.T1)) // Timer D
}

func (x *Client) final(m *sip.Message, from transport.Flow, w *transport.Worker) {
	x.retransmit.Disarm()
	x.state = clientCompleted
	x.drop()
	if x.user != nil {
		x.user.Response(x, m, from, w)
	}
	if x.flow.Proto.Reliable() {
		x.finish()
		return
	}
	x.end.Arm(x.table.cfg.T4) // Timer K
}

var messages = sync.Pool{New: func() any { return new(sip.Message) }}

// ack builds the ACK of a final response that is not a 2xx from the request as
// sent (RFC 3261 §17.1.1.3), sends it and keeps it in the request's place.
func (x *Client) ack(m *sip.Message, w *transport.Worker) {
	req := messages.Get().(*sip.Message)
	defer func() { req.Reset(); messages.Put(req) }()
	if err := req.ParseOwn(x.sent.B); err != nil {
		return
	}
	var room [2048]byte
	msg := appendInTransaction(room[:0], req, "ACK", m.Header(sip.HdrTo), m, nil)
	x.drop()
	x.sent = x.table.Buffers.Copy(msg)
	_ = w.Send(x.flow, msg)
}

// AppendCancel appends the CANCEL of the request that the transaction sent
// (RFC 3261 §9.1), with further header lines, each ending in CRLF.
func (x *Client) AppendCancel(dst, extra []byte) ([]byte, error) {
	req := messages.Get().(*sip.Message)
	defer func() { req.Reset(); messages.Put(req) }()
	if err := req.ParseOwn(x.Sent()); err != nil {
		return dst, err
	}
	return appendInTransaction(dst, req, "CANCEL", req.Header(sip.HdrTo), req, extra), nil
}

// appendInTransaction writes an ACK or a CANCEL: the request's Request-URI, top
// Via, Route, From, Call-ID and CSeq number, and the To line to of the message
// toIn.
func appendInTransaction(dst []byte, req *sip.Message, method string, to *sip.Header, toIn *sip.Message, extra []byte) []byte {
	v, _ := req.Via()
	cs, _ := req.CSeq()
	dst = append(append(dst, method...), ' ')
	dst = append(dst, req.RequestURI()...)
	dst = append(dst, " SIP/2.0\r\nVia: "...)
	dst = append(dst, req.Buf[v.Start:v.End]...)
	dst = append(dst, "\r\n"...)
	for h := req.Header(sip.HdrRoute); h != nil; h = req.Next(h) {
		dst = append(dst, req.Buf[h.Start:h.End]...)
	}
	from, id := req.Header(sip.HdrFrom), req.Header(sip.HdrCallID)
	dst = append(dst, req.Buf[from.Start:from.End]...)
	dst = append(dst, toIn.Buf[to.Start:to.End]...)
	dst = append(dst, req.Buf[id.Start:id.End]...)
	dst = append(dst, "CSeq: "...)
	dst = sip.AppendUint(dst, uint64(cs.Number))
	dst = append(append(append(dst, ' '), method...), "\r\nMax-Forwards: 70\r\n"...)
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// ExpireAfter makes the time to the first response another one than Config.FrTimer; it
// counts from now. The cell is locked.
func (x *Client) ExpireAfter(d time.Duration) {
	if x.state == clientCalling {
		x.end.Arm(d)
	}
}

// GiveUp ends a transaction whose final response is not waited for any longer,
// as when a cancelled branch stays silent (RFC 3261 §9.1). The cell is locked.
func (x *Client) GiveUp() {
	if x.state != clientIdle {
		x.finish()
	}
}

// Lapse says that the final response of an INVITE is not waited for any longer, but taken
// if it comes: nothing is sent again, and the transaction stays until GiveUp or such a
// response. The cell is locked.
func (x *Client) Lapse() {
	if x.Pending() || x.state == clientLapsed {
		x.lapse()
		x.lapses = true
	}
}

func (x *Client) lapse() {
	x.state = clientLapsed
	x.retransmit.Disarm()
	x.end.Disarm()
}

func (x *Client) drop() {
	x.table.Buffers.Give(x.sent)
	x.sent = nil
}

func (x *Client) finish() {
	if x.state == clientDone {
		return
	}
	x.state = clientDone
	x.retransmit.Disarm()
	x.end.Disarm()
	x.drop()
	if x.flow.Proto.Stream() {
		x.table.streams.remove(x)
	}
	x.table.removeClient(x)
}

// Expired is the timers' call.
func (x *Client) Expired(t *Timer, out Out) {
	if t == &x.end {
		x.timeout(out)
		return
	}
	if x.sent == nil || !x.Pending() {
		return
	}
	_ = out.Send(x.flow, x.sent.B)
	x.a *= 2
	if x.method != sip.INVITE {
		x.a = min(x.a, x.table.cfg.T2)
	}
	x.retransmit.Arm(x.a)
}

func (x *Client) timeout(out Out) {
	if !x.Pending() || x.user == nil {
		x.finish()
		return
	}
	defer func() {
		if !x.lapses { // nor if the user's code has a fault
			x.finish()
		}
	}()
	x.lapse()
	x.user.Failed(x, ErrTimeout, out)
}

// streams finds the transactions of a connection when it breaks.
type streams struct {
	mu sync.Mutex
	m  map[uint64]*Client
}

func (s *streams) add(x *Client) {
	s.mu.Lock()
	head := s.m[x.flow.Conn]
	x.streamNext, x.streamPrev = head, nil
	if head != nil {
		head.streamPrev = x
	}
	s.m[x.flow.Conn] = x
	s.mu.Unlock()
}

func (s *streams) remove(x *Client) {
	s.mu.Lock()
	switch {
	case x.streamPrev != nil:
		x.streamPrev.streamNext = x.streamNext
	case x.streamNext != nil:
		s.m[x.flow.Conn] = x.streamNext
	default:
		delete(s.m, x.flow.Conn)
	}
	if x.streamNext != nil {
		x.streamNext.streamPrev = x.streamPrev
	}
	x.streamNext, x.streamPrev = nil, nil
	s.mu.Unlock()
}

// Flows yields the flow of every transaction whose request went over a connection, for those
// who must not close it. A part of the table is locked, and yield must not call back.
func (t *Table) Flows(yield func(transport.Flow)) {
	t.streams.mu.Lock()
	defer t.streams.mu.Unlock()
	for _, x := range t.streams.m {
		yield(x.flow)
	}
}

// FlowDown fails every transaction whose request went over the connection and
// has no final response (RFC 3261 §17.1.4).
func (t *Table) FlowDown(f transport.Flow, err error, out Out) {
	t.streams.mu.Lock()
	var list []*Client
	for x := t.streams.m[f.Conn]; x != nil; x = x.streamNext {
		x.cell.Ref()
		list = append(list, x)
	}
	t.streams.mu.Unlock()
	for _, x := range list {
		c := x.cell
		t.flowDown(x, f, err, out)
		t.unlocked(c, nil)
		c.Unref()
	}
}

// flowDown fails one transaction whose connection has broken.
func (t *Table) flowDown(x *Client, f transport.Flow, err error, out Out) {
	c := x.cell
	defer t.survive(c)
	c.Lock()
	defer c.Unlock()
	if x.flow.Conn == f.Conn && x.Pending() {
		x.finish()
		if x.user != nil {
			x.user.Failed(x, err, out)
		}
	}
}
