package user

import (
	"context"
	"errors"
	"slices"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
	"seraph/webui/internal/portal"
)

// inside reports whether a URI, as aor.CanonicalURI gives it, leads to one of our own
// people, and gives it as it may be called; see aor.Inside.
func (p *Portal) inside(ctx context.Context, uri string) (plain string, ok bool, err error) {
	domains, err := p.domains(ctx)
	if err != nil {
		return "", false, err
	}
	plain, ok = aor.Inside(uri, func(domain string) bool { return slices.Contains(domains, domain) }, func(who aor.AOR) (ours bool) {
		ours, err = p.isSomebody(ctx, who)
		return ours
	})
	return plain, ok && err == nil, err
}

// isSomebody reports whether there is a subscriber or an alias with an address.
func (p *Portal) isSomebody(ctx context.Context, who aor.AOR) (bool, error) {
	_, err := p.DB.Subscribers.Find(ctx, who)
	if errors.Is(err, store.ErrNotFound) {
		_, err = p.DB.Aliases.Resolve(ctx, who)
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// domains are the names of ours.
func (p *Portal) domains(ctx context.Context) (names []string, err error) {
	domains, err := p.DB.Domains.List(ctx)
	for _, d := range domains {
		names = append(names, d.Name)
	}
	return names, err
}

// contactFault is the text for a contact that is no place of a phone, "" if it may be one:
// what our own domains and the gateways take is called with the rights of whoever calls
// its owner, and past the rules of forwarding. The router, which knows where names lead
// and its own addresses, looks at it, too.
func (p *Portal) contactFault(ctx context.Context, owner aor.AOR, contact string) (string, error) {
	hosts := portal.Hosts(contact)
	domains, err := p.domains(ctx)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(hosts, func(host string) bool { return slices.Contains(domains, strings.ToLower(host)) }) {
		return "phones.our_domain", nil
	}
	if fault := portal.PlaceFault(contact, p.Machine); fault != "" {
		return fault, nil
	}
	gateways, err := p.DB.Dispatcher.All(ctx)
	if err != nil {
		return "", err
	}
	for _, g := range gateways {
		if slices.ContainsFunc(hosts, func(host string) bool { return portal.SameHost(host, portal.Hosts(g.URI)[0]) }) {
			return "phones.gateway", nil
		}
	}
	if slices.ContainsFunc(usersOf(contact), aor.IsNumber) {
		if may, err := p.mayForeign(ctx, owner); err != nil || !may {
			return "phones.number", err
		}
	}
	return "", nil
}

// mayForeign reports whether somebody's permissions let calls be forwarded to telephone
// numbers, and out of our domains.
func (p *Portal) mayForeign(ctx context.Context, owner aor.AOR) (bool, error) {
	if p.RuleLimits.ForeignGroup == "" {
		return true, nil
	}
	groups, err := p.DB.Groups.List(ctx, owner)
	return slices.Contains(groups, p.RuleLimits.ForeignGroup), err
}
