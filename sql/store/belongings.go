package store

import (
	"context"

	"seraph/sql/aor"
)

// Belongings counts what goes with a subscriber when it is deleted, beside
// profile and hashes.
type Belongings struct {
	Entries    int // of the phone book
	Messages   int // stored, whether their time is over or not
	Aliases    int
	Groups     int
	Privileges int
	Sessions   int // rows, ended ones included
}

// Belongings counts what a subscriber has; ErrNotFound if there is none such.
func (t *Subscribers) Belongings(ctx context.Context, a aor.AOR) (Belongings, error) {
	const of = " WHERE username = s.username AND domain = s.domain)"
	b, err := one(ctx, t.db.read, scanBelongings, "SELECT"+
		" (SELECT COUNT(*) FROM phonebook"+of+", (SELECT COUNT(*) FROM silo"+of+", (SELECT COUNT(*) FROM dbaliases"+of+
		", (SELECT COUNT(*) FROM grp"+of+", (SELECT COUNT(*) FROM admin_privilege"+of+", (SELECT COUNT(*) FROM session"+of+
		" FROM subscriber s WHERE s.username = ? AND s.domain = ?", a.User, a.Domain)
	return b, wrap(err, "belongings of "+a.String())
}

func scanBelongings(s scanner) (b Belongings, err error) {
	return b, s.Scan(&b.Entries, &b.Messages, &b.Aliases, &b.Groups, &b.Privileges, &b.Sessions)
}

// Totals counts what there is, of everybody or of one domain.
type Totals struct {
	Subscribers int
	Disabled    int // of the subscribers
	Messages    int // stored and their time not over
}

// Totals counts subscribers and their stored messages; an empty domain means all.
func (t *Subscribers) Totals(ctx context.Context, domain string) (Totals, error) {
	var users, messages filter
	messages.and("exp_time > ?", t.db.present().Unix())
	if domain != "" {
		users.and("s.domain = ?", domain)
		messages.and("domain = ?", domain)
	}
	n, err := one(ctx, t.db.read, scanPair, "SELECT COUNT(*), COALESCE(SUM(COALESCE(p.disabled, 0)), 0)"+subscriberTables+users.where(), users.args...)
	if err != nil {
		return Totals{}, wrap(err, "count subscribers")
	}
	stored, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM silo"+messages.where(), messages.args...)
	return Totals{Subscribers: n[0], Disabled: n[1], Messages: stored}, wrap(err, "count messages")
}
