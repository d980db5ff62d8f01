package user

import (
	"context"

	"seraph/sql/aor"
	"seraph/webui/internal/view"
)

// Badges are the numbers on a user's tabs. A page without its numbers is better
// than none: what the database does not say is 0.
func (p *Portal) Badges(ctx context.Context, who aor.AOR) view.Badges {
	b, err := p.badges(ctx, who)
	if err != nil {
		p.Log.Warn("badges unknown", "user", who.String(), "error", err)
	}
	return b
}

func (p *Portal) badges(ctx context.Context, who aor.AOR) (b view.Badges, err error) {
	if b.Missed, err = p.DB.Calls.CountMissedUnseen(ctx, who); err != nil {
		return view.Badges{}, err
	}
	_, b.Messages, err = p.DB.Silo.Count(ctx, who)
	return b, err
}
