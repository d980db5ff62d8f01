package peer

import "fmt"

// Call is an outgoing INVITE of a peer.
type Call struct {
	*Peer
	Invite *Message // as last sent
}

// Call sends an INVITE to a URI. A peer with a password answers the 407 that it
// then expects; after that Invite is the authenticated one.
func (p *Peer) Call(uri string, edit ...func(*Message)) *Call {
	p.t.Helper()
	m := p.NewRequest("INVITE", uri).Add("Contact", "<"+p.ContactURI()+">")
	m.Add("Content-Type", "application/sdp")
	m.Body = []byte(SDP)
	for _, e := range edit {
		e(m)
	}
	c := &Call{Peer: p, Invite: p.Send(m)}
	if p.Password != "" {
		challenged := c.Expect(Response(407, "INVITE").Of(m.CallID()))
		c.AckFailure(challenged)
		c.Invite = p.Send(p.Answer(m, challenged, p.credentials()))
	}
	return c
}

// Expects waits for a response with this status to the INVITE.
func (c *Call) Expects(status int) *Message {
	c.t.Helper()
	n, _ := c.Invite.CSeq()
	return c.Expect(Response(status, "INVITE").Of(c.Invite.CallID()).With(n))
}

// Ack acknowledges a 2xx and returns the dialog.
func (c *Call) Ack(ok *Message) *Dialog {
	c.t.Helper()
	d := c.DialogOf(c.Invite, ok)
	d.Send("ACK")
	return d
}

// AckFailure acknowledges a final response of 300 or more (RFC 3261 §17.1.1.3).
func (c *Call) AckFailure(final *Message) {
	c.t.Helper()
	c.Send(c.sameBranch("ACK").Set("To", final.Get("To")))
}

// Cancel sends the CANCEL of the INVITE (§9.1) and expects its 200.
func (c *Call) Cancel() {
	c.t.Helper()
	c.Send(c.sameBranch("CANCEL"))
	c.Expect(Response(200, "CANCEL").Of(c.Invite.CallID()))
}

func (c *Call) sameBranch(method string) *Message {
	n, _ := c.Invite.CSeq()
	m := &Message{Start: method + " " + c.Invite.URI() + " SIP/2.0"}
	m.Add("Via", c.Invite.Get("Via"))
	for _, r := range c.Invite.All("Route") {
		m.Add("Route", r)
	}
	return m.Add("Max-Forwards", "70").Add("From", c.Invite.Get("From")).Add("To", c.Invite.Get("To")).
		Add("Call-ID", c.Invite.CallID()).Add("CSeq", fmt.Sprintf("%d %s", n, method))
}

// Register sends a REGISTER for the peer's AoR, answers a challenge if the peer
// has a password, and returns the final response. Without contacts it is the
// peer's own one for an hour.
func (p *Peer) Register(contacts ...string) *Message {
	p.t.Helper()
	if len(contacts) == 0 {
		contacts = []string{"<" + p.ContactURI() + ">;expires=3600"}
	}
	m := p.NewRegister(contacts...)
	final := p.Do(m)
	if final.Status() == 401 && p.Password != "" {
		return p.Do(p.Answer(m, final, p.credentials()))
	}
	return final
}

// NewRegister makes a REGISTER with these Contact values; none makes a query.
func (p *Peer) NewRegister(contacts ...string) *Message {
	m := p.NewRequest("REGISTER", "sip:"+p.Domain).Set("To", "<"+p.AoR()+">")
	for _, c := range contacts {
		m.Add("Contact", c)
	}
	return m
}

// Do sends a request other than INVITE and returns its final response.
func (p *Peer) Do(m *Message) *Message {
	p.t.Helper()
	p.Send(m)
	n, method := m.CSeq()
	return p.Expect(Final(method).Of(m.CallID()).With(n))
}

// Registered registers the peer and fails the test unless that is accepted.
func (p *Peer) Registered(contacts ...string) *Peer {
	p.t.Helper()
	if ok := p.Register(contacts...); ok.Status() != 200 {
		p.t.Fatalf("%s: REGISTER was answered %q", p.Name, ok.Start)
	}
	return p
}
