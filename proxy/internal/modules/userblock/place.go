package userblock

import "bytes"

// place is where a rule leads now.
type place struct {
	// uri is what is called, with an alias resolved: the next one's rules and phones are
	// found by it, and the lists of calls name who it is.
	uri []byte
	// address is the canonical address, nil as that of forward is.
	address []byte
	// stays says that it is an address in our domains.
	stays bool
	// foreign says that it is none of our people's: outside of our domains, or a telephone
	// number that nobody here has.
	foreign bool
}

// placeOf finds where a rule leads; the texts are the rule's or lie in s.
func (m *Module) placeOf(s *scratch, f *forward) place {
	p := place{uri: f.uri, address: f.address, stays: f.address != nil && m.isOurs(f.domain)}
	if !p.stays {
		p.foreign = true
		return p
	}
	p.uri, p.foreign = f.plain, f.number
	scheme, rest, _ := bytes.Cut(f.plain, colon)
	if m.cfg.Alias == nil || bytes.IndexByte(rest, ';') >= 0 { // no alias has phones of its own (GRUU)
		return p
	}
	to, ok := m.cfg.Alias(s.alias[:0], f.address)
	if !ok {
		return p
	}
	_, domain, _ := bytes.Cut(to, at)
	p.uri = append(append(append(s.uri[:0], scheme...), ':'), to...)
	p.address, p.stays = to, m.isOurs(domain)
	p.foreign = !p.stays
	return p
}

func (m *Module) isOurs(domain []byte) bool { return m.cfg.Local == nil || m.cfg.Local(domain) }

var colon, at = []byte(":"), []byte("@")
