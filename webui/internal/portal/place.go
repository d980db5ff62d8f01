package portal

import (
	"iter"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// PlaceFault is the text for a SIP URI at which no phone can ever ring, "" for all
// others: one rule for contacts, for where calls are forwarded to and for visitors.
// machine is the name of the machine that this runs on, "" if it is not known. No name
// is looked up; the router does that when it calls. The URI is one that
// aor.CanonicalURI gives.
func PlaceFault(uri, machine string) string {
	if slices.ContainsFunc(Hosts(uri), func(host string) bool { return IsNowhere(host, machine) }) {
		return "place.host"
	}
	scheme, _, _ := strings.Cut(uri, ":")
	for name, value := range uriParams(uri) {
		if name != "transport" {
			continue
		}
		switch value = strings.ToLower(value); {
		case value == "tcp", value == "tls", value == "udp" && !strings.EqualFold(scheme, "sips"): // RFC 3261 §26.2.2
		default: // a WebSocket is only ever opened by the phone (RFC 7118 §5)
			return "place.transport"
		}
	}
	return ""
}

// nowhere are names, and all below them, that lead to no phone (RFC 6761 §6).
var nowhere = []string{"localhost", "localhost.localdomain", "invalid"}

// IsNowhere reports whether a host is none that a phone has: this machine by name, a
// number in another form than the usual one, which some programs read as an address and
// ours do not, an address of many, of none or of no use (RFC 6890).
func IsNowhere(host, machine string) bool {
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if addr, ok := HostAddr(name); ok {
		return addr.IsUnspecified() || addr.IsMulticast() || addr.Is4() && (addr.As4()[0] == 0 || addr.As4()[0] >= 240)
	}
	if machine = strings.TrimSuffix(strings.ToLower(machine), "."); machine != "" {
		short, _, _ := strings.Cut(machine, ".")
		if name == machine || name == short {
			return true
		}
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	hex, isHex := strings.CutPrefix(last, "0x")
	if last != "" && strings.Trim(last, "0123456789") == "" || isHex && strings.Trim(hex, "0123456789abcdef") == "" {
		return true
	}
	return slices.ContainsFunc(nowhere, func(own string) bool { return name == own || strings.HasSuffix(name, "."+own) })
}

// Hosts is where a URI leads: its host and every maddr, a final dot aside. The URI may
// be a gateway's, without a user.
func Hosts(uri string) []string {
	_, rest, _ := strings.Cut(uri, ":")
	if _, after, found := strings.Cut(rest, "@"); found {
		rest = after
	}
	if i := strings.IndexAny(rest, ";?"); i >= 0 {
		rest = rest[:i]
	}
	hosts := []string{strings.TrimSuffix(withoutPort(rest), ".")}
	for name, value := range uriParams(uri) {
		if name == "maddr" {
			hosts = append(hosts, strings.TrimSuffix(value, "."))
		}
	}
	return hosts
}

// uriParams gives the parameters behind a URI's host, without escapes, their names in
// lower case.
func uriParams(uri string) iter.Seq2[string, string] {
	if _, after, found := strings.Cut(uri, "@"); found {
		uri = after
	}
	_, params, _ := strings.Cut(uri, ";")
	return func(yield func(name, value string) bool) {
		for param := range strings.SplitSeq(params, ";") {
			name, value, _ := strings.Cut(param, "=")
			if !yield(strings.ToLower(Unescaped(name)), Unescaped(value)) {
				return
			}
		}
	}
}

// HostAddr reads a host that is an address, an IPv6 one in brackets; one that is
// mapped into IPv6 is the IPv4 address.
func HostAddr(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return addr.Unmap().WithZone(""), err == nil
}

// SameHost compares two hosts: addresses however they are written, names in any case.
func SameHost(a, b string) bool {
	x, isAddr := HostAddr(a)
	y, also := HostAddr(b)
	return isAddr && also && x == y || strings.EqualFold(a, b)
}

// withoutPort is the host of host:port; of an IPv6 address in brackets, too.
func withoutPort(hostport string) string {
	if end := strings.IndexByte(hostport, ']'); end >= 0 {
		return hostport[:end+1]
	}
	host, _, _ := strings.Cut(hostport, ":")
	return host
}

// Unescaped is a text of a URI without its escapes; one with wrong ones stays.
func Unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
