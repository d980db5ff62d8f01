package daemon

import (
	"context"

	"seraph/ctlproto"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// presence tells who is on line and who on the phone: the location table and that of
// the dialogs, after its owners' privacy.
type presence struct {
	local  func(host []byte) bool
	alias  func(dst, address []byte) ([]byte, bool)
	online func(address string) bool
	busy   func(address string) bool // has a call that is up
	// levels are the privacy levels of those of the addresses that are
	// subscribers; nil without a database, where nobody has any.
	levels func(ctx context.Context, as []aor.AOR) (map[aor.AOR]store.Presence, error)
}

// Statuses implements control.Presence. What a viewer may not see looks as if the
// user did not exist.
func (p *presence) Statuses(ctx context.Context, viewer aor.AOR, addresses []aor.AOR) ([]ctlproto.PresenceStatus, error) {
	statuses := make([]ctlproto.PresenceStatus, len(addresses))
	owners := make([]aor.AOR, len(addresses))
	var ask []aor.AOR
	for i, a := range addresses {
		if !p.local([]byte(a.Domain)) {
			statuses[i] = ctlproto.StatusNonLocal
			continue
		}
		owners[i] = p.owner(a)
		ask = append(ask, owners[i])
	}
	levels, err := p.privacy(ctx, ask)
	if err != nil {
		return nil, err
	}
	for i, owner := range owners {
		if !owner.IsZero() {
			statuses[i] = p.status(viewer, owner, levels)
		}
	}
	return statuses, nil
}

// owner is the subscriber whom an alias stands for, else the address itself.
func (p *presence) owner(a aor.AOR) aor.AOR {
	var room [512]byte
	name, ok := p.alias(room[:0], []byte(a.String()))
	if !ok {
		return a
	}
	owner, err := aor.Parse(string(name), "")
	if err != nil {
		return a
	}
	return owner
}

func (p *presence) privacy(ctx context.Context, owners []aor.AOR) (map[aor.AOR]store.Presence, error) {
	if p.levels == nil || len(owners) == 0 {
		return nil, nil
	}
	levels, err := p.levels(ctx, owners)
	if store.IsUnavailable(err) {
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "the database is away: who may see whom is not known")
	}
	return levels, err
}

func (p *presence) status(viewer, owner aor.AOR, levels map[aor.AOR]store.Presence) ctlproto.PresenceStatus {
	level, known := levels[owner]
	switch {
	case p.levels == nil:
	case !known,
		viewer != owner && level == store.PresenceNobody,
		viewer.IsZero() && level != store.PresenceEveryone:
		return ctlproto.StatusUnknown
	}
	name := owner.String()
	switch {
	case !p.online(name):
		return ctlproto.StatusOffline
	case p.busy(name):
		return ctlproto.StatusOnThePhone
	}
	return ctlproto.StatusOnLine
}
