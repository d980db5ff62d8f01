package auth

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// offers256 reports whether a challenge may offer SHA-256: to a user who has a
// current hash (nobody else could answer), at a place from where the user
// has given right credentials before. Strangers are offered MD5 only, whoever they
// say they are, so that a challenge tells nobody which users there are. Nothing is
// read for it but the cache.
func (m *Module) offers256(c *module.Ctx, realm []byte, proxy bool) bool {
	if !m.sha256 {
		return false
	}
	var room [512]byte
	key, ok := m.claimed(c, realm, proxy, room[:0])
	return ok && m.cache.offers(key, m.place(c.From.Remote.Addr()))
}

// claimed appends the canonical address of who a request says that it is from: the
// user of its credentials, else that of To in a REGISTER and of From in others.
func (m *Module) claimed(c *module.Ctx, realm []byte, proxy bool, dst []byte) ([]byte, bool) {
	var cr sip.Credentials
	if findCredentials(c.Msg, header(proxy), realm, &cr) == present {
		key, _, ok := userKey(dst, cr.Username, realm)
		return key, ok
	}
	u, err := claimant(c)
	if err != nil || !u.HasUser {
		return dst, false
	}
	key, _, ok := userKey(dst, u.User, realm)
	return key, ok
}

// claimant is the URI of who a request says that it is from, by SER's rule: To in a REGISTER,
// From in others.
func claimant(c *module.Ctx) (*sip.URI, error) {
	if c.Msg.Method == sip.REGISTER {
		return c.Msg.ToURI()
	}
	return c.Msg.FromURI()
}

// prove notes a place from where a user gave right credentials.
func (c *cache) prove(key []byte, place uint64) {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[string(key)]
	if e == nil || e.hasProved(place) {
		return
	}
	e.proved[e.next%uint8(len(e.proved))] = place
	e.next++
}

// offers reports whether a user has a SHA-256 hash and has proved itself at a place.
// A record that has expired serves: what is not true any more shows when the response
// comes, and the next challenge is without.
func (c *cache) offers(key []byte, place uint64) bool {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.known[string(key)]
	return e != nil && e.rec.sha256 != nil && e.hasProved(place)
}

func (e *entry) hasProved(place uint64) bool {
	for _, p := range e.proved {
		if p == place {
			return true
		}
	}
	return false
}
