package store

import (
	"context"

	"seraph/sql/aor"
)

// MaxStrangers bounds what MissedCallers and Senders return, and newestLooked
// the rows that they look at: what is older stands on pages that few turn to.
const (
	MaxStrangers = 200
	newestLooked = 1000
)

// MissedCallers returns the URIs of those whose calls the owner missed last, each
// once, as Call.CallerURI has them; at most MaxStrangers.
func (t *Calls) MissedCallers(ctx context.Context, owner aor.AOR) ([]string, error) {
	f := missed(owner)
	list, err := all(ctx, t.db.read, scanCaller, "SELECT caller_username, caller_domain FROM ("+
		"SELECT caller_username, caller_domain, started, id FROM call_log"+f.where()+orderBy([]string{"started", "id"}, true)+" LIMIT ?"+
		") newest GROUP BY caller_username, caller_domain ORDER BY MAX(started) DESC, MAX(id) DESC LIMIT ?",
		append(f.args, newestLooked, MaxStrangers)...)
	return list, wrap(err, "callers of "+owner.String())
}

func scanCaller(s scanner) (uri string, err error) {
	var user, domain string
	err = s.Scan(&user, &domain)
	uri, _ = callerOf(user, domain)
	return uri, err
}

// Senders returns the URIs of those whose messages the owner has, the last one's
// first, each once; at most MaxStrangers. It reads no message.
func (t *Silo) Senders(ctx context.Context, owner aor.AOR) ([]string, error) {
	f := t.of(owner)
	list, err := all(ctx, t.db.read, scanText, "SELECT src_addr FROM ("+
		"SELECT s.src_addr, s.inc_time, s.id FROM silo s"+f.where()+orderBy([]string{"s.inc_time", "s.id"}, true)+" LIMIT ?"+
		") newest GROUP BY src_addr ORDER BY MAX(inc_time) DESC, MAX(id) DESC LIMIT ?",
		append(f.args, newestLooked, MaxStrangers)...)
	return list, wrap(err, "senders to "+owner.String())
}
