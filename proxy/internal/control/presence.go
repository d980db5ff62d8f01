package control

import (
	"context"
	"errors"
	"fmt"

	"seraph/ctlproto"
	"seraph/sql/aor"
)

// presenceGet answers for every address in one call of the provider. An
// address that cannot be read is no error: a phone book may hold anything, and
// one odd row must not hide the others.
func (s *Server) presenceGet(ctx context.Context, p *params) (any, error) {
	asked := p.list("addresses", ctlproto.MaxAddresses)
	if p.err() == nil && asked == nil {
		p.wrong("addresses", "missing")
	}
	domain := onlyOne(s.domains())
	var viewer aor.AOR
	if name := p.line("viewer", maxText); name != "" {
		var err error
		if viewer, err = p.parseAddress(name); err != nil {
			p.wrong("viewer", err.Error())
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	presence := make(map[string]ctlproto.PresenceStatus, len(asked))
	var addresses []aor.AOR
	var names []string // of addresses, as they were asked for
	for _, name := range asked {
		if _, double := presence[name]; double {
			continue
		}
		address, err := aor.Parse(name, domain)
		switch {
		case err == nil:
			addresses, names = append(addresses, address), append(names, name)
			presence[name] = ctlproto.StatusUnknown
		case errors.Is(err, aor.ErrScheme):
			presence[name] = ctlproto.StatusNonLocal
		default:
			presence[name] = ctlproto.StatusUnknown
		}
	}
	if len(addresses) == 0 {
		return ctlproto.PresenceResult{Presence: presence}, nil
	}
	statuses, err := s.cfg.Presence.Statuses(ctx, viewer, addresses)
	if err != nil {
		return nil, err
	}
	if len(statuses) != len(addresses) {
		return nil, fmt.Errorf("presence: %d statuses for %d addresses", len(statuses), len(addresses))
	}
	for i, name := range names {
		presence[name] = statuses[i]
	}
	return ctlproto.PresenceResult{Presence: presence}, nil
}
