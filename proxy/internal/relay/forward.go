package relay

import (
	"errors"
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
		return r.relayACK()
	}
	if err := r.guard(&r.Main); err != nil {
		return err
	}
	if err := r.circles(); err != nil {
		return err
	}
	if err := r.NewTransaction(); err != nil {
		return err
	}
	if r.firstTarget() > len(r.More) {
		return ErrNothingNew
	}
	r.stamp()
	c := r.Call
	if c.method == sip.INVITE && !r.InDialog && r.Engine.draining.Load() {
		return ErrOverload
	}
	r.branchRoutes()
	defer r.forgetBranches()
	n, err := r.reachAll()
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
	if len(c.branches)-c.retries+int(c.vain)+n > MaxBranches {
		return ErrTooManyBranches // a failure route that goes round for ever ends here
	}
	if err := r.spread(n); err != nil {
		return err
	}
	r.freeze(c)
	if err := r.sendBranches(c); err != nil {
		if r.route == inFailure && !r.underway {
			c.onFailure = 0 // or the route would follow itself for ever
		}
		return err
	}
	r.sentOn()
	return nil
}

// sendBranches sends the branches of a request that the dialog table takes.
func (r *Request) sendBranches(c *Call) error {
	if err := r.track(c); err != nil {
		return err
	}
	c.trying(r)
	return r.start(c)
}

// relayACK sends an ACK on, once.
func (r *Request) relayACK() error {
	if r.AsSent() {
		return ErrNothingNew
	}
	if err := r.forwardStateless(&r.Main); err != nil {
		return err
	}
	r.sentOn()
	return nil
}

// target returns the i-th target: 0 is Main, the others are More.
func (r *Request) target(i int) *Target {
	if r.branched != nil && r.branched.on {
		return &r.branched.targets[i]
	}
	if i == 0 {
		return &r.Main
	}
	return &r.More[i-1]
}

// reachAll finds how every target is reached; one that cannot be has no flow. It
// returns how many can be sent to.
func (r *Request) reachAll() (n int, err error) {
	first := r.firstTarget()
	for i := 0; i <= len(r.More); i++ {
		w := &r.ways[i]
		if w.flow, w.gone = (transport.Flow{}), false; i < first || r.isDropped(i) {
			continue
		}
		if e := r.reach(r.target(i), w); e != nil {
			w.flow, err = transport.Flow{}, e
			if w.gone = noPhone(r.target(i), e); w.gone {
				n++
			}
			continue
		}
		n++
	}
	return n, err
}

// firstTarget is 0, but in a failure route and after a Relay before, where only what is
// new is sent: Main was sent already unless the script changed it, and is the pattern of
// what append_branch added.
func (r *Request) firstTarget() int {
	if r.last.URI != nil && (len(r.More) > 0 || r.AsSent()) {
		return 1
	}
	return 0
}

// onlyPhones reports whether all that is sent to now was found as phones, by a lookup before.
func (r *Request) onlyPhones() bool {
	for i := r.firstTarget(); i <= len(r.More); i++ {
		if !r.target(i).Phone {
			return false
		}
	}
	return true
}

// freeze keeps in the call what failure and reply routes start from.
func (r *Request) freeze(c *Call) {
	c.onFailure = r.OnFailure
	c.keepStart(r)
	c.keepForwarded(r)
	c.keep(r)
	r.remember(c)
	if r.Local != nil {
		r.Local.Bound = r.Found || r.route == inFailure && r.Local.Bound && r.onlyPhones()
	}
	if c.terms = r.terms; !r.InDialog || r.nextRoute == nil {
		c.nextAt = 0 // only within a dialog do failure routes go along what is left of the Route
	}
	c.keepFlows(r)
	c.keepNames(r)
	c.keepParams(&r.params)
	if r.route == inRequest {
		c.later.set(r.later.list)
	}
	r.Msg.Save(&c.edits)
}

// errLost says that no place of a target took the request.
var errLost = errors.New("no connection to the target")

// start sends the branches. A target that nobody is found at counts as a branch that
// failed (RFC 3261 §16.9); any other error of the only targets is the caller's to answer.
func (r *Request) start(c *Call) error {
	sent, unreached, first := 0, 0, len(c.branches)
	added := r.params.added
	var err error
	for i := 0; i <= len(r.More); i++ {
		w := &r.ways[i]
		if w.gone {
			unreached = noConnection
		}
		if w.flow.IsZero() {
			if c.local != nil && !w.gone && i >= r.firstTarget() && !r.isDropped(i) && r.target(i).Phone {
				c.local.Said.Add(480) // it is registered, and was not to be reached
			}
			continue
		}
		b := r.Engine.takeBranch(c)
		on := r.courseTo(r.target(i))
		on.names = r.branchNames(i)
		b.begin(&on)
		c.branches = append(c.branches, b)
		r.ownEdits(i)
		err = r.launch(b, r.target(i), w)
		r.commonEdits(c)
		if err != nil && b.otherFlow(r.out()) {
			sent++
			continue
		}
		if err != nil {
			switch {
			case noPhone(r.target(i), err):
				unreached = noConnection
			case errors.Is(err, errLost) && unreached == 0:
				unreached = 503
			}
			continue
		}
		sent++
		b.arm()
	}
	r.params.added = added
	if sent == 0 && unreached == 0 {
		return err
	}
	c.relayed = true
	if len(c.branches) == first {
		c.vain++
	}
	if r.recursed {
		c.dropRecursed()
	}
	if r.authorized {
		c.dropAnswered()
	}
	if r.route == inFailure && !r.underway {
		if r.ForgetOld {
			c.dropOld(first)
		}
		c.round.begin(first)
	}
	if unreached != 0 {
		c.noteUnreached(nil, unreached)
	}
	if sent == 0 {
		c.settle(r.out())
		return nil
	}
	r.Engine.stats.Relayed.Add(1)
	if o := r.Engine.cfg.Observer; o != nil && c.method == sip.INVITE && !r.InDialog && !c.watched {
		c.watched = true
		o.Relayed(r, c)
	}
	return nil
}

