package ua

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Why a request that somebody else has worded is not sent.
var (
	ErrBadHeaders = errors.New("headers cannot be sent as they are")
	ErrNoDialog   = errors.New("no dialog of ours has this Call-ID and these tags")
	ErrUsed       = errors.New("a request of ours with this Call-ID is under way")
)

// Worded is a request in an operator's own words (SER's t_uac_dlg, Kamailio's
// tm.t_uac_start). From and To are required in Headers; what is missing of CSeq,
// Call-ID and the From tag is made. Max-Forwards is ours whatever stands there, and so is
// Contact in an INVITE and within its dialog, so that what the other end sends reaches us;
// MESSAGE has none (RFC 3428 §4). Via, Record-Route and Content-Length are refused, and so is Route,
// but for entries of the dialog's own route set: SER's scripts copy that from the reply to the
// INVITE. It is used whether or not they do. The call rules of who is called do not hold, but for a
// MESSAGE: pages send those in the name of people.
type Worded struct {
	Method string
	URI    string // the Request-URI; within a dialog, the remote target is used
	// Headers are header lines, ending in LF or CRLF.
	Headers string
	Body    []byte
}

// maxWorded bounds the headers and the body of a Worded, in bytes each.
const maxWorded = 8 << 10

// worded is what a Call keeps of a Worded.
type worded struct {
	from, to, callID, fromTag string // from with its tag
	seq                       uint32
	headers                   string // the other lines
	body                      []byte
	method, toTag             string
	contact                   string      // the caller's own, for what makes no dialog with us
	routes                    []string    // the Route entries
	reply                     chan []byte // the final response, once
}

// final takes the final response; a second one is not waited for.
func (w *worded) final(msg []byte) {
	select {
	case w.reply <- bytes.Clone(msg):
	default:
	}
}

// Request sends what an operator has worded. An
// INVITE's 2xx is acknowledged, and its dialog kept until a BYE of either side or its
// MaxLife: a later request with its Call-ID and tags goes within it, with a CSeq of
// ours. An initial request runs the script as one of the
// router's own.
// ErrBadAddress, ErrBadHeaders, ErrNoDialog, ErrUsed, ErrLimit and ErrClosed say that
// nothing was sent, ErrDropped that the script did nothing with it.
func (a *Agent) Request(p Worded) (*Requested, error) {
	if a.socket == nil {
		return nil, ErrNotAttached
	}
	w, err := p.read()
	if err != nil {
		return nil, err
	}
	sent := &Requested{reply: w.reply}
	user, domain := optionsUser, a.socket.AdvertisedHost
	switch {
	case w.toTag != "":
		err = a.within(w)
	case len(w.routes) > 0:
		err = fmt.Errorf("%w: Route outside of a dialog is the router's to write", ErrBadHeaders)
	case w.method == "INVITE":
		sent.call, err = a.begin(p.URI, w, user, domain)
	default:
		err = a.outside(p.URI, w, user, domain)
	}
	if err != nil {
		return nil, err
	}
	return sent, nil
}

// read takes a Worded apart.
func (p *Worded) read() (*worded, error) {
	method := strings.ToUpper(strings.TrimSpace(p.Method))
	switch {
	case !token(method) || method == "ACK" || method == "CANCEL":
		return nil, fmt.Errorf("%w: method %q", ErrBadHeaders, p.Method)
	case !canWrite(p.URI):
		return nil, ErrBadAddress
	case len(p.Headers) > maxWorded || len(p.Body) > maxWorded:
		return nil, fmt.Errorf("%w: over %d bytes", ErrBadHeaders, maxWorded)
	}
	w := &worded{method: method, body: p.Body, reply: make(chan []byte, 1)}
	for line := range strings.SplitSeq(p.Headers, "\n") {
		if line = strings.TrimRight(line, "\r"); line == "" {
			continue
		}
		if err := w.take(line); err != nil {
			return nil, err
		}
	}
	return w, w.complete()
}

// token reports whether s is a token of RFC 3261 §25.1, not over-long.
func token(s string) bool {
	return s != "" && len(s) <= 32 && strings.IndexFunc(s, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || strings.ContainsRune("-.!%*_+`'~", r))
	}) < 0
}

