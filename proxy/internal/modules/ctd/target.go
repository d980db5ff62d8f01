package ctd

import (
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// target is the callee's address in the form in which a Request-URI is compared
// with it.
type target struct {
	tel     bool
	address string // canonical user@host, or the number of a tel URI
	port    uint16
}

func (t *target) parse(uri string) error {
	var u sip.URI
	if err := sip.ParseURI([]byte(uri), &u); err != nil {
		return err
	}
	if u.Scheme == sip.SchemeTel {
		*t = target{tel: true, address: string(u.User)}
		return nil
	}
	b, err := aor.AppendCanonical(nil, u.User, u.Host)
	if err != nil {
		return err
	}
	*t = target{address: string(b), port: u.Port}
	return nil
}

// is reports whether a Request-URI names the target. A phone may make a SIP URI
// of a telephone number (RFC 3261 §19.1.6). It does not allocate.
func (t *target) is(u *sip.URI) bool {
	if t.tel {
		return string(u.User) == t.address
	}
	var room [512]byte
	b, err := aor.AppendCanonical(room[:0], u.User, u.Host)
	return err == nil && u.Port == t.port && string(b) == t.address
}
