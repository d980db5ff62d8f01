package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"seraph/sql/aor"
)

// personal is one part of what is held of a subscriber, in the words of the
// table. A new table with rows of subscribers has to be added here and to belongings; a
// test finds those that were forgotten.
type personal struct {
	// part is its name in an export.
	part, table string
	// where selects the rows; it takes username and domain, or with address the
	// address twice at most.
	where string
	// address says that where takes user@domain in place of the two, as often as
	// it has question marks.
	address bool
	// order is a column or two that no two rows share.
	order string
	// since is the column with the time of rows that stay when an account goes: only
	// those that are no older than the account are its owner's.
	since string
	// hidden are columns that the owner does not get: secrets, marks of others,
	// and where others were.
	hidden []string
}

const ofOwner = "username = ? AND domain = ?"

// personals are all parts of an export, in its order.
var personals = []personal{
	{part: "account", table: "subscriber", where: ofOwner, order: "id", hidden: []string{"id", "password", "ha1", "ha1b"}},
	{part: "profile", table: "profile", where: ofOwner, order: "username", hidden: []string{"search"}},
	{part: "public-page", table: "public_page", where: ofOwner, order: "username"},
	{part: "call-me-requests", table: "call_me", where: ofOwner, order: "id", hidden: []string{"attempt"}},
	{part: "phones", table: "location", where: ofOwner, order: "id"},
	{part: "phone-book", table: "phonebook", where: ofOwner, order: "id", hidden: []string{"search"}},
	{part: "calls-made", table: "call_log", where: "caller_username = ? AND caller_domain = ? AND caller_deleted = 0", order: "id", hidden: callMarks},
	{part: "calls-received", table: "call_log", where: "callee_username = ? AND callee_domain = ? AND callee_deleted = 0", order: "id", hidden: callMarks},
	{part: "accounting-made", table: "acc", where: "src_user = ? AND src_domain = ?", order: "id", since: "time"},
	{part: "accounting-received", table: "acc", where: "dst_user = ? AND dst_domain = ?", order: "id", since: "time", hidden: []string{"src_ip"}},
	{part: "accounting-missed", table: "missed_calls", where: "dst_user = ? AND dst_domain = ?", order: "id", since: "time", hidden: []string{"src_ip"}},
	{part: "messages", table: "silo", where: ofOwner, order: "id"},
	{part: "messages-state", table: "silo_state", where: "silo_id IN (SELECT id FROM silo WHERE username = ? AND domain = ?)", order: "silo_id"},
	{part: "messages-foreign", table: "silo_foreign", where: "silo_id IN (SELECT id FROM silo WHERE username = ? AND domain = ?)", order: "silo_id"},
	{part: "phone-book-deleted", table: "phonebook_trash", where: ofOwner, order: "id", hidden: []string{"search"}},
	{part: "missed-mail", table: "missed_mail", where: ofOwner, order: "username", hidden: []string{"off_token"}},
	{part: "dialled", table: "dial_history", where: ofOwner, order: "time, uri"},
	{part: "speed-dial", table: "speed_dial", where: ofOwner, order: "id"},
	{part: "call-rules", table: "call_rule", where: ofOwner, order: "id"},
	{part: "aliases", table: "dbaliases", where: ofOwner, order: "alias_username, alias_domain"},
	{part: "permissions", table: "grp", where: ofOwner, order: "grp"},
	{part: "privileges", table: "admin_privilege", where: ofOwner, order: "id"},
	{part: "sessions", table: "session", where: ofOwner, order: "id", hidden: []string{"token_hash"}},
	{part: "requests-pending", table: "pending", where: ofOwner + " AND kind NOT IN ('" + kindSignUp + "', '" + kindApproval + "')", order: "id", hidden: []string{"token_hash", "payload"}},
	{part: "audit-by-you", table: "audit", where: "actor = ?", address: true, order: "id", since: "time"},
	{part: "audit-of-you", table: "audit", where: "object = ? AND actor <> ?", address: true, order: "id", since: "time", hidden: []string{"source"}},
}

// callMarks are what each side notes of a call for itself.
var callMarks = []string{"caller_seen", "callee_seen", "caller_deleted", "callee_deleted"}

