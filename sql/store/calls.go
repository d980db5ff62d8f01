package store

import (
	"context"
	"database/sql"
	"net/url"
	"slices"
	"strings"
	"time"

	"seraph/sql/aor"
)

// Calls is the table call_log: every call as the portal shows it, with the
// marks of each side. The methods for pages take the owner, and another
// owner's call is as good as none.
type Calls struct{ db *DB }

// Call is one call, or one attempt at it. CallID, FromTag and Callee are its
// identity. Texts are a stranger's. Lengths are in characters; what is longer
// is cut, or dropped where a part would name something else.
type Call struct {
	ID      int64  // of the row; Record does not regard it
	CallID  string // longer than 255: shortened to a prefix and a hash
	FromTag string // longer than 128: the same
	// CallerURI is the From header's URI. What is kept of it is user and host, the
	// number of a tel URI, or the host where there is no user or none that can be kept:
	// of more than 64 characters, or with others than text; what is none of these or
	// longer comes out empty.
	CallerURI string
	// Caller is CallerURI as an address of record, zero if it is none. Record
	// does not regard it.
	Caller aor.AOR
	// Unproven says that the caller has not shown that CallerURI is theirs. Whoever has it did
	// not make the call, and does not have it on their lists. Record and Claim alone regard it.
	Unproven   bool
	CallerName string // the display name, 128; without one, and without all of CallerURI, this as it came
	// Callee is our subscriber who was called, after aliases.
	Callee     aor.AOR
	CalleeName string // 128
	TargetURI  string // the URI that was called; longer than 255: empty
	Started    time.Time
	Answered   time.Time // zero: it was not
	Ended      time.Time // zero: not known
	Code       int       // the final status that the caller got, 0: none
	Reason     string    // its phrase, 128
	HungUpBy   string    // HungUpCaller, HungUpCallee, HungUpRouter or ""

	// Marks of each side; Record does not regard them.

	CallerSeen, CalleeSeen bool
}

// Who ended an answered call.
const (
	HungUpCaller = "caller"
	HungUpCallee = "callee"
	HungUpRouter = "router"
)

// CallQuery selects a page of calls.
type CallQuery struct {
	// UpTo leaves out rows with a higher id, if it is not 0: what came after a
	// page was made.
	UpTo int64
	// Oldest puts the oldest first; otherwise the newest is.
	Oldest bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// recordChunk is how many rows one statement has.
const recordChunk = 200

// Record writes calls in one transaction. A call that is there already is
// updated, its marks, its Started and who called stay, and an answered one stays answered
// whatever comes later: recording a batch again changes nothing. A call of a caller who has
// proven himself takes the whole place of an Unproven one but for the callee's marks, and no
// Unproven one changes it. Of calls that began
// within one second the lists have that first which began first, if they were
// recorded in one batch, else that which was recorded first. A Callee that
// is no canonical address is a *FieldError, and nothing is written.
func (t *Calls) Record(ctx context.Context, calls []Call) error {
	for i := range calls {
		if err := checkAOR("callee", calls[i].Callee); err != nil {
			return wrap(err, "record calls")
		}
	}
	if len(calls) == 0 {
		return nil
	}
	// A row's id tells calls of one second apart: it follows the time when they began.
	// Two writers of the same calls have them in one order so, too, and seldom wait for
	// each other in a circle; one that does begins again.
	order := slices.SortedStableFunc(slices.Values(calls), func(a, b Call) int { return a.Started.Compare(b.Started) })
	rows := make([][]any, len(order))
	for i := range order {
		rows[i] = order[i].row(t.db.present())
	}
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for chunk := range slices.Chunk(rows, recordChunk) {
			if _, err := tx.ExecContext(ctx, recordStatement(t.db.target.dialect, len(chunk)), slices.Concat(chunk...)...); err != nil {
				return err
			}
		}
		return t.hideLate(ctx, tx, order)
	})
	return wrap(err, "record calls")
}

// row is the call as callColumns take it.
func (c *Call) row(now time.Time) []any {
	started := c.Started
	if !storable(started) {
		started = now
	}
	user, domain := callerColumns(c.CallerURI)
	name := line(c.CallerName, 128)
	if name == "" && user == "" && (domain == "" || strings.Contains(c.CallerURI, "@")) {
		name = line(c.CallerURI, 128)
	}
	return []any{
		identity(c.CallID, 255), identity(c.FromTag, 128), c.Callee.User, c.Callee.Domain,
		line(c.CalleeName, 128), whole(c.TargetURI, 255), timeOrNull(c.Ended), codeText(c.Code), line(c.Reason, 128), whoHungUp(c.HungUpBy), timeOrNull(c.Answered),
		stamp(started), user, domain, name, callerMark(c.Unproven),
	}
}

// timeOrNull is a time for a column that may be empty.
func timeOrNull(t time.Time) any {
	if !storable(t) {
		return nil
	}
	return stamp(t)
}

