package registrar

import (
	"bytes"
	"math"
	"math/rand/v2"

	"seraph/proxy/internal/modules/usrloc"
	"seraph/proxy/internal/sip"
)

// parseContact reads one value of Contact (RFC 3261 §20.10, RFC 5626 §4.2). expires is the
// value of the request's Expires, nil without one.
func (m *Module) parseContact(value, expires []byte, c *usrloc.Contact) *refusal {
	var a sip.NameAddr
	var u sip.URI
	if sip.ParseNameAddr(value, &a) != nil || sip.ParseURI(a.URI, &u) != nil {
		return badContact
	}
	if (u.Scheme == sip.SchemeSIP || u.Scheme == sip.SchemeSIPS) && len(u.Host) == 0 {
		return badContact
	}
	c.URI, c.Q = a.URI, int16(m.defaultQ)
	own := false
	for params := a.Params; len(params) > 0; {
		var name, v []byte
		name, v, params = sip.NextParam(params)
		switch {
		case sip.EqualFold(name, "expires") && !own:
			expires, own = v, true
			if v == nil {
				expires = []byte{} // malformed, but there
			}
		case sip.EqualFold(name, "q"):
			q, ok := sip.ParseQ(v)
			if !ok {
				return badQ
			}
			c.Q = q
		case sip.EqualFold(name, "+sip.instance"):
			if bytes.ContainsAny(v, "\"\\") {
				return badContact // it could not be given back in quotes
			}
			c.Instance = v
		case sip.EqualFold(name, "reg-id"):
			n, ok := sip.ParseUint(v, math.MaxInt32)
			if !ok || n == 0 {
				return badContact
			}
			c.RegID = int32(n)
		case sip.EqualFold(name, "methods"):
			c.Methods = parseMethods(v)
		}
	}
	var why *refusal
	c.Expires, why = m.grant(expires)
	return why
}

// grant is the life that a contact gets in seconds (RFC 3261 §10.2.1.1, §10.3
// step 6). What cannot be read counts as absent.
func (m *Module) grant(asked []byte) (uint32, *refusal) {
	least := uint64(m.minExpires)
	seconds, ok := parseSeconds(asked)
	switch {
	case !ok:
		least = 1 // what the operator sets is not bounded by what phones may ask for
		n := uint64(m.defaultExpires)
		spread := n * uint64(m.defaultExpiresRange) / 100
		seconds = n - spread + upTo(2*spread)
	case seconds == 0:
		return 0, nil
	case seconds < least && seconds < 3600:
		return 0, tooBrief
	default:
		seconds = max(seconds, least) // an hour and more may not be refused
	}
	if m.maxExpires > 0 {
		seconds = min(seconds, uint64(m.maxExpires))
	}
	if ok {
		seconds -= upTo(seconds * uint64(m.expiresRange) / 100)
	}
	return uint32(min(max(seconds, least), maxSeconds)), nil
}

// upTo is a random number from 0 to n: it keeps phones that came together, after a
// power cut, from coming together again.
func upTo(n uint64) uint64 {
	if n == 0 {
		return 0
	}
	return rand.Uint64N(n + 1)
}

// parseSeconds reads a delta-seconds, as great as it may be.
func parseSeconds(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 1000 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n*10+uint64(c-'0'), math.MaxUint32)
	}
	return n, true
}
