package relay

import (
	"bytes"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// Source is where the call's request came from.
func (c *Call) Source() transport.Flow { return c.from }

// Local is the identity that the router's own user agent speaks for in this call,
// nil for a call from the network.
func (c *Call) Local() *Local { return c.local }

// Method is the request's.
func (c *Call) Method() sip.Method { return c.method }

// Request is the request as received. It is there until a final reply has gone up,
// in Accountant.Ended still.
func (c *Call) Request() []byte {
	if c.req == nil {
		return nil
	}
	return c.req.B
}

// Note keeps a copy of what the accountant wants to know of an INVITE that is answered, should there be
// another answer. It is for Accountant.Ended, once a call.
func (c *Call) Note(b []byte) {
	c.engine.txns.Buffers.Give(c.noted)
	c.noted = c.engine.txns.Buffers.Copy(b)
}

// Noted is what Note was given, nil for nothing.
func (c *Call) Noted() []byte {
	if c.noted == nil {
		return nil
	}
	return c.noted.B
}

// Began is when an INVITE came in; it is noted where there is an accountant.
func (c *Call) Began() time.Time { return c.began }

// Callee is the canonical address of who is called, see Request.Callee, and of who has
// answered if the call was forwarded; empty without one.
func (c *Call) Callee() []byte { return c.callee }

// Callee is who was called when the branch was sent; empty if nobody was looked up.
func (b *Branch) Callee() []byte { return b.callee }

// Forwarders are those who were called before Callee and have had the call forwarded, each
// once, in their order.
func (c *Call) Forwarders(yield func(callee []byte) bool) {
	last := c.callee
	for _, b := range c.branches {
		if len(b.callee) == 0 || bytes.Equal(b.callee, c.callee) || bytes.Equal(b.callee, last) {
			continue
		}
		if last = b.callee; !yield(last) {
			return
		}
	}
}

// Forwarded says that the one who was called has the call forwarded: whom lookup looks for
// next is the callee.
func (r *Request) Forwarded() { r.forwarded = true }

// Seek notes that lookup looks for an address. Where the request is within a dialog and was judged by
// whom lookup had looked for before, what it finds for another one is not the other end's.
func (r *Request) Seek(address []byte) {
	r.astray = r.astray || r.bounds.set && !bytes.Equal(address, r.Callee)
	if r.Callee == nil || r.forwarded {
		r.Callee, r.forwarded = r.Keep(address), false
	}
}

// SetFound notes that lookup has found phones of a canonical address, which is copied: in the request route the
// Request-URI is now one of theirs. A failure route begins with the Request-URI of the request route again, so
// what is found there counts for whom the call was forwarded to alone.
func (r *Request) SetFound(address []byte) {
	r.Found = true
	if r.route == inFailure && r.FoundCallee != nil && !bytes.Equal(address, r.Callee) {
		return
	}
	if bytes.Equal(address, r.Callee) {
		r.FoundCallee = r.Callee
		return
	}
	r.FoundCallee = r.Keep(address)
}

// Flags are the script's.
func (c *Call) Flags() uint32 { return c.terms.Flags }

// Auth is who sent the request, empty if he has not shown that.
func (c *Call) Auth() Identity { return c.auth }

// RecordRouted reports whether an INVITE that was sent on bore our Record-Route, as those of the router's own user agent
// always do.
func (c *Call) RecordRouted() bool { return c.terms.RecordRouted || c.local != nil }

// Relayed reports whether the request was sent on.
func (c *Call) Relayed() bool { return c.relayed }

// Elsewhere reports whether the caller gave up because another phone, which the
// router may know nothing of, took the call: its CANCEL had a Reason with cause=200
// (RFC 3326 §2).
func (c *Call) Elsewhere() bool { return c.cancelled && c.elsewhere }

// remember keeps in the call what the accounts want to know of the request.
func (r *Request) remember(c *Call) {
	c.terms.Flags, c.terms.InDialog = r.Flags, r.InDialog
	switch {
	case len(r.Callee) == 0 || bytes.Equal(c.callee, r.Callee):
	case len(c.callee) == 0:
		c.callee = append(c.calleeRoom[:0], r.Callee...)
	default: // branches have the one before
		c.callee = bytes.Clone(r.Callee)
	}
	if len(r.Auth.User)+len(r.Auth.Domain) <= len(c.authRoom) {
		u := copy(c.authRoom[:], r.Auth.User)
		d := copy(c.authRoom[u:], r.Auth.Domain)
		c.auth = Identity{c.authRoom[:u:u], c.authRoom[u : u+d : u+d]}
	}
}

// account tells the accountant of a final reply: the first one, or a 2xx that opens another dialog.
func (c *Call) account(status int, reply []byte, opens bool) {
	a := c.engine.cfg.Accountant
	if a == nil || c.answered && !opens || c.method != sip.INVITE && c.method != sip.BYE {
		return
	}
	a.Ended(c, status, reply)
}

// completedElsewhere reads the Reason lines of a CANCEL. A cause of another protocol than SIP
// has its own meaning (RFC 3326 §2): Q.850 knows none of 200.
func completedElsewhere(lines []byte) bool {
	for _, fold := range [...]string{"\r\n ", "\r\n\t"} {
		lines = bytes.ReplaceAll(lines, []byte(fold), []byte(" "))
	}
	for line := range bytes.Lines(lines) {
		_, list, _ := bytes.Cut(bytes.TrimSpace(line), []byte{':'})
		for len(list) > 0 {
			n := sip.NextValue(list)
			protocol, params, _ := bytes.Cut(list[:n], []byte{';'})
			cause, _ := sip.Param(params, "cause")
			if sip.EqualFold(bytes.TrimSpace(protocol), "SIP") && string(cause) == "200" {
				return true
			}
			list = list[min(n+1, len(list)):]
		}
	}
	return false
}
