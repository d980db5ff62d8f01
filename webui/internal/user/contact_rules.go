package user

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"unicode/utf8"

	"seraph/webui/internal/portal"
)

// ContactRules say which contacts people may add by hand. They do not bind
// phones, which register what they like, nor "seraphctl ul add".
type ContactRules struct {
	// Deny are the contacts that nobody may add.
	Deny []ContactPattern
}

// ContactPattern fits some contacts. It is written in one of four ways:
//
//	*.example.net        the host; "*" is any text, "?" one character
//	192.0.2.0/24         hosts that are numbers of this network; a number alone is one, too
//	0900*@*              user and host; a number fits with its separators and without
//	/^sip:(0|\+420)90/   a regular expression (RE2), found anywhere in the whole URI; the
//	                     URI of a number is looked at with its separators and without
//
// Case never matters. A parameter maddr, which the router calls in place of
// the host, is compared as the host is.
type ContactPattern struct {
	text    string
	network netip.Prefix
	host    *regexp.Regexp // nil for a network and for uri
	user    *regexp.Regexp // nil: any
	uri     *regexp.Regexp
}

// maxContactPattern is the longest pattern, in bytes.
const maxContactPattern = 255

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *ContactPattern) UnmarshalText(text []byte) (err error) {
	if *p, err = ParseContactPattern(string(text)); err != nil {
		return fmt.Errorf("%q is no pattern for contacts: %w", text, err)
	}
	return nil
}

// String is the pattern as it was written.
func (p ContactPattern) String() string { return p.text }

// ParseContactPattern reads a pattern. Its errors are for the operator.
func ParseContactPattern(text string) (ContactPattern, error) {
	p := ContactPattern{text: text}
	if text == "" {
		return p, errors.New("it is empty")
	}
	if !utf8.ValidString(text) {
		return p, errors.New("it is not UTF-8")
	}
	if len(text) > maxContactPattern {
		return p, fmt.Errorf("it has more than %d bytes", maxContactPattern)
	}
	if inner, found := strings.CutPrefix(text, "/"); found {
		inner, found = strings.CutSuffix(inner, "/")
		if !found || inner == "" {
			return p, errors.New("a regular expression stands between two slashes")
		}
		if _, err := regexp.Compile(inner); err != nil {
			return p, err
		}
		p.uri = regexp.MustCompile("(?i:" + inner + ")")
		return p, nil
	}
	if network, ok := parseNetwork(text); ok {
		p.network = network
		return p, nil
	}
	return p, p.readGlobs(text)
}

// readGlobs reads the forms "host" and "user@host".
func (p *ContactPattern) readGlobs(text string) error {
	user, host, found := strings.Cut(text, "@")
	if !found {
		user, host = "*", text
	}
	switch {
	case user == "" || host == "":
		return errors.New("write user@host, or the host alone")
	case strings.HasPrefix(user, "sip:"), strings.HasPrefix(user, "sips:"), strings.ContainsAny(host, ":;/@"):
		return errors.New("scheme, port and parameters belong to no such pattern: write user@host, the host alone, or a regular expression between slashes")
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return errors.New("it has white space")
	}
	p.host = glob(strings.TrimSuffix(host, "."))
	if found {
		p.user = glob(user)
	}
	return nil
}

// glob is the expression for a text with "*" and "?".
func glob(text string) *regexp.Regexp {
	quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(text))
	return regexp.MustCompile(`(?is)\A` + quoted + `\z`)
}

// parseNetwork reads a network or one address of it, IPv6 also in brackets.
func parseNetwork(text string) (netip.Prefix, bool) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network.Masked(), true
	}
	addr, ok := portal.HostAddr(text)
	if !ok {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, addr.BitLen()), true
}

// Denies reports whether nobody may add a contact, a URI as aor.CanonicalURI
// makes it.
func (r ContactRules) Denies(contact string) bool {
	if len(r.Deny) == 0 {
		return false
	}
	users, hosts := usersOf(contact), portal.Hosts(contact)
	uris := spellings(contact, users)
	for _, p := range r.Deny {
		if p.fits(uris, users, hosts) {
			return true
		}
	}
	return false
}

func (p ContactPattern) fits(uris, users, hosts []string) bool {
	if p.uri != nil {
		return anyFits(p.uri, uris)
	}
	if p.user != nil && !anyFits(p.user, users) {
		return false
	}
	if p.host != nil {
		return anyFits(p.host, hosts)
	}
	for _, host := range hosts {
		if addr, ok := portal.HostAddr(host); ok && p.network.Contains(addr) {
			return true
		}
	}
	return false
}

func anyFits(re *regexp.Regexp, texts []string) bool {
	for _, text := range texts {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

// usersOf is the user part of a URI, without escapes, and in the plainer ways in which
// a gateway may read it: without parameters, and a number without what only separates
// its digits (RFC 3966 §5.1.1).
func usersOf(uri string) []string {
	_, rest, _ := strings.Cut(uri, ":")
	escaped, _, _ := strings.Cut(rest, "@")
	user := portal.Unescaped(escaped)
	name, _, _ := strings.Cut(strings.Map(halfWidth, user), ";")
	number := strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "").Replace(name)
	if strings.Trim(number, "+0123456789*#") != "" {
		number = ""
	}
	return distinct([]string{user, name, number})
}

// halfWidth is the ASCII character that a full-width one looks like.
func halfWidth(c rune) rune {
	if c >= '！' && c <= '～' {
		return c - '！' + '!'
	}
	return c
}

// spellings are a URI as it is, and with each of the plainer users in place of its own.
func spellings(uri string, users []string) []string {
	scheme, rest, _ := strings.Cut(uri, ":")
	_, after, found := strings.Cut(rest, "@")
	if !found {
		return []string{uri}
	}
	uris := []string{uri}
	for _, user := range users {
		uris = append(uris, scheme+":"+user+"@"+after)
	}
	return uris
}
