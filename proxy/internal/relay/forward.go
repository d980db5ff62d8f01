package relay

import (
	"context"
	"net/netip"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// messageWait is how long a phone may take to answer a MESSAGE that a failure route
// waits for: it keeps the message while the sender, who waits for 64·T1 as we do
// and began earlier, still listens.
const messageWait = 15 * time.Second

// resolveTimeout bounds the look-up of a host while a request waits.
const resolveTimeout = 4 * time.Second

// Relay sends the request on to Main and More (SER's t_relay; RFC 3261 §16.6).
// On an error nothing was sent and the script answers. An ACK is forwarded
// without a transaction.
func (r *Request) Relay() error {
	if r.Msg.Method == sip.ACK {
		return r.forwardStateless(&r.Main)
	}
	if err := r.guard(); err != nil {
		return err
	}
	if err := r.circles(); err != nil {
		return err
	}
	if err := r.NewTransaction(); err != nil {
		return err
	}
	r.stamp()
	c := r.Call
	var flows [MaxBranches]transport.Flow
	n, err := r.resolveAll(&flows)
	if n == 0 {
		if err == nil {
			err = ErrNoTarget
		}
		return err
	}
	c.Lock()
	defer c.Unlock()
	if c.answered {
		return ErrAlreadyReplied
	}
	if c.cancelled {
		r.answer(c, 487)
		return nil
	}
	if len(c.branches)+n > MaxBranches {
		return ErrTooManyBranches // a failure route that goes round for ever ends here
	}
	if err := r.spread(n); err != nil {
		return err
	}
	r.freeze(c)
	c.trying(r)
	return r.start(c, &flows)
}

// target returns the i-th target: 0 is Main, the others are More.
func (r *Request) target(i int) *Target {
	if i == 0 {
		return &r.Main
	}
	return &r.More[i-1]
}

// resolveAll finds the flow of every target; a target without one keeps the
// zero Flow. It returns how many can be sent to.
func (r *Request) resolveAll(flows *[MaxBranches]transport.Flow) (n int, err error) {
	for i := r.firstTarget(); i <= len(r.More); i++ {
		f, e := r.flowTo(r.target(i))
		if e != nil {
			err = e
			continue
		}
		flows[i] = f
		n++
	}
	return n, err
}

// firstTarget is 0, but in a failure route, where only what is new is sent: Main
// has failed already unless the script changed it, and is the pattern of what
// append_branch added.
func (r *Request) firstTarget() int {
	received := r.Msg.RequestURI()
	failed := len(r.Main.URI) == len(received) && &r.Main.URI[0] == &received[0] && r.Main.Next == nil && r.Main.Flow.IsZero()
	if r.route == inFailure && (failed || len(r.More) > 0) {
		return 1
	}
	return 0
}

// freeze keeps in the call what failure and reply routes start from.
func (r *Request) freeze(c *Call) {
	c.onFailure, c.onReply = r.OnFailure, r.OnReply
	r.remember(c)
	if r.Local != nil {
		r.Local.Bound = r.Found
	}
	c.recordRouted, c.inDialog = r.RecordRouted, r.InDialog
	r.Msg.Save(&c.edits)
}

// start sends the branches.
func (r *Request) start(c *Call, flows *[MaxBranches]transport.Flow) error {
	e := r.Engine
	sent := 0
	var err error
	for i := 0; i <= len(r.More); i++ {
		if flows[i].IsZero() {
			continue
		}
		b := e.takeBranch(c)
		id := b.client.Prepare(e.txns, &c.Cell, b)
		r.scratch = r.appendBranch(r.scratch[:0], r.target(i), flows[i], txn.StatefulMark, id)
		c.branches = append(c.branches, b)
		if err = b.client.Start(c.method, flows[i], r.scratch, r.out()); err != nil {
			continue
		}
		sent++
		switch {
		case c.method == sip.INVITE:
			b.timerC.Arm(e.timerC())
		case r.OnFailure != 0 && r.Msg.Method == sip.MESSAGE:
			b.timerC.Arm(min(messageWait, e.txns.Config().FrTimer))
		}
	}
	if sent == 0 {
		return err
	}
	c.relayed = true
	e.stats.Relayed.Add(1)
	if o := e.cfg.Observer; o != nil && c.method == sip.INVITE && !r.InDialog {
		c.watched = true
		o.Relayed(r, c)
	}
	return nil
}

// guard refuses what would make the router an open relay: a To-tagged request
// along a Route that we never gave (its dialog does not pass us).
func (r *Request) guard() error {
	if r.Local != nil || r.InDialog {
		return nil
	}
	to, err := r.Msg.To()
	if err != nil {
		return err
	}
	if to.Tag != nil && r.Msg.Header(sip.HdrRoute) != nil {
		return ErrForeignRoute
	}
	if len(r.Auth.User) == 0 && !r.routesDropped {
		r.dropRoutes()
	}
	return nil
}

// dropRoutes removes a preloaded Route of a sender who is not known.
func (r *Request) dropRoutes() {
	r.routesDropped = true
	for h := r.Msg.Header(sip.HdrRoute); h != nil; h = r.Msg.Next(h) {
		r.Msg.Delete(h.Start, h.End-h.Start)
	}
	r.nextRoute = nil
}

// flowTo finds where a target is reached (RFC 3261 §16.6 steps 6-7; A and AAAA
// records for names). It may wait for the resolver.
func (r *Request) flowTo(t *Target) (transport.Flow, error) {
	if !t.Flow.IsZero() {
		return t.Flow, nil
	}
	hop := t.URI
	if r.nextRoute != nil {
		hop = r.nextRoute
	} else if t.Next != nil {
		hop = t.Next
	}
	var u sip.URI
	if err := sip.ParseURI(hop, &u); err != nil {
		return transport.Flow{}, err
	}
	if u.Scheme != sip.SchemeSIP {
		return transport.Flow{}, ErrBadTarget
	}
	proto := transport.UDP
	if p, ok := u.Param("transport"); ok {
		switch {
		case sip.EqualFold(p, "udp"):
		case sip.EqualFold(p, "tcp"):
			proto = transport.TCP
		default:
			return transport.Flow{}, ErrBadTarget
		}
	}
	host := u.Host
	if m, ok := u.Param("maddr"); ok && len(m) > 0 {
		host = m
	}
	port := u.Port
	if port == 0 {
		port = proto.DefaultPort()
	}
	addr, err := r.resolve(host)
	if err != nil {
		return transport.Flow{}, err
	}
	return r.Engine.layer.FlowTo(proto, netip.AddrPortFrom(addr, port), r.From.Socket)
}

// resolve looks a host up: numbers and cached names at once, others after the
// worker has been parked.
func (r *Request) resolve(host []byte) (netip.Addr, error) {
	if a, ok := parseAddr(host); ok {
		return a, nil
	}
	name := string(unbracket(host))
	if addrs, ok := r.Engine.resolver.Cached(name); ok {
		return r.pick(addrs)
	}
	if !r.Park() {
		return netip.Addr{}, ErrOverload
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	addrs, err := r.Engine.resolver.Lookup(ctx, name)
	if err != nil {
		return netip.Addr{}, err
	}
	return r.pick(addrs)
}

// pick returns the first address of a family that we listen on.
func (r *Request) pick(addrs []netip.Addr) (netip.Addr, error) {
	for _, a := range addrs {
		for i := range r.Engine.sockets {
			if r.Engine.sockets[i].Addr.Addr().Is4() == a.Is4() {
				return a, nil
			}
		}
	}
	return netip.Addr{}, ErrNoTarget
}

// Park makes the request wait as a transaction, so that its retransmissions are
// absorbed and its CANCEL is heard, and hands the worker's socket to another.
// False means that too many wait already. After it the caller may block.
func (r *Request) Park() bool {
	if r.parked || r.worker == nil {
		return true
	}
	if r.route == inReply {
		return false
	}
	if r.Call == nil && r.Msg.Method != sip.ACK {
		if err := r.NewTransaction(); err != nil {
			return false
		}
	}
	r.parked = r.worker.Park()
	return r.parked
}

// appendBranch writes the request for one target (RFC 3261 §16.6).
func (r *Request) appendBranch(dst []byte, t *Target, f transport.Flow, mark byte, id uint64) []byte {
	m := r.Msg
	sock := &r.Engine.sockets[f.Socket]
	dst = append(dst, m.MethodText()...)
	dst = append(dst, ' ')
	dst = append(dst, t.URI...)
	dst = append(dst, " SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, sock.Via...)
	dst = append(dst, ";branch="...)
	dst = txn.AppendBranch(dst, mark, id)
	dst = append(dst, "\r\n"...)
	if r.RecordRouted || r.Local != nil {
		dst = r.appendRecordRoute(dst, f)
	}
	if r.share > 0 {
		dst = append(dst, headerMaxBreadth+": "...)
		dst = append(sip.AppendUint(dst, uint64(r.share)), "\r\n"...)
	}
	if len(t.Route) > 0 {
		dst = append(dst, "Route: "...)
		dst = append(dst, t.Route...)
		dst = append(dst, "\r\n"...)
	}
	dst = m.AppendHeaders(dst)
	if m.Header(sip.HdrContentLength) == nil && f.Proto.Stream() {
		dst = append(dst, "Content-Length: "...)
		dst = sip.AppendUint(dst, uint64(len(m.Body())))
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, m.Body()...)
}

// forwardStateless sends the request on without a transaction.
func (r *Request) forwardStateless(t *Target) error {
	if err := r.guard(); err != nil {
		return err
	}
	if err := r.circles(); err != nil {
		return err
	}
	r.stamp()
	f, err := r.flowTo(t)
	if err != nil {
		return err
	}
	id, err := r.Engine.statelessID(r.Msg)
	if err != nil {
		return err
	}
	r.scratch = r.appendBranch(r.scratch[:0], t, f, txn.StatelessMark, id)
	return r.out().Send(f, r.scratch)
}

// Forward sends the request on to a host without a transaction (SER's forward).
// Port 0 is the default one.
func (r *Request) Forward(host string, port uint16) error {
	next := append(append([]byte("sip:"), host...), ':')
	if port == 0 {
		port = 5060
	}
	t := r.Main
	t.Next = sip.AppendUint(next, uint64(port))
	t.Flow = transport.Flow{}
	return r.forwardStateless(&t)
}
