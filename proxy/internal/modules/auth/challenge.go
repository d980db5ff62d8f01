package auth

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// challenge is the memory of one challenge.
type challenge struct {
	reply sip.Reply
	room  [1024]byte
}

// takeChallenge returns memory that is to go back to Module.challenges.
func (m *Module) takeChallenge() *challenge {
	if ch, ok := m.challenges.Get().(*challenge); ok {
		return ch
	}
	return new(challenge)
}

// send answers 401 or 407 with a new nonce (RFC 2617 §3.2.1) and ends the script, as
// SER does. A request for a realm that is not ours is refused instead: a challenge in
// somebody else's name would collect their users' digests.
func (m *Module) send(c *module.Ctx, realm string, qop, proxy bool) int {
	var room [2 + aor.MaxDomain]byte
	domain, ok := m.realm(c, realm, room[:0])
	if !ok {
		return m.foreign(c)
	}
	offer := qop && m.offers256(c, domain, proxy)
	stale := m.isStale(c, domain, proxy, offer)
	ch := m.takeChallenge()
	ch.reply = sip.Reply{Status: 401}
	field := "WWW-Authenticate"
	if proxy {
		ch.reply.Status, field = 407, "Proxy-Authenticate"
	}
	ch.reply.Extra = m.appendChallenges(ch.room[:0], field, domain, qop, stale, offer)
	err := c.ReplyStateless(&ch.reply)
	m.challenges.Put(ch)
	if err == nil && c.Msg.Method != sip.ACK {
		m.stats.challenges.Add(1)
		if stale {
			m.stats.stale.Add(1)
		}
	}
	return module.Stop
}

// foreign refuses a request for a realm that is not ours.
func (m *Module) foreign(c *module.Ctx) int {
	_ = c.ReplyStateless(&sip.Reply{Status: 403, Reason: "Not our domain"})
	return module.Stop
}

// appendChallenges writes the header lines, one for each algorithm and the best one
// first (RFC 8760 §2.4); the nonce is the same in all.
func (m *Module) appendChallenges(dst []byte, field string, realm []byte, qop, stale, offer bool) []byte {
	var text [nonceSize]byte
	m.nonces.make(&text, qop, offer)
	if offer {
		dst = appendChallenge(dst, field, realm, &text, qop, stale, "SHA-256")
	}
	return appendChallenge(dst, field, realm, &text, qop, stale, "MD5")
}

func appendChallenge(dst []byte, field string, realm []byte, text *[nonceSize]byte, qop, stale bool, algorithm string) []byte {
	dst = append(append(dst, field...), ": Digest realm=\""...)
	dst = append(append(dst, realm...), "\", nonce=\""...)
	dst = append(append(dst, text[:]...), '"')
	if qop {
		dst = append(dst, ", qop=\"auth\""...)
	}
	if stale {
		dst = append(dst, ", stale=true"...)
	}
	return append(append(append(dst, ", algorithm="...), algorithm...), "\r\n"...)
}

// isStale reports whether the request has credentials with a nonce that is not good,
// or no longer: then the phone tries again by itself with the new one instead of
// asking for the password (RFC 2617 §3.2.1, stale). So it does where SHA-256 was
// offered and is not any more.
func (m *Module) isStale(c *module.Ctx, realm []byte, proxy, offer bool) bool {
	var cr sip.Credentials
	if findCredentials(c.Msg, header(proxy), realm, &cr) != present {
		return false
	}
	n, ok := m.nonces.check(cr.Nonce)
	if !ok {
		return true
	}
	nc, fault := m.form(c, &cr, n)
	if fault != "" {
		return false
	}
	return m.counts.used(n, nc) || algorithmOf(&cr) == algSHA256 && !offer
}