// take reads one header line.
func (w *worded) take(line string) error {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || !token(name) || !plainLine(value) {
		return fmt.Errorf("%w: %q", ErrBadHeaders, cleanText([]byte(line)))
	}
	switch strings.ToLower(name) {
	case "via", "v", "content-length", "l", "record-route":
		return fmt.Errorf("%w: %s is the router's to write", ErrBadHeaders, name)
	case "route":
		for len(value) > 0 {
			n := sip.NextValue([]byte(value))
			w.routes = append(w.routes, strings.TrimSpace(value[:n]))
			value = value[min(n+1, len(value)):]
		}
	case "from", "f":
		w.from = value
	case "to", "t":
		w.to = value
	case "call-id", "i":
		w.callID = value
	case "cseq":
		if _, err := fmt.Sscanf(value, "%d", &w.seq); err != nil || w.seq > 1<<31-1 {
			return fmt.Errorf("%w: CSeq %q", ErrBadHeaders, cleanText([]byte(value)))
		}
	case "contact", "m":
		w.contact = value
	case "max-forwards":
	default:
		w.headers += name + ": " + value + "\r\n"
	}
	return nil
}

// plainLine reports whether s is text without control characters.
func plainLine(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}

// complete makes what is missing and reads the tags.
func (w *worded) complete() error {
	var from, to sip.NameAddr
	if w.from == "" || sip.ParseNameAddr([]byte(w.from), &from) != nil || !canWrite(string(from.URI)) {
		return fmt.Errorf("%w: From %q", ErrBadHeaders, cleanText([]byte(w.from)))
	}
	if w.to == "" || sip.ParseNameAddr([]byte(w.to), &to) != nil || !canWrite(string(to.URI)) {
		return fmt.Errorf("%w: To %q", ErrBadHeaders, cleanText([]byte(w.to)))
	}
	if len(to.Tag) > 0 {
		w.toTag = string(to.Tag)
		w.to = strings.Replace(w.to, ";tag="+w.toTag, "", 1)
	}
	if len(from.Tag) > 0 {
		w.fromTag = string(from.Tag)
	} else {
		w.fromTag = random(8)
		w.from += ";tag=" + w.fromTag
	}
	if w.callID == "" {
		w.callID = NewCallID()
	}
	if strings.ContainsAny(w.callID, " \t") {
		return fmt.Errorf("%w: Call-ID", ErrBadHeaders)
	}
	w.seq = max(w.seq, 1)
	return nil
}

// begin sends an INVITE.
func (a *Agent) begin(uri string, w *worded, user, domain string) (*Call, error) {
	var from sip.NameAddr
	if err := sip.ParseNameAddr([]byte(w.from), &from); err != nil {
		return nil, err
	}
	if a.callOf(w) != nil {
		return nil, ErrUsed
	}
	return a.Invite(Invite{To: uri, From: string(from.URI), User: user, Domain: domain, NoRules: true, Timeout: maxRing, worded: w}, func(e Event) {
		if e.Kind == Failed { // without a response, else this is one too many
			w.final(localReply(e))
		}
	})
}

// localReply is the response that nobody sent to an INVITE that ended without one.
func localReply(e Event) []byte {
	status := 408
	if !errors.Is(e.Err, ErrNoAnswer) {
		status = 500
	}
	return []byte(fmt.Sprintf("SIP/2.0 %d %s\r\n\r\n", status, sip.ReasonPhrase(status)))
}

// callOf returns the living call that a Worded belongs to.
func (a *Agent) callOf(w *worded) *Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range a.calls {
		if c.invite.worded != nil && c.callID == w.callID && c.fromTag == w.fromTag {
			return c
		}
	}
	return nil
}

// within sends a request in the dialog that it names.
func (a *Agent) within(w *worded) error {
	c := a.callOf(w)
	if c == nil {
		return ErrNoDialog
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.main
	if d == nil || d.remoteTag != w.toTag || d.leg != legUp {
		return ErrNoDialog
	}
	for _, route := range w.routes {
		if !slices.Contains(d.routes, route) && !ownRoute(route, a.net.Sockets()) {
			return fmt.Errorf("%w: Route %q is not of the dialog's route set", ErrBadHeaders, cleanText([]byte(route)))
		}
	}
	method, ok := inDialogMethod(w.method)
	if !ok {
		return fmt.Errorf("%w: %s cannot be sent within a dialog", ErrBadHeaders, w.method)
	}
	d.localSeq = max(d.localSeq+1, w.seq)
	seq := d.localSeq
	what := content{headers: w.headers, body: w.body, whole: true}
	done := func(r answer) { w.answered(r) }
	switch method {
	case sip.REFER:
		d.sub = subActive // NOTIFYs are answered
		done = func(r answer) { d.referDone(r); w.answered(r) }
	case sip.BYE:
		d.leg = legBye
		d.linger()
		done = func(r answer) { d.byeDone(r); w.answered(r) }
	}
	c.queue.Post(func() { d.send(method, seq, what, done) })
	return nil
}

// inDialogMethod is a method that a script may send within a dialog.
func inDialogMethod(name string) (sip.Method, bool) {
	for _, m := range [...]sip.Method{sip.REFER, sip.BYE, sip.INFO, sip.MESSAGE, sip.OPTIONS, sip.NOTIFY} {
		if m.String() == name {
			return m, true
		}
	}
	return 0, false
}

// answered takes the end of an in-dialog request.
func (w *worded) answered(r answer) {
	switch {
	case r.msg != nil:
		w.final(r.msg)
	case r.err != nil:
		w.final([]byte("SIP/2.0 408 " + sip.ReasonPhrase(408) + "\r\n\r\n"))
	default:
		w.final([]byte(fmt.Sprintf("SIP/2.0 %d %s\r\n\r\n", r.status, r.reason)))
	}
}

// outside sends any other request outside a dialog. What an answer to it may begin (SUBSCRIBE)
// is the dialog of who has worded it, and of his Contact.
func (a *Agent) outside(uri string, w *worded, user, domain string) error {
	contact := ""
	if w.contact != "" && w.method != "MESSAGE" {
		contact = "Contact: " + w.contact + "\r\n"
	}
	msg := a.appendWorded(nil, uri, w, contact)
	var m sip.Message
	if err := m.Parse(msg); err != nil {
		return errors.Join(ErrBadHeaders, err)
	}
	key, err := a.table.KeyOf(&m)
	if err != nil {
		return err
	}
	err = a.router.Submit(msg, Identity{User: []byte(user), Domain: []byte(domain), NoRules: w.method != "MESSAGE"}, func(status int, msg []byte, _ transport.Flow, _ bool, _ sip.StatusSet) {
		if status >= 200 {
			w.final(msg)
		}
	})
	if err != nil {
		return fmt.Errorf("request not sent: %w", err)
	}
	if srv := a.table.FindServer(key); srv != nil {
		srv.Cell().Unref()
		return nil
	}
	if len(w.reply) == 0 { // as submit has it: a script may end without a word
		return ErrDropped
	}
	return nil
}

// appendWorded writes the INVITE of a Worded.
func (c *Call) appendWorded(dst []byte) []byte {
	return c.agent.appendWorded(dst, c.invite.To, c.invite.worded, string(c.appendContact(nil)))
}

func (a *Agent) appendWorded(dst []byte, uri string, w *worded, contact string) []byte {
	dst = append(dst, w.method+" "+uri+" SIP/2.0\r\nVia: SIP/2.0/"...)
	dst = append(dst, a.socket.Via...)
	dst = append(dst, ";branch="+sip.MagicCookie+userPrefix+random(12)+"\r\nMax-Forwards: 70\r\nFrom: "+w.from+
		"\r\nTo: "+w.to+"\r\nCall-ID: "+w.callID+"\r\nCSeq: "...)
	dst = sip.AppendUint(dst, uint64(w.seq))
	dst = append(dst, " "+w.method+"\r\n"+contact+w.headers+"Content-Length: "...)
	dst = sip.AppendUint(dst, uint64(len(w.body)))
	dst = append(dst, "\r\n\r\n"...)
	return append(dst, w.body...)
}

// HostPort is the address in the agent's Contacts, empty before Attach.
func (a *Agent) HostPort() string {
	if a.socket == nil {
		return ""
	}
	return string(a.socket.HostPort)
}
