// Package aor parses and canonicalises addresses of record (RFC 3261 §6): the
// identity of a user in the proxy, the database, the portal and the command
// line. It is a leaf and imports nothing of this module.
//
// Two spellings that name the same user become one AOR: escapes of the user
// part are decoded (RFC 3261 §19.1.4), ASCII letters of user and domain are
// lower case, a trailing dot of the domain and every URI parameter, header,
// password and port are dropped. RFC 3261 compares user parts with regard to
// case; we do not, because a person types "Alice" on one phone and "alice" on
// the other and means one account.
package aor

import (
	"errors"
	"fmt"
	"strings"
)

// Limits in characters, not bytes: the lengths of the columns username and
// domain in the tables subscriber and location.
const (
	MaxUser   = 64
	MaxDomain = 64
)

// Errors that Parse, New, AppendCanonical and CanonicalURI wrap; use errors.Is.
var (
	// ErrUser says that the user part is missing, too long or malformed.
	ErrUser = errors.New("bad user part")
	// ErrDomain says that the domain is missing, too long or malformed.
	ErrDomain = errors.New("bad domain")
	// ErrScheme says that the address has a scheme other than the allowed ones.
	ErrScheme = errors.New("bad scheme")
)

// The errors in detail. They are made once: AppendCanonical meets them at the
// rate at which strangers send nonsense.
var (
	errUserEmpty   = fmt.Errorf("%w: it is empty", ErrUser)
	errUserLong    = fmt.Errorf("%w: it is longer than %d characters", ErrUser, MaxUser)
	errUserChar    = fmt.Errorf("%w: it holds a character that must be escaped", ErrUser)
	errUserEscape  = fmt.Errorf("%w: a %% is not followed by two hexadecimal digits", ErrUser)
	errUserText    = fmt.Errorf("%w: it holds white space, a control character or bad UTF-8", ErrUser)
	errUserMissing = fmt.Errorf("%w: there is none before the domain", ErrUser)
	errAtTwice     = fmt.Errorf("%w: there is more than one @", ErrUser)

	errDomainEmpty   = fmt.Errorf("%w: it is empty", ErrDomain)
	errDomainLong    = fmt.Errorf("%w: it is longer than %d characters", ErrDomain, MaxDomain)
	errDomainChar    = fmt.Errorf("%w: a host name has only letters, digits, \"-\", \"_\" and \".\"", ErrDomain)
	errDomainLabel   = fmt.Errorf("%w: a part between dots is empty or begins or ends with \"-\"", ErrDomain)
	errDomainIPv6    = fmt.Errorf("%w: no IPv6 address stands in the brackets", ErrDomain)
	errDomainMissing = fmt.Errorf("%w: there is none, and no default is known", ErrDomain)
	errPort          = fmt.Errorf("%w: the port is not a number from 1 to 65535", ErrDomain)
)

// AOR is a canonical address of record. The zero value is no address. Values
// are comparable and are map keys. Build one with Parse or New only; fields
// hold the decoded text that stands in the columns username and domain.
type AOR struct {
	// User is the user part, percent-decoded, ASCII lower case, without white
	// space or control characters.
	User string
	// Domain is a host name or IPv4 address in lower case, or an IPv6 reference
	// in brackets in the form of RFC 5952.
	Domain string
}

// IsZero reports whether a is no address.
func (a AOR) IsZero() bool { return a == AOR{} }

// Parse reads an address as a person or a program writes it: "alice",
// "alice@example.org", "sip:alice@example.org;transport=tcp" or the same with
// sips. A name without a domain takes defaultDomain; with none given it is an
// error. Space around the address is ignored. The errors name what is wrong
// and wrap ErrUser, ErrDomain or ErrScheme.
func Parse(s, defaultDomain string) (AOR, error) {
	p, err := split(s, defaultDomain)
	if err != nil {
		return AOR{}, fmt.Errorf("address %s: %w", quote(s), err)
	}
	a, err := New(p.user, p.host)
	if err != nil {
		return AOR{}, fmt.Errorf("address %s: %w", quote(s), err)
	}
	return a, nil
}

// New canonicalises a user part and a domain that are already apart, as they
// stand in a URI: the user with its escapes, an IPv6 domain in brackets.
func New(user, domain string) (AOR, error) {
	var buf [3*4*MaxUser + 1 + MaxDomain]byte
	b, err := appendUser(buf[:0], user, MaxUser)
	if err != nil {
		return AOR{}, err
	}
	n := len(b)
	b, err = appendDomain(b, domain, MaxDomain)
	if err != nil {
		return AOR{}, err
	}
	return AOR{User: unescape(b[:n]), Domain: string(b[n:])}, nil
}

// ParseDomain canonicalises a domain by itself; see AOR.Domain.
func ParseDomain(domain string) (string, error) {
	b, err := appendDomain(nil, strings.TrimSpace(domain), MaxDomain)
	if err != nil {
		return "", fmt.Errorf("domain %s: %w", quote(domain), err)
	}
	return string(b), nil
}

// String returns the canonical text "user@domain". Characters that a user part
// cannot hold plainly are escaped, letters outside ASCII are not, so that
// Parse(a.String(), "") is a again.
func (a AOR) String() string {
	b := make([]byte, 0, len(a.User)+1+len(a.Domain))
	b = appendEscaped(b, a.User, false)
	b = append(b, '@')
	return string(append(b, a.Domain...))
}

// URI returns the SIP URI of the address, "sip:user@domain", with everything
// escaped that RFC 3261 §25.1 does not allow in a user part.
func (a AOR) URI() string {
	b := make([]byte, 0, len("sip:@")+len(a.User)+len(a.Domain))
	b = append(b, "sip:"...)
	b = appendEscaped(b, a.User, true)
	b = append(b, '@')
	return string(append(b, a.Domain...))
}

// AppendCanonical appends the canonical text of the address with the given
// user and host to dst: what New(user, host).String() returns, without
// allocation if dst has room. The user keeps its escapes, an IPv6 host its
// brackets. On an error dst comes back as it was.
func AppendCanonical(dst, user, host []byte) ([]byte, error) {
	b, err := appendUser(dst, user, MaxUser)
	if err != nil {
		return dst, err
	}
	b, err = appendDomain(append(b, '@'), host, MaxDomain)
	if err != nil {
		return dst, err
	}
	return b, nil
}

// quote shows hostile input in an error text, cut to a bearable length.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
