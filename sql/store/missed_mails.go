package store

import (
	"context"

	"seraph/sql/aor"
)

// MissedMails is the table missed_mail: how far the daily mail of missed calls
// has come, for each user who wants one.
type MissedMails struct{ db *DB }

// MissedMail is the state of one user's mail.
type MissedMail struct {
	AOR aor.AOR
	// Day is the day, "2026-11-25" in the user's zone, whose mail is settled: sent,
	// or not needed. "" if none ever was.
	Day string
	// UpTo is the highest id of the calls that a mail has told of.
	UpTo int64
	// TimeZone is that of the profile.
	TimeZone string
	// Off is the word in the links that turn the mail off. It is not hashed, as
	// every mail has it again; it opens nothing else.
	Off string
}

// missedMailColumns and scanMissedMail belong together.
const missedMailColumns = "s.username, s.domain, COALESCE(m.day, ''), COALESCE(m.up_to, 0), COALESCE(m.off_token, ''), p.time_zone"

func scanMissedMail(s scanner) (m MissedMail, err error) {
	return m, s.Scan(&m.AOR.User, &m.AOR.Domain, &m.Day, &m.UpTo, &m.Off, &m.TimeZone)
}

// wantMail is the condition on a profile that the mail is wanted and can be sent.
const wantMail = "p.missed_mail <> '' AND p.disabled = 0 AND " + confirmedMail

// Wanted returns those who want the mail, in the order of their addresses, of
// those after one address; at most limit. The zero address is before all.
func (t *MissedMails) Wanted(ctx context.Context, after aor.AOR, limit int) ([]MissedMail, error) {
	limit, _ = page(limit, 0)
	list, err := all(ctx, t.db.read, scanMissedMail, "SELECT "+missedMailColumns+subscriberTables+
		" LEFT JOIN missed_mail m ON m.username = s.username AND m.domain = s.domain"+
		" WHERE "+wantMail+" AND (s.username > ? OR (s.username = ? AND s.domain > ?)) ORDER BY s.username, s.domain LIMIT ?",
		after.User, after.User, after.Domain, limit)
	return list, wrap(err, "who wants mail of missed calls")
}

// Begin makes the state of somebody who has none, or has just begun to want the
// mail again: mails tell of calls that come after now, and the first one is due
// after the day. Any other state stays as it is.
func (t *MissedMails) Begin(ctx context.Context, a aor.AOR, day string) error {
	upTo, err := one(ctx, t.db.read, scanID64, "SELECT COALESCE(MAX(id), 0) FROM call_log WHERE callee_username = ? AND callee_domain = ?", a.User, a.Domain)
	if err != nil {
		return wrap(err, "mail of missed calls")
	}
	off, _ := newToken()
	columns := []string{"username", "domain", "off_token", "up_to", "day"}
	statement := upsertWhile(t.db.target.dialect, "missed_mail", columns, columns[:2], columns[3:], "missed_mail.day = ''", 1)
	_, err = t.db.exec(ctx, statement, a.User, a.Domain, off, upTo, day)
	return wrap(err, "mail of missed calls")
}

// maxTold bounds the calls that one mail tells of.
const maxTold = 500

// Calls returns the calls that the owner missed and that came after the one with
// an id, the newest first; at most 500, and how many there are in all. What the
// owner has deleted is left out.
func (t *MissedMails) Calls(ctx context.Context, owner aor.AOR, after int64) ([]Call, int, error) {
	f := missed(owner)
	f.and("id > ?", after)
	list, total, err := listPage(ctx, t.db.read, scanCall, selectedColumns, " FROM call_log", f, orderBy([]string{"started", "id"}, true), maxTold, 0)
	return list, total, wrap(err, "missed calls of "+owner.String())
}

// Claim takes a day for the caller alone: of several programs that look at the
// same state, one gets true.
func (t *MissedMails) Claim(ctx context.Context, m MissedMail, day string) (bool, error) {
	n, err := t.db.exec(ctx, "UPDATE missed_mail SET day = ? WHERE username = ? AND domain = ? AND day = ? AND up_to = ?",
		day, m.AOR.User, m.AOR.Domain, m.Day, m.UpTo)
	return n == 1, wrap(err, "mail of missed calls")
}

// Settle notes that the mail of a claimed day has told of the calls up to an id.
func (t *MissedMails) Settle(ctx context.Context, a aor.AOR, day string, upTo int64) error {
	_, err := t.db.exec(ctx, "UPDATE missed_mail SET up_to = ? WHERE username = ? AND domain = ? AND day = ? AND up_to < ?",
		upTo, a.User, a.Domain, day, upTo)
	return wrap(err, "mail of missed calls")
}

// Release gives a claimed day back: its mail has not been sent.
func (t *MissedMails) Release(ctx context.Context, m MissedMail, day string) error {
	_, err := t.db.exec(ctx, "UPDATE missed_mail SET day = ? WHERE username = ? AND domain = ? AND day = ?", m.Day, m.AOR.User, m.AOR.Domain, day)
	return wrap(err, "mail of missed calls")
}

// FindOff returns whose mail a word turns off.
func (t *MissedMails) FindOff(ctx context.Context, off string) (aor.AOR, error) {
	if off == "" {
		return aor.AOR{}, wrap(ErrNotFound, "mail of missed calls")
	}
	a, err := one(ctx, t.db.read, scanAOR, "SELECT username, domain FROM missed_mail WHERE off_token = ?", off)
	return a, wrap(err, "mail of missed calls")
}

// TurnOff turns the mail off. Doing it again is no error.
func (t *MissedMails) TurnOff(ctx context.Context, off string) error {
	a, err := t.FindOff(ctx, off)
	if err != nil {
		return err
	}
	_, err = t.db.exec(ctx, "UPDATE profile SET missed_mail = '' WHERE username = ? AND domain = ?", a.User, a.Domain)
	return wrap(err, "mail of missed calls")
}

// Forget turns those back to the beginning who do not want the mail (any more).
// Their words stay good.
func (t *MissedMails) Forget(ctx context.Context) error {
	_, err := t.db.exec(ctx, "UPDATE missed_mail SET day = '' WHERE day <> '' AND NOT EXISTS (SELECT 1 FROM profile p"+
		" WHERE p.username = missed_mail.username AND p.domain = missed_mail.domain AND "+wantMail+")")
	return wrap(err, "mail of missed calls")
}