// unexportedTables are tables with rows of subscribers of which the owner gets none,
// and why.
var unexportedTables = map[string]string{
	"credential_sha256": "holds nothing but the password's hashes",
	"white_page":        "is made of the profile",
	"unconfirmed_mail":  "says only that the profile's mail address waits for a confirmation",
	"account_name":      "says only when the name was given and freed",
}

// kept are tables whose rows of a subscriber stay when the account goes, and why.
var kept = map[string]string{
	"acc":          "is the operator's book-keeping",
	"missed_calls": "is the operator's book-keeping",
	"audit":        "says who changed what, also after they are gone",
	"account_name": "keeps the name from newcomers for a while, and what is older than an account from its next owner",
}

// PersonalParts are the names of the parts of an export.
func PersonalParts() []string {
	names := make([]string, len(personals))
	for i, p := range personals {
		names[i] = p.part
	}
	return names
}

// exportChunk is how many rows are read at once: nothing is held open while the
// reader takes its time.
const exportChunk = 100

// Personal calls f with each row of one part of what is held of a subscriber, and ends
// with the error of f, if any. Of the parts that outlive accounts it gives only rows that
// are no older than the account. A row maps its columns to values: a text, a number, a
// UTC time or nil; bytes that are no text become "base64:" and their base64. Secrets are
// left out. ErrNotFound if there is no such part.
func (t *Subscribers) Personal(ctx context.Context, a aor.AOR, part string, f func(row map[string]any) error) error {
	i := slices.IndexFunc(personals, func(p personal) bool { return p.part == part })
	if i < 0 {
		return ErrNotFound
	}
	p := personals[i]
	var since time.Time
	if p.since != "" {
		var err error
		if since, err = t.Since(ctx, a); err != nil {
			return err
		}
	}
	for offset := 0; ; offset += exportChunk {
		rows, err := t.personalRows(ctx, p, a, since, offset)
		if err != nil {
			return wrap(err, "data of "+a.String())
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
		}
		if len(rows) < exportChunk {
			return nil
		}
	}
}

// personalRows reads one chunk.
func (t *Subscribers) personalRows(ctx context.Context, p personal, a aor.AOR, since time.Time, offset int) ([]map[string]any, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	args := []any{a.User, a.Domain}
	if p.address {
		args = args[:0]
		for range strings.Count(p.where, "?") {
			args = append(args, a.String())
		}
	}
	where := p.where
	if !since.IsZero() {
		where += " AND " + p.since + " >= ?"
		args = append(args, stamp(since))
	}
	rows, err := t.db.read.QueryContext(ctx, "SELECT * FROM "+p.table+" WHERE "+where+" ORDER BY "+p.order+" LIMIT ? OFFSET ?",
		append(args, exportChunk, offset)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	var list []map[string]any
	for rows.Next() {
		row, err := scanPersonal(rows, types, p.hidden)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// scanPersonal reads a row of whatever columns.
func scanPersonal(s scanner, types []*sql.ColumnType, hidden []string) (map[string]any, error) {
	values := make([]any, len(types))
	for i := range values {
		values[i] = new(any)
	}
	if err := s.Scan(values...); err != nil {
		return nil, err
	}
	row := make(map[string]any, len(types))
	for i, column := range types {
		if slices.Contains(hidden, column.Name()) {
			continue
		}
		value, err := personalValue(*values[i].(*any), column.DatabaseTypeName())
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", column.Name(), err)
		}
		row[column.Name()] = value
	}
	return row, nil
}

// personalValue is a value as an export has it, the same from both engines.
func personalValue(value any, kind string) (any, error) {
	if strings.HasPrefix(kind, "DATETIME") || strings.HasPrefix(kind, "TIMESTAMP") {
		var at time.Time
		if err := (moment{&at}).Scan(value); err != nil || at.IsZero() {
			return value, nil //nolint:nilerr // another program's: as it stands
		}
		return at, nil
	}
	bytes, isBytes := value.([]byte)
	switch {
	case !isBytes:
		return value, nil
	case utf8.Valid(bytes):
		return string(bytes), nil
	}
	return "base64:" + base64.StdEncoding.EncodeToString(bytes), nil
}
