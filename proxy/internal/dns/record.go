package dns

import (
	"net/netip"
	"strings"
	"time"

	wire "github.com/miekg/dns"
)

// Type is a type of records.
type Type uint16

// The types that are asked for.
const (
	A     = Type(wire.TypeA)
	AAAA  = Type(wire.TypeAAAA)
	SRV   = Type(wire.TypeSRV)
	NAPTR = Type(wire.TypeNAPTR)
)

// String is the name of the type.
func (t Type) String() string { return wire.TypeToString[uint16(t)] }

// MaxRecords bounds the records that are taken of one answer.
const MaxRecords = 32

// Answer is the records of one name and type, in the server's order.
type Answer struct {
	Addrs    []netip.Addr // of A and AAAA
	Services []Service    // of SRV
	Pointers []Pointer    // of NAPTR
	Until    time.Time
	Stale    time.Time // how long it may serve on after that; zero: it may not
}

// empty reports whether there is no record.
func (a *Answer) empty() bool { return len(a.Addrs)+len(a.Services)+len(a.Pointers) == 0 }

// Service is a SRV record (RFC 2782).
type Service struct {
	Priority, Weight, Port uint16
	// Target is a host name in lower case without its final dot; empty says that the
	// service is decidedly not available.
	Target string
}

// Pointer is a NAPTR record (RFC 3403) of a kind that leads to another name.
type Pointer struct {
	Order, Preference uint16
	Flags, Service    string // as written
	Replacement       string // lower case, no final dot
}

// take adds a record if it is of the type t; others are passed over.
func (a *Answer) take(rr wire.RR, t Type) {
	if rr.Header().Rrtype != uint16(t) || len(a.Addrs)+len(a.Services)+len(a.Pointers) == MaxRecords {
		return
	}
	switch x := rr.(type) {
	case *wire.A:
		if ip, ok := netip.AddrFromSlice(x.A); ok {
			a.Addrs = append(a.Addrs, ip.Unmap())
		}
	case *wire.AAAA:
		if ip, ok := netip.AddrFromSlice(x.AAAA); ok {
			a.Addrs = append(a.Addrs, ip.Unmap())
		}
	case *wire.SRV:
		a.Services = append(a.Services, Service{x.Priority, x.Weight, x.Port, Canonical(x.Target)})
	case *wire.NAPTR:
		a.Pointers = append(a.Pointers, Pointer{x.Order, x.Preference, x.Flags, x.Service, Canonical(x.Replacement)})
	}
}

// Canonical is a host name as the cache knows it: lower case, no final dot. It allocates
// only for upper case.
func Canonical(host string) string {
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// ValidName takes what may stand as a host name in DNS: labels of 1 to 63 letters,
// digits, hyphens or underscores, 253 bytes at most; a final dot is allowed.
func ValidName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return false
	}
	label := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if label == 0 {
				return false
			}
			label = 0
			continue
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			label++
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0
}
