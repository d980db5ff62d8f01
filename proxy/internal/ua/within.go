package ua

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Within is a request within a dialog of two others that passes the router: it seems to
// come from the one, and goes to the other.
type Within struct {
	Method sip.Method
	CallID string
	// From, FromTag, To and ToTag are the URIs and tags of the header fields.
	From, FromTag, To, ToTag string
	// Target is the remote target, a URI. Empty is To.
	Target string
	// Routes is the route set from the router on, as name-addrs.
	Routes []string
	// Flow is where the receiver's last message came from. Without a route set the
	// request goes there, and to Target if that flow is gone.
	Flow transport.Flow
	CSeq uint32
	// Headers are further header lines, each ending in CRLF.
	Headers string
}

// foreign is the client transaction of such a request.
type foreign struct {
	txn.Cell
	client txn.Client
	uri    string // the Request-URI
	final  chan Answer
	failed chan error
}

// Unlocked has nothing to do.
func (r *foreign) Unlocked(*transport.Worker) {}

// Release leaves the memory to the collector.
func (r *foreign) Release() {}

// Response takes the final response; it comes once.
func (r *foreign) Response(_ *txn.Client, m *sip.Message, _ transport.Flow, _ *transport.Worker) {
	if m.Status < 200 {
		return
	}
	answer := Answer{Status: m.Status, Reason: cleanText(m.Reason()), Relayed: true}
	if m.Status == 401 || m.Status == 407 {
		answer.Challenge = Challenge{URI: r.uri, Addr: r.client.Flow().Remote, Lines: challengeLines(m)}
	}
	select {
	case r.final <- answer:
	default:
	}
}

func challengeLines(m *sip.Message) (lines string) {
	for _, id := range [...]sip.HeaderID{sip.HdrWWWAuthenticate, sip.HdrProxyAuthenticate} {
		for h := m.Header(id); h != nil; h = m.Next(h) {
			lines += string(m.Buf[h.Start:h.End])
		}
	}
	return lines
}

// Failed takes a time-out or the end of the connection.
func (r *foreign) Failed(_ *txn.Client, err error, _ txn.Out) {
	select {
	case r.failed <- err:
	default:
	}
}

// SendWithin sends a request within a dialog of two others, or of a call of the agent's own, and waits for
// its final response. ErrNoWay says that it could not be sent, ErrBadAddress that it cannot be
// written; the error holds that of ctx if that ended first.
func (a *Agent) SendWithin(ctx context.Context, w Within) (Answer, error) {
	if a.net == nil {
		return Answer{}, ErrNotAttached
	}
	if w.Target == "" {
		w.Target = w.To
	}
	for _, text := range append([]string{w.From, w.FromTag, w.To, w.ToTag, w.Target, w.CallID}, w.Routes...) {
		if !oneLine(text) {
			return Answer{}, ErrBadAddress
		}
	}
	r := &foreign{final: make(chan Answer, 1), failed: make(chan error, 1)}
	if !a.deliver(r, &w) {
		if err := a.start(r, &w); err != nil {
			return Answer{}, err
		}
	}
	select {
	case answer := <-r.final:
		return answer, nil
	case err := <-r.failed:
		return Answer{}, fmt.Errorf("no answer: %w", err)
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// deliver hands a request to a call of the agent's own, which is at no address: over the network it would
// come from a socket of ours, and that might not be reached at the address in our Contact (a router behind a
// NAT). False says that it is for somebody else.
func (a *Agent) deliver(r *foreign, w *Within) bool {
	if w.Flow.Proto != transport.Local || len(w.Routes) > 0 {
		return false
	}
	m := &sip.Message{}
	if m.Parse(a.appendWithin(nil, w, w.Target, nil, w.Flow, rand.Uint64())) != nil || !a.Owns(m) {
		return false
	}
	a.Handle(m, w.Flow, &delivered{m: m, r: r})
	return true
}

// delivered answers such a request.
type delivered struct {
	m *sip.Message
	r *foreign
}

// Reply gives the answer to who waits for it.
func (x *delivered) Reply(rep *sip.Reply) { x.answer(rep.Status) }

// Refuse is Reply: here is no memory to save.
func (x *delivered) Refuse(rep *sip.Reply) { x.answer(rep.Status) }

// Append builds the reply. It leads nowhere: nothing is sent again that did not get lost.
func (x *delivered) Append(dst []byte, rep *sip.Reply) ([]byte, transport.Flow) {
	return x.m.AppendReply(dst, rep), transport.Flow{Proto: transport.Local}
}

// Later keeps the request, which nobody can cancel.
func (x *delivered) Later(func()) func(status int, msg []byte) {
	return func(status int, _ []byte) { x.answer(status) }
}

func (x *delivered) answer(status int) {
	select {
	case x.r.final <- Answer{Status: status, Reason: sip.ReasonPhrase(status)}:
	default:
	}
}

// oneLine reports whether a text stays in its header line.
func oneLine(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return false
		}
	}
	return true
}

