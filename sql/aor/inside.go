package aor

import "strings"

// Inside reports whether a URI, as CanonicalURI gives it, leads to one of our own people, and
// gives it as it may be called: scheme, user and domain, and which of the phones (gr, RFC
// 5627). What else it says would lead elsewhere: a port or maddr makes the router send to
// another program on a host of ours. A user part that is a telephone number leads out, over
// a gateway, unless there is such a user.
//
// ours tells our domains. user tells whether there is a subscriber or an alias with an
// address; it is asked for telephone numbers only.
func Inside(uri string, ours func(domain string) bool, user func(AOR) bool) (plain string, ok bool) {
	if scheme, _ := cutScheme(uri); scheme == "" {
		return "", false // tel, for one
	}
	p, err := split(uri, "")
	if err != nil || p.port != "" && p.port != "5060" && p.port != "5061" {
		return "", false
	}
	a, err := Parse(uri, "")
	if err != nil || !ours(a.Domain) || IsNumber(a.User) && !user(a) {
		return "", false
	}
	plain = p.scheme + strings.TrimPrefix(a.URI(), "sip")
	for param := range strings.SplitSeq(p.params, ";") {
		switch name, _, _ := strings.Cut(param, "="); {
		case strings.EqualFold(name, "maddr"), strings.Contains(name, "%"): // maddr in other words
			return "", false
		case strings.EqualFold(name, "gr"):
			plain += ";" + param
		}
	}
	return plain, true
}

// Beside reports whether a URI, as CanonicalURI gives it, names one of our domains and leads
// beside it all the same, by a port or maddr: no call is forwarded there.
func Beside(uri string, ours func(domain string) bool) bool {
	a, err := Parse(uri, "")
	if err != nil || !ours(a.Domain) {
		return false
	}
	_, inside := Inside(uri, ours, func(AOR) bool { return true })
	return !inside
}

// IsNumber reports whether a user part, decoded, reads as a telephone number: digits, and
// what people write between them (RFC 3966 §3). Parameters may follow.
func IsNumber(user string) bool {
	user, _, _ = strings.Cut(user, ";")
	digits := false
	for i := range len(user) {
		switch c := user[i]; {
		case '0' <= c && c <= '9':
			digits = true
		case c == '*', c == '#', c == '-', c == '.', c == '(', c == ')', c == '+':
		default:
			return false
		}
	}
	return digits
}
