package relay

import (
	"bytes"

	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// Identity is who sent a request, once that is known.
type Identity struct {
	User, Domain []byte // canonical; empty until authenticated
}

// Owns reports whether a URI has the address of who was authenticated, however it is written; never for nobody.
func (i Identity) Owns(u *sip.URI) bool {
	if len(i.User) == 0 || !u.HasUser || u.Host == nil {
		return false
	}
	var room [512]byte
	address, err := aor.AppendCanonical(room[:0], u.User, u.Host)
	at := len(i.User)
	return err == nil && len(address) == at+1+len(i.Domain) && bytes.Equal(address[:at], i.User) && address[at] == '@' && bytes.Equal(address[at+1:], i.Domain)
}