// guard refuses what would make the router an open relay: a To-tagged request
// along a Route that we never gave (its dialog does not pass us). A Route that a request
// outside of a dialog must not follow goes. A request without a Route that has the tags of a dialog
// of the table is held to that as if it had ours: else who leaves it out would be held to nothing.
func (r *Request) guard(t *Target) error {
	if r.Local != nil {
		return nil
	}
	if r.flowGone && !r.Found { // lookup knows a new way to a phone that gave its GRUU
		return ErrFlowFailed
	}
	if r.InDialog && r.unreadRoute {
		return ErrForeignRoute // who gets the request may read it, and follow it
	}
	if r.InDialog {
		return r.within()
	}
	to, err := r.Msg.To()
	if err != nil {
		return err
	}
	if to.Tag != nil && r.Msg.Header(sip.HdrRoute) != nil {
		return ErrForeignRoute
	}
	// What was sent on before is asked for no more: the tags may be those of its own answer.
	if d := r.Engine.cfg.Dialogs; d != nil && to.Tag != nil && r.last.URI == nil && d.Has(r) {
		r.InDialog, r.RecordRouted, r.sentBack = true, false, r.isSentBack()
		return r.within()
	}
	r.filterRoutes(t)
	return nil
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

// appendTop writes what depends on the way that a request takes: its first line, our
// Via and our Record-Route.
func (r *Request) appendTop(dst []byte, t *Target, f transport.Flow, mark byte, id uint64) []byte {
	sock := &r.Engine.sockets[f.Socket]
	dst = append(dst, r.Msg.MethodText()...)
	dst = append(dst, ' ')
	dst = append(dst, t.URI...)
	dst = append(dst, " SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, sock.Via...)
	dst = append(dst, ";branch="...)
	dst = txn.AppendBranch(dst, mark, id)
	if f.Proto == transport.TLS && r.Engine.layer.ShowsCertificate(f) {
		dst = append(dst, aliasParam...)
	}
	dst = append(dst, "\r\n"...)
	if r.RecordRouted || r.Local != nil && opensDialog(r.Msg.Method) {
		dst = r.appendRecordRoute(dst, t, f)
	}
	return dst
}

// opensDialog reports whether a request may begin a dialog. The later requests of those that
// the router's own user agent begins pass here without the script's asking.
func opensDialog(m sip.Method) bool {
	return m == sip.INVITE || m == sip.SUBSCRIBE || m == sip.REFER
}

// appendBranch writes the request for one target (RFC 3261 §16.6).
func (r *Request) appendBranch(dst []byte, t *Target, f transport.Flow, mark byte, id uint64) []byte {
	m := r.Msg
	dst = r.appendTop(dst, t, f, mark, id)
	r.rest = len(dst)
	if r.share > 0 {
		dst = append(dst, headerMaxBreadth+": "...)
		dst = append(sip.AppendUint(dst, uint64(r.share)), "\r\n"...)
	}
	if len(t.Route) > 0 {
		dst = append(dst, "Route: "...)
		dst = append(dst, t.Route...)
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, t.Extra...)
	dst = m.AppendHeaders(dst)
	if m.Header(sip.HdrContentLength) == nil && (r.needLength || f.Proto.Stream()) {
		dst = append(dst, "Content-Length: "...)
		dst = sip.AppendUint(dst, uint64(len(m.Body())))
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, "\r\n"...)
	return append(dst, m.Body()...)
}

// forwardStateless sends the request on without a transaction.
func (r *Request) forwardStateless(t *Target) error {
	if err := r.guard(t); err != nil {
		return err
	}
	if err := r.circles(); err != nil {
		return err
	}
	r.stamp()
	w := &r.ways[0]
	if err := r.reach(t, w); err != nil {
		return err
	}
	back, err := r.backOf()
	if err != nil {
		return err
	}
	id, err := r.Engine.statelessID(r.Msg, back)
	if err != nil {
		return err
	}
	r.needLength = false
	r.scratch = r.appendBranch(r.scratch[:0], t, w.flow, txn.StatelessMark, id)
	return r.out().Send(w.flow, r.scratch)
}

// Forward sends the request on to a host without a transaction (SER's forward).
// Port 0 is the default one.
func (r *Request) Forward(host string, port uint16) error {
	next := append(append([]byte("sip:"), host...), ':')
	if port == 0 {
		port = 5060
	}
	t := r.Main
	t.Next, t.NextOf = sip.AppendUint(next, uint64(port)), NextServer
	t.Flow, t.Given = transport.Flow{}, false
	return r.forwardStateless(&t)
}
