package relay

import (
	"errors"
	"net/netip"
	"slices"
)

// ErrNoChallenge says that what led to the failure route is no challenge of an element below.
var ErrNoChallenge = errors.New("no challenge")

// Challenge is what a branch was answered with 401 or 407.
type Challenge struct {
	// URI is the Request-URI that the branch was sent with, Hop the URI that it was sent
	// to, and Addr the address that that was.
	URI, Hop []byte
	Addr     netip.AddrPort
	// Lines are its WWW-Authenticate and Proxy-Authenticate lines, each ending in CRLF.
	Lines []byte
}

// Challenged is the challenge that led to the failure route (RFC 3261 §22.3). The texts are
// the request's.
func (r *Request) Challenged() (Challenge, error) {
	c := r.Call
	if c == nil || r.route != inFailure {
		return Challenge{}, ErrNoTransaction
	}
	c.Lock()
	defer c.Unlock()
	b := c.challenged()
	if b == nil {
		return Challenge{}, ErrNoChallenge
	}
	hop := b.hop
	if len(hop) == 0 {
		hop = b.uri
	}
	return Challenge{URI: r.Keep(b.uri), Hop: r.Keep(hop), Addr: b.client.Flow().Remote, Lines: r.Keep(b.challenges)}, nil
}

// Authorize adds the challenged branch once more as a target, on the way that it took,
// with header lines of its own: the credentials. Once it is sent on, the challenge no
// longer counts.
func (r *Request) Authorize(lines []byte) error {
	c := r.Call
	if c == nil || r.route != inFailure {
		return ErrNoTransaction
	}
	c.Lock()
	b := c.challenged()
	if b == nil {
		c.Unlock()
		return ErrNoChallenge
	}
	t := Target{URI: b.uri, Flow: b.client.Flow(), Group: b.group, Phone: b.phone, Q: 1000, Extra: lines, Flags: b.flags}
	if len(b.hop) > 0 {
		t.Next = b.hop // for the next challenge
	}
	err := r.AddTarget(t)
	c.Unlock()
	r.authorized = r.authorized || err == nil
	return err
}

// challenged is the branch whose challenge is the best reply of the round, nil if that is another.
func (c *Call) challenged() *Branch {
	if b := c.chosen(); b != nil && (b.status == 401 || b.status == 407) && len(b.challenges) > 0 {
		return b
	}
	return nil
}

// isOpen reports whether a branch has a challenge of that status which nobody has answered.
func (c *Call) isOpen(status uint16) bool {
	return slices.ContainsFunc(c.branches, func(b *Branch) bool { return b.status == status && len(b.challenges) > 0 })
}

// dropAnswered forgets a challenge that is answered now.
func (c *Call) dropAnswered() {
	if b := c.challenged(); b != nil {
		b.challenges = b.challenges[:0]
		if c.local != nil && !c.isOpen(b.status) {
			c.local.Said.Remove(int(b.status), int(b.status))
		}
		if b.isBest {
			c.dropBest()
		}
	}
}
