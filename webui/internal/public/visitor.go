package public

import (
	"context"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
)

// unroutable are the names below which there is nobody but on the router's own
// network (RFC 6761, RFC 6762, RFC 8375, and what people use for it).
var unroutable = []string{"localhost", "local", "internal", "lan", "home.arpa", "localdomain", "invalid", "onion"}

// readVisitor reads the address at which a visitor wants to be called. A
// stranger chooses it, and it is called with the owner's rights: so it is only
// what asks for no rights. It must be user@domain and no more (no port, no
// parameter, no header), the user begins with a letter, so that it is no number,
// and the domain is a name of the public DNS or one of ours, no address, no name
// of a gateway's and none that the operator denies. A number is taken only where
// the operator's rules name it.
func (p *Portal) readVisitor(ctx context.Context, f *form.Form, owner aor.AOR) (string, error) {
	typed := f.Required(fieldVisitor, aor.MaxURI)
	if !f.OK() {
		return "", nil
	}
	if number, ok := numberOf(typed); ok {
		if p.CallMe.Numbers == nil || !p.CallMe.Numbers.MatchString(number) {
			f.Fail(fieldVisitor, "callme.number")
			return "", nil
		}
		uri, err := aor.CanonicalURI("sip:"+number+"@"+owner.Domain, "")
		if err != nil || p.denied(uri) {
			f.Fail(fieldVisitor, "callme.refused")
		}
		return uri, nil
	}
	who, ok := visitorAddress(typed)
	if !ok {
		f.Fail(fieldVisitor, "callme.bad_address")
		return "", nil
	}
	own, err := p.isOwners(ctx, who, owner)
	if err != nil {
		return "", err
	}
	if own {
		f.Fail(fieldVisitor, "callme.own")
		return "", nil
	}
	reachable, err := p.reachable(ctx, who.Domain)
	if err == nil && (!reachable || p.denied(who.URI())) {
		f.Fail(fieldVisitor, "callme.refused")
	}
	return who.URI(), err
}

func (p *Portal) denied(uri string) bool { return p.Denied != nil && p.Denied(uri) }

// numberOf is what was typed as a number, without what only separates its
// digits; false if it is none.
func numberOf(typed string) (string, bool) {
	typed = strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(typed), "tel:"), "sip:")
	number := strings.NewReplacer("-", "", ".", "", "(", "", ")", "", " ", "", "/", "").Replace(typed)
	digits := strings.TrimPrefix(number, "+")
	return number, digits != "" && strings.Trim(digits, "0123456789") == ""
}

// visitorAddress reads user@domain with nothing beside it.
func visitorAddress(typed string) (aor.AOR, bool) {
	rest := typed
	for _, scheme := range []string{"sip:", "sips:"} {
		if len(typed) > len(scheme) && strings.EqualFold(typed[:len(scheme)], scheme) {
			rest = typed[len(scheme):]
		}
	}
	if strings.ContainsAny(rest, ":;?%/<>") {
		return aor.AOR{}, false
	}
	who, err := aor.Parse(rest, "")
	if err != nil {
		return aor.AOR{}, false
	}
	for i, c := range who.User {
		if i == 0 && !unicode.IsLetter(c) || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("._-+", c) {
			return aor.AOR{}, false
		}
	}
	return who, who.User != ""
}

// isOwners reports whether an address is the owner's own, by whatever name.
func (p *Portal) isOwners(ctx context.Context, who, owner aor.AOR) (bool, error) {
	if who == owner {
		return true, nil
	}
	aliases, err := p.DB.Aliases.List(ctx, owner)
	return slices.Contains(aliases, who), err
}

// reachable reports whether a domain is one of ours, or one of the public DNS
// that is no gateway's.
func (p *Portal) reachable(ctx context.Context, domain string) (bool, error) {
	domains, err := p.DB.Domains.List(ctx)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(domains, func(d store.Domain) bool { return d.Name == domain }) {
		return true, nil
	}
	if !isPublicName(domain) {
		return false, nil
	}
	gateways, err := p.DB.Dispatcher.All(ctx)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(gateways, func(g store.Gateway) bool { return hostOf(g.URI) == domain }), nil
}

// isPublicName reports whether a domain is a name that the public DNS may have:
// of two labels at least, no address however it is written, none of a network's own.
func isPublicName(domain string) bool {
	name := strings.TrimSuffix(strings.ToLower(domain), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return false
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if len(last) == len(name) || len(last) < 2 || last[0] >= '0' && last[0] <= '9' {
		return false
	}
	return !slices.ContainsFunc(unroutable, func(own string) bool { return name == own || strings.HasSuffix(name, "."+own) })
}

// hostOf is the host of a gateway's URI, which has no user, or one.
func hostOf(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	if _, after, found := strings.Cut(rest, "@"); found {
		rest = after
	}
	host := rest
	if i := strings.IndexAny(rest, ":;?>"); i >= 0 {
		host = rest[:i]
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// plain is a URI as people write it.
func plain(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	return rest
}

// clip cuts text to at most most characters.
func clip(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// cutAt is where text is cut to at most most bytes, between two characters.
func cutAt(text string, most int) int {
	if len(text) <= most {
		return len(text)
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return most
}

// seconds is a duration as Retry-After has it.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }
