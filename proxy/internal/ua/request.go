package ua

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// lookupTimeout bounds the look-up of a Route's host.
const lookupTimeout = 4 * time.Second

// answer is how a request of ours ended: a final response, or err.
type answer struct {
	status         int
	reason         string
	noSubscription bool   // Refer-Sub: false
	body           []byte // the session description in it, nil if none
	msg            []byte // the response, if the request asked for it
	err            error
}

// request is the client transaction of an in-dialog request of ours.
type request struct {
	txn.Cell
	client txn.Client
	dialog *dialog
	done   func(answer)
	whole  bool // answer.msg is wanted
	seq    uint32
	method sip.Method

	cancel                         txn.Client // of the CANCEL
	limit                          txn.Timer  // of an INVITE that has a provisional response
	limited, withdrawn, cancelSent bool       // limit was armed; it is to be cancelled; its CANCEL was sent
}

// Unlocked has nothing to do.
func (r *request) Unlocked(*transport.Worker) {}

// Release leaves the memory to the collector.
func (r *request) Release() {}

// Response takes the final response.
func (r *request) Response(_ *txn.Client, m *sip.Message, from transport.Flow, _ *transport.Worker) {
	r.dialog.heard(from)
	if r.method == sip.INVITE && m.Status/100 == 2 {
		r.dialog.reofferAccepted(r.seq, m)
	}
	if m.Status < 200 {
		r.provisional()
		return
	}
	r.limit.Disarm()
	if r.done == nil {
		return
	}
	done := r.done
	r.done = nil
	a := answer{status: m.Status, reason: cleanText(m.Reason()), noSubscription: sip.EqualFold(firstToken(m.HeaderValue(sip.HdrReferSub)), "false"), body: sdpOf(m)}
	if r.whole {
		a.msg = bytes.Clone(m.Buf)
	}
	done(a)
}

// withdraw cancels the request, an INVITE, at its first provisional response if none has come yet
// (RFC 3261 §9.1).
func (r *request) withdraw() {
	r.Lock()
	defer r.Unlock()
	r.withdrawn = true
	r.sendCancel()
}

// maxReinvite bounds the time from the first provisional response to a re-INVITE, after which nothing else
// ends its transaction, to the final one; then it is cancelled. It is as long as a proxy waits (timer C,
// RFC 3261 §16.6).
const maxReinvite = 3 * time.Minute

// provisional takes a provisional response.
func (r *request) provisional() {
	if r.method == sip.INVITE && !r.limited {
		r.limited = true
		r.limit.Arm(maxReinvite)
	}
	r.sendCancel()
}

// Expired cancels a re-INVITE that is not answered, and gives up one that has been cancelled for 64·T1
// (RFC 3261 §9.1).
func (r *request) Expired(_ *txn.Timer, out txn.Out) {
	if !r.cancelSent {
		r.withdrawn = true
		r.sendCancel()
		return
	}
	r.client.GiveUp()
	r.Failed(&r.client, txn.ErrTimeout, out)
}

func (r *request) sendCancel() {
	if !r.withdrawn || r.cancelSent || !r.client.Provisional() {
		return
	}
	r.cancelSent = true
	r.limit.Arm(r.dialog.call.agent.longest())
	msg, err := r.client.AppendCancel(nil, nil)
	if err == nil {
		r.cancel.PrepareCancel(&r.client)
		err = r.cancel.Start(sip.CANCEL, r.client.Flow(), msg, r.dialog.call.agent.net)
	}
	if err != nil {
		r.dialog.call.agent.log.Info("user agent: CANCEL cannot be sent", "call_id", r.dialog.call.callID, "error", err)
	}
}

// Failed takes a time-out or the end of the connection.
func (r *request) Failed(_ *txn.Client, err error, _ txn.Out) {
	r.limit.Disarm() // it keeps the request, and so the call, until it rings
	if done := r.done; done != nil {
		r.done = nil
		done(answer{err: err})
	}
}