// start sends the request by the first way that takes it.
func (a *Agent) start(r *foreign, w *Within) error {
	uri, routes, hop, err := w.path()
	if err != nil {
		return err
	}
	a.table.Init(&r.Cell, rand.Uint64(), r)
	defer r.Unref()
	r.uri = uri
	try := func(f transport.Flow) error {
		r.Lock()
		defer r.Unlock()
		id := r.client.Prepare(a.table, &r.Cell, r)
		msg := a.appendWithin(nil, w, uri, routes, f, id)
		a.identify(&r.Cell, msg)
		return r.client.Start(w.Method, f, msg, a.net)
	}
	var first error
	if hop == "" {
		if !w.Flow.IsZero() {
			if first = try(w.Flow); first == nil {
				return nil
			}
		}
		hop = uri
	}
	f, err := a.resolve(hop, w.Flow.Socket)
	if err == nil {
		err = try(f)
	}
	if err != nil {
		return errors.Join(ErrNoWay, first, err)
	}
	return nil
}

// path is where the request goes (RFC 3261 §12.2.1.1): its Request-URI, its Route lines
// and the URI of the next hop, empty for the flow.
func (w *Within) path() (uri string, routes []string, hop string, err error) {
	if len(w.Routes) == 0 {
		return withoutAlias(w.Target), nil, "", nil
	}
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr([]byte(w.Routes[0]), &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return "", nil, "", ErrBadAddress
	}
	hop = string(a.URI)
	if _, loose := u.Param("lr"); loose {
		return w.Target, w.Routes, hop, nil
	}
	return hop, append(append([]string(nil), w.Routes[1:]...), "<"+w.Target+">"), hop, nil
}

// appendWithin writes the request.
func (a *Agent) appendWithin(dst []byte, w *Within, uri string, routes []string, f transport.Flow, id uint64) []byte {
	name := w.Method.String()
	dst = append(dst, name+" "+uri+" SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, a.net.Sockets()[f.Socket].Via...)
	dst = append(dst, ";branch="...)
	dst = append(txn.AppendBranch(dst, txn.StatefulMark, id), "\r\n"...)
	for _, route := range routes {
		dst = append(dst, "Route: "+route+"\r\n"...)
	}
	dst = append(dst, "Max-Forwards: 70\r\nFrom: <"+w.From+">"+tagged(w.FromTag)+"\r\nTo: <"+w.To+">"+tagged(w.ToTag)+
		"\r\nCall-ID: "+w.CallID+"\r\nCSeq: "...)
	dst = sip.AppendUint(dst, uint64(w.CSeq))
	return append(dst, " "+name+"\r\nUser-Agent: "+a.cfg.Name+"\r\n"+w.Headers+"Content-Length: 0\r\n\r\n"...)
}

// tagged is the parameter of a tag; one of RFC 2543 has none (RFC 3261 §12.2.1.1).
func tagged(tag string) string {
	if tag == "" {
		return ""
	}
	return ";tag=" + tag
}