// callerColumns are user and domain of a caller: both of an address of record,
// the number alone of a tel URI, the domain alone where there is no user.
func callerColumns(uri string) (user, domain string) {
	if a, err := aor.Parse(uri, ""); err == nil {
		return a.User, a.Domain
	}
	canonical, err := aor.CanonicalURI(uri, "")
	if number, ok := strings.CutPrefix(canonical, telScheme); ok && err == nil {
		number, _, _ = strings.Cut(number, ";")
		return whole(number, 64), ""
	}
	// Whom no account could be named like can be blocked all the same.
	caller := string(aor.AppendCaller(nil, uri))
	if caller == "" {
		return "", "anonymous.invalid" // RFC 3323 §4.1.1.3
	}
	user, domain, _ = strings.Cut(caller, "@")
	if domain = whole(domain, 128); domain == "" || strings.ContainsAny(domain, " <>\"@,") {
		return "", ""
	}
	if user, err = url.PathUnescape(user); err != nil {
		return "", domain
	}
	return whole(user, 64), domain
}

const telScheme = "tel:"

// callerOf undoes callerColumns.
func callerOf(user, domain string) (uri string, a aor.AOR) {
	switch {
	case user != "" && domain != "":
		uri = aor.AOR{User: user, Domain: domain}.URI()
		a, _ = aor.Parse(uri, "") // zero for what is no address of record
		return uri, a
	case user != "":
		return telScheme + user, a
	case domain != "":
		return "sip:" + domain, a
	}
	return "", a
}

// missed is the condition that the owner missed a call and has not deleted it.
func missed(owner aor.AOR) (f filter) {
	f.and("callee_username = ? AND callee_domain = ?", owner.User, owner.Domain)
	f.and("callee_deleted = 0" + notReached)
	return f
}

// selectedColumns and scanCall belong together.
const selectedColumns = "id, callid, from_tag, caller_username, caller_domain, caller_name, callee_username, callee_domain, callee_name," +
	" target_uri, started, answered, ended, sip_code, sip_reason, hung_up_by, caller_seen, callee_seen"

func scanCall(s scanner) (c Call, err error) {
	var user, domain string
	err = s.Scan(&c.ID, &c.CallID, &c.FromTag, &user, &domain, &c.CallerName, &c.Callee.User, &c.Callee.Domain, &c.CalleeName,
		&c.TargetURI, moment{&c.Started}, moment{&c.Answered}, moment{&c.Ended}, status{&c.Code}, &c.Reason, &c.HungUpBy,
		&c.CallerSeen, &c.CalleeSeen)
	c.CallerURI, c.Caller = callerOf(user, domain)
	return c, err
}

// ListMissed returns a page of the calls that the owner missed and has not
// deleted, by the time they began and then by id, and how many there are in all.
func (t *Calls) ListMissed(ctx context.Context, owner aor.AOR, q CallQuery) ([]Call, int, error) {
	f := missed(owner)
	if q.UpTo > 0 {
		f.and("id <= ?", q.UpTo)
	}
	order := orderBy([]string{"started", "id"}, !q.Oldest)
	list, total, err := listPage(ctx, t.db.read, scanCall, selectedColumns, " FROM call_log", f, order, q.Limit, q.Offset)
	return list, total, wrap(err, "missed calls of "+owner.String())
}

// FindMissed returns one call that the owner missed and has not deleted.
func (t *Calls) FindMissed(ctx context.Context, owner aor.AOR, id int64) (Call, error) {
	f := missed(owner)
	f.and("id = ?", id)
	c, err := one(ctx, t.db.read, scanCall, "SELECT "+selectedColumns+" FROM call_log"+f.where(), f.args...)
	return c, wrap(err, "missed call of "+owner.String())
}

// CountMissedUnseen counts the calls that the owner missed and has not seen.
func (t *Calls) CountMissedUnseen(ctx context.Context, owner aor.AOR) (int, error) {
	f := missed(owner)
	f.and("callee_seen = 0")
	n, err := one(ctx, t.db.read, scanInt, "SELECT COUNT(*) FROM call_log"+f.where(), f.args...)
	return n, wrap(err, "missed calls of "+owner.String())
}

func scanID64(s scanner) (id int64, err error) { return id, s.Scan(&id) }

// MarkSeen notes that the owner has seen the missed calls up to the id, the
// highest that a page showed, and returns how many were new to them.
func (t *Calls) MarkSeen(ctx context.Context, owner aor.AOR, upTo int64) (int, error) {
	f := missed(owner)
	f.and("callee_seen = 0 AND id <= ?", upTo)
	return t.mark(ctx, owner, "callee_seen = 1", f)
}

// DeleteMissed removes missed calls from the owner's list, and returns how
// many of them were on it: of two that delete one call at once, one gets 1. At
// most MaxPage ids.
func (t *Calls) DeleteMissed(ctx context.Context, owner aor.AOR, ids ...int64) (int, error) {
	args, err := idArgs(ids, MaxPage)
	if err != nil || len(args) == 0 {
		return 0, wrap(err, "missed calls of "+owner.String())
	}
	f := missed(owner)
	f.and("id IN ("+placeholders(len(args))+")", args...)
	return t.mark(ctx, owner, "callee_deleted = 1, callee_seen = 1", f)
}

// mark sets marks of the calls that f selects.
func (t *Calls) mark(ctx context.Context, owner aor.AOR, marks string, f filter) (int, error) {
	n, err := t.db.exec(ctx, "UPDATE call_log SET "+marks+f.where(), f.args...)
	return int(n), wrap(err, "missed calls of "+owner.String())
}