// heard notes where the other end is now.
func (d *dialog) heard(from transport.Flow) {
	d.call.mu.Lock()
	d.flow = from
	d.call.mu.Unlock()
}

// path is where requests of a dialog go now.
type path struct {
	uri    string   // the Request-URI
	routes []string // the Route lines
	hop    string   // the URI whose host is next, empty for the flow
	flow   transport.Flow
}

// path follows the route set (RFC 3261 §12.2.1.1); the first entry of one that
// is a strict router becomes the Request-URI.
func (d *dialog) path() path {
	d.call.mu.Lock()
	defer d.call.mu.Unlock()
	p := path{uri: d.target, routes: d.routes, flow: d.flow}
	if len(d.routes) == 0 {
		p.uri = withoutAlias(d.target)
		return p
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr([]byte(d.routes[0]), &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return p // cannot be: newDialog has read it
	}
	p.hop = string(a.URI)
	if _, loose := u.Param("lr"); !loose {
		p.uri = p.hop
		p.routes = append(append([]string(nil), d.routes[1:]...), "<"+d.target+">")
	}
	return p
}

// withoutAlias takes the parameter out of a Contact by which nathelper tells
// where the phone sits. The script would do so with what it relays to the phone;
// we go there by the dialog's flow, past the script.
func withoutAlias(uri string) string {
	host := strings.IndexByte(uri, '@') + 1 // a user part may hold ';' itself
	var kept []string
	for part := range strings.SplitSeq(uri[host:], ";") {
		if len(kept) == 0 || !strings.HasPrefix(part, "alias=") || strings.Count(part, "~") != 2 {
			kept = append(kept, part)
		}
	}
	return uri[:host] + strings.Join(kept, ";")
}

// resolve finds the flow of the next hop. It may wait for a look-up.
func (a *Agent) resolve(hop string, prefer uint16) (transport.Flow, error) {
	var u sip.URI
	if err := sip.ParseURI([]byte(hop), &u); err != nil {
		return transport.Flow{}, err
	}
	proto := transport.UDP
	if p, ok := u.Param("transport"); ok {
		proto, ok = transport.ParseProto(string(p))
		if !ok {
			return transport.Flow{}, ErrNoWay
		}
	}
	switch {
	case u.Scheme == sip.SchemeSIPS && proto.WebSocket():
		proto = transport.WSS
	case u.Scheme == sip.SchemeSIPS: // never without TLS (RFC 3261 §26.2.2)
		proto = transport.TLS
	case u.Scheme != sip.SchemeSIP:
		return transport.Flow{}, ErrNoWay
	}
	host := string(u.Host)
	if m, ok := u.Param("maddr"); ok && len(m) > 0 {
		host = string(m)
	}
	port := u.Port
	if port == 0 {
		port = proto.DefaultPort()
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	addrs, err := a.lookup(ctx, host)
	if err != nil {
		return transport.Flow{}, err
	}
	domain := host
	if _, numeric := transport.ParseHost(host); numeric {
		domain = ""
	}
	for _, addr := range addrs {
		f, e := a.net.FlowToDomain(proto, netip.AddrPortFrom(addr, port), prefer, domain)
		if e == nil {
			return f, nil
		}
		err = errors.Join(err, e)
	}
	return transport.Flow{}, errors.Join(ErrNoWay, err)
}

// ways calls try with the flows on which the next request can go, best first,
// until one takes it: the Route's; without one, the flow of the last message and
// then, should that connection be gone, the Contact itself.
func (d *dialog) ways(p path, try func(transport.Flow) error) error {
	var first error
	if p.hop == "" {
		if first = try(p.flow); first == nil {
			return nil
		}
		p.hop = p.uri
	}
	f, err := d.call.agent.resolve(p.hop, p.flow.Socket)
	if err == nil {
		err = try(f)
	}
	if err != nil {
		return errors.Join(ErrNoWay, first, err)
	}
	return nil
}

// content is what an in-dialog request carries beside what every one has.
type content struct {
	headers string // lines ending in CRLF, Content-Type among them where there is a body
	body    []byte
	whole   bool     // done wants the response itself
	reoffer *reoffer // of a re-INVITE, which may be cancelled
}

// send sends an in-dialog request through a client transaction; done takes its
// end, possibly under the transaction's lock.
func (d *dialog) send(method sip.Method, seq uint32, what content, done func(answer)) {
	a := d.call.agent
	p := d.path()
	var sent *request
	err := d.ways(p, func(f transport.Flow) error {
		r := &request{dialog: d, done: done, whole: what.whole, seq: seq, method: method}
		a.table.Init(&r.Cell, rand.Uint64(), r)
		r.limit.Init(&r.Cell, r)
		defer r.Unref()
		r.Lock()
		defer r.Unlock()
		id := r.client.Prepare(a.table, &r.Cell, r)
		msg := d.appendRequest(nil, p, f, method, seq, id, what)
		a.identify(&r.Cell, msg)
		sent = r
		return r.client.Start(method, f, msg, a.net)
	})
	if err == nil && what.reoffer != nil {
		d.sent(what.reoffer, sent)
	}
	if err != nil {
		a.log.Info("user agent: request cannot be sent", "method", method.String(), "call_id", d.call.callID, "error", err)
		done(answer{err: err})
	}
}

// sent notes the request of a re-INVITE, which may have been withdrawn meanwhile.
func (d *dialog) sent(x *reoffer, r *request) {
	d.call.mu.Lock()
	x.request = r
	withdrawn := x.withdrawn
	d.call.mu.Unlock()
	if withdrawn {
		r.withdraw()
	}
}

// identify has the responses to a request of ours compared with it. One in which an address of somebody
// else's cannot be read, as in the router's BYE to who has called it, is sent all the same.
func (a *Agent) identify(c *txn.Cell, request []byte) {
	var m sip.Message
	_ = m.ParseOwn(request)
	a.table.Identify(c, &m)
}

// sendAck sends the ACK of a 2xx, which is no transaction (RFC 3261 §13.2.2.4).
// It is sent again for each copy of the 2xx, so one that fails is not missed.
func (d *dialog) sendAck(seq uint32, what content) {
	p := d.path()
	err := d.ways(p, func(f transport.Flow) error {
		return d.call.agent.net.Send(f, d.appendRequest(nil, p, f, sip.ACK, seq, rand.Uint64(), what))
	})
	if err != nil {
		d.call.agent.log.Info("user agent: ACK cannot be sent", "call_id", d.call.callID, "error", err)
	}
}

// appendRequest writes an in-dialog request.
func (d *dialog) appendRequest(dst []byte, p path, f transport.Flow, method sip.Method, seq uint32, id uint64, what content) []byte {
	c := d.call
	name := method.String()
	dst = append(dst, name+" "+p.uri+" SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, c.agent.net.Sockets()[f.Socket].Via...)
	dst = append(dst, ";branch="...)
	dst = txn.AppendBranch(dst, txn.StatefulMark, id)
	dst = append(dst, "\r\n"...)
	for _, r := range p.routes {
		dst = append(dst, "Route: "+r+"\r\n"...)
	}
	dst = append(dst, "Max-Forwards: 70\r\nFrom: "+c.fromValue()+"\r\nTo: "+c.toValue()...)
	if d.remoteTag != "" {
		dst = append(dst, ";tag="+d.remoteTag...)
	}
	dst = append(dst, "\r\nCall-ID: "+c.callID+"\r\nCSeq: "...)
	dst = sip.AppendUint(dst, uint64(seq))
	dst = append(dst, " "+name+"\r\n"...)
	if method != sip.ACK && method != sip.BYE {
		dst = c.appendContact(dst)
	}
	dst = append(dst, "User-Agent: "+c.agent.cfg.Name+"\r\n"...)
	dst = append(dst, what.headers...)
	dst = append(dst, "Content-Length: "...)
	dst = sip.AppendUint(dst, uint64(len(what.body)))
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, what.body...)
}
