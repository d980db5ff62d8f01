package public

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/form"
	"seraph/webui/internal/portal"
)

// unroutable are the names below which there is nobody but on the router's own
// network (RFC 6761, RFC 6762, RFC 8375, and what people use for it).
// What leads nowhere at all, portal.IsNowhere knows.
var unroutable = []string{"local", "internal", "lan", "home.arpa", "localdomain", "onion"}

// readVisitor reads the address at which a visitor wants to be called. A
// stranger chooses it, and it is called with the owner's rights: so it is only
// what asks for no rights. It must be user@domain and no more (no port, no
// parameter, no header), the user begins with a letter, so that it is no number,
// and the domain is a name of the public DNS or one of ours, no address. A number is
// taken only where the operator's rules name it. What it says depends on nothing that
// is not on the page or in the public DNS: the rest is unfit's, after the limit.
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
		if err != nil {
			f.Fail(fieldVisitor, "callme.refused")
		}
		return uri, nil
	}
	who, ok := visitorAddress(typed)
	if !ok {
		f.Fail(fieldVisitor, "callme.bad_address")
		return "", nil
	}
	if who == owner {
		f.Fail(fieldVisitor, "callme.own")
		return "", nil
	}
	reachable, err := p.reachable(ctx, who.Domain)
	if err == nil && !reachable {
		f.Fail(fieldVisitor, "callme.refused")
	}
	return who.URI(), err
}

// unfit reports whether an address is none that is called for a visitor: another one of
// the owner's, a gateway's, or one that the operator denies.
func (p *Portal) unfit(ctx context.Context, visitor string, owner aor.AOR) (bool, error) {
	if p.denied(visitor) {
		return true, nil
	}
	who, err := aor.Parse(visitor, "")
	if err != nil {
		return true, nil //nolint:nilerr // readVisitor takes none such
	}
	aliases, err := p.DB.Aliases.List(ctx, owner)
	if err != nil || slices.Contains(aliases, who) {
		return true, err
	}
	ours, err := p.isOurs(ctx, who.Domain)
	if err != nil || ours {
		return false, err
	}
	gateways, err := p.DB.Dispatcher.All(ctx)
	return slices.ContainsFunc(gateways, func(g store.Gateway) bool { return portal.SameHost(portal.Hosts(g.URI)[0], who.Domain) }), err
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

// reachable reports whether a domain is one of ours, or a name of the public DNS.
func (p *Portal) reachable(ctx context.Context, domain string) (bool, error) {
	ours, err := p.isOurs(ctx, domain)
	return ours || p.isPublicName(domain), err
}

func (p *Portal) isOurs(ctx context.Context, domain string) (bool, error) {
	domains, err := p.DB.Domains.List(ctx)
	return slices.ContainsFunc(domains, func(d store.Domain) bool { return d.Name == domain }), err
}

// isPublicName reports whether a domain is a name that the public DNS may have:
// of two labels at least, no address however it is written, none of a network's own.
func (p *Portal) isPublicName(domain string) bool {
	name := strings.TrimSuffix(strings.ToLower(domain), ".")
	if _, isAddr := portal.HostAddr(name); isAddr || portal.IsNowhere(name, p.Machine) {
		return false
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if len(last) == len(name) || len(last) < 2 || last[0] >= '0' && last[0] <= '9' {
		return false
	}
	return !slices.ContainsFunc(unroutable, func(own string) bool { return name == own || strings.HasSuffix(name, "."+own) })
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
