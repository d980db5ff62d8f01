package peer

import (
	"fmt"
	"slices"
	"strings"
)

// SDP is a plain audio offer or answer.
const SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

// Dialog is one side of a dialog: what an in-dialog request needs.
type Dialog struct {
	peer          *Peer
	CallID        string
	Local, Remote string   // From and To of requests of this side, with tags
	Target        string   // remote target
	Routes        []string // route set, in the order of Route headers
	seq           int
}

// DialogOf is the caller's dialog after a response that makes one.
func (p *Peer) DialogOf(request, response *Message) *Dialog {
	p.t.Helper()
	routes := response.All("Record-Route")
	slices.Reverse(routes)
	n, _ := request.CSeq()
	return &Dialog{peer: p, CallID: request.CallID(), Local: request.Get("From"), Remote: response.Get("To"),
		Target: URIOf(response.Get("Contact")), Routes: routes, seq: n}
}

// DialogAt is the callee's dialog: its request and the response it gave.
func (p *Peer) DialogAt(request, response *Message) *Dialog {
	p.t.Helper()
	return &Dialog{peer: p, CallID: request.CallID(), Local: response.Get("To"), Remote: request.Get("From"),
		Target: URIOf(request.Get("Contact")), Routes: request.All("Record-Route")}
}

// New makes an in-dialog request with the next CSeq; ACK takes that of the INVITE.
func (d *Dialog) New(method string) *Message {
	if method != "ACK" {
		d.seq++
	}
	m := &Message{Start: method + " " + d.Target + " SIP/2.0"}
	m.Add("Via", d.peer.Via())
	for _, r := range d.Routes {
		m.Add("Route", r)
	}
	m.Add("Max-Forwards", "70").Add("From", d.Local).Add("To", d.Remote)
	return m.Add("Call-ID", d.CallID).Add("CSeq", fmt.Sprintf("%d %s", d.seq, method)).
		Add("Contact", "<"+d.peer.ContactURI()+">")
}

// Send makes an in-dialog request and sends it.
func (d *Dialog) Send(method string) *Message {
	d.peer.t.Helper()
	return d.peer.Send(d.New(method))
}

// Do sends an in-dialog request and expects its final response with this status.
func (d *Dialog) Do(method string, status int) *Message {
	d.peer.t.Helper()
	req := d.Send(method)
	n, _ := req.CSeq()
	return d.peer.Expect(Response(status, method).Of(d.CallID).With(n))
}

// Reply makes a response to a request and sends it back; a To tag is added where
// RFC 3261 §8.2.6.2 wants one, the same for all replies of this peer to one call.
func (p *Peer) Reply(req *Message, status int, reason string, edit ...func(*Message)) *Message {
	p.t.Helper()
	return p.Back(req, p.MakeReply(req, status, reason, edit...))
}

// MakeReply makes the response without sending it.
func (p *Peer) MakeReply(req *Message, status int, reason string, edit ...func(*Message)) *Message {
	m := &Message{Start: fmt.Sprintf("SIP/2.0 %d %s", status, reason)}
	for _, f := range req.Fields {
		switch canonical(f.Name) {
		case "via", "from", "call-id", "cseq":
			m.Add(f.Name, f.Value)
		case "record-route":
			if status < 300 {
				m.Add(f.Name, f.Value)
			}
		case "to":
			to := f.Value
			if status > 100 && Param(to, "tag") == "" {
				to += ";tag=" + p.Name + "-" + req.CallID()[:min(8, len(req.CallID()))]
			}
			m.Add(f.Name, to)
		}
	}
	if req.Method() == "INVITE" && status > 100 && status < 300 {
		m.Add("Contact", "<"+p.ContactURI()+">")
	}
	if req.Method() == "INVITE" && status >= 200 && status < 300 {
		m.Add("Content-Type", "application/sdp")
		m.Body = []byte(SDP)
	}
	for _, e := range edit {
		e(m)
	}
	return m
}

// NewRequest makes a request outside a dialog.
func (p *Peer) NewRequest(method, uri string) *Message {
	p.cseq++
	m := &Message{Start: method + " " + uri + " SIP/2.0"}
	m.Add("Via", p.Via()).Add("Max-Forwards", "70")
	m.Add("From", fmt.Sprintf("<%s>;tag=%s", p.AoR(), Token())).Add("To", "<"+uri+">")
	return m.Add("Call-ID", Token()+"@"+p.IP).Add("CSeq", fmt.Sprintf("%d %s", p.cseq, method))
}

// Again makes the next attempt of a request: same Call-ID and From, new branch,
// next CSeq, without credentials.
func (p *Peer) Again(req *Message) *Message {
	m := req.Clone()
	n, method := req.CSeq()
	p.cseq = max(p.cseq, n+1)
	return m.Set("Via", p.Via()).Set("CSeq", fmt.Sprintf("%d %s", n+1, method)).
		Del("Authorization").Del("Proxy-Authorization")
}

// Answer is the next attempt of a request with credentials for the challenge of
// its 401 or 407.
func (p *Peer) Answer(req, challenged *Message, cr Credentials) *Message {
	p.t.Helper()
	from, to := "WWW-Authenticate", "Authorization"
	if challenged.Status() == 407 {
		from, to = "Proxy-Authenticate", "Proxy-Authorization"
	}
	c, err := ParseChallenge(challenged.Get(from))
	if err != nil {
		p.t.Fatalf("%s: %v", p.Name, err)
	}
	method, _, _ := strings.Cut(req.Start, " ")
	return p.Again(req).Add(to, c.Answer(cr, method, req.URI()))
}

func (p *Peer) credentials() Credentials { return Credentials{User: p.Name, Password: p.Password} }
