package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// Accounting is the tables acc and missed_calls, with the extra columns of
// Kamailio's stock configuration: rows for other tools, which the portal never
// reads.
type Accounting struct{ db *DB }

// AccRow is a row of acc. Lengths are in characters; longer texts are cut, and
// bad UTF-8 and control characters in them replaced.
type AccRow struct {
	Method    string    // 16
	FromTag   string    // longer than 128: shortened to a prefix and a hash
	ToTag     string    // the same
	CallID    string    // longer than 255: the same
	Code      int       // 100 to 699
	Reason    string    // 128
	Time      time.Time // zero: now
	SrcUser   string    // From's user, 64
	SrcDomain string    // From's host, 128
	SrcIP     string    // where the request came from, 64
	DstOUser  string    // user of the R-URI as received, 64
	DstUser   string    // user of the R-URI as sent on, 64
	DstDomain string    // host of the R-URI, 128
}

// MissedRow is a row of missed_calls, which has the same columns.
type MissedRow = AccRow

// accColumns are the columns of an AccRow, its identity first.
var accColumns = []string{
	"callid", "from_tag", "to_tag", "method", "sip_code", "time",
	"src_user", "src_domain", "src_ip", "dst_ouser", "dst_user", "dst_domain", "sip_reason",
}

// accID is the first columns of a row, which tell rows apart. One call may have two within a second that
// differ by the callee and the source alone: it came back from another router, or two have missed it.
type accID [12]string

// accChunk is how many rows one statement has.
const accChunk = 200

// row is the row as accColumns take it.
func (r *AccRow) row(now time.Time) []any {
	at := r.Time
	if !storable(at) {
		at = now
	}
	return []any{
		identity(r.CallID, 255), identity(r.FromTag, 128), identity(r.ToTag, 128), line(r.Method, 16), codeText(r.Code), stamp(at),
		line(r.SrcUser, 64), line(r.SrcDomain, 128), line(r.SrcIP, 64),
		line(r.DstOUser, 64), line(r.DstUser, 64), line(r.DstDomain, 128), line(r.Reason, 128),
	}
}

// Write adds the rows in one transaction. If IsUnavailable(err) they may be
// there nevertheless (the connection broke at the commit): use WriteAgain.
func (t *Accounting) Write(ctx context.Context, acc []AccRow, missed []MissedRow) error {
	return t.write(ctx, acc, missed, false)
}

// WriteAgain is Write for rows that may be there already: such ones (the same
// but for the reason, and within a second) are left out.
func (t *Accounting) WriteAgain(ctx context.Context, acc []AccRow, missed []MissedRow) error {
	return t.write(ctx, acc, missed, true)
}

func (t *Accounting) write(ctx context.Context, acc []AccRow, missed []MissedRow, again bool) error {
	if len(acc)+len(missed) == 0 {
		return nil
	}
	now := t.db.present()
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := insertAcc(ctx, tx, "acc", acc, now, again); err != nil {
			return err
		}
		return insertAcc(ctx, tx, "missed_calls", missed, now, again)
	})
	return wrap(err, "write accounts")
}

// insertAcc adds rows to one of the tables; again leaves out those it has.
func insertAcc(ctx context.Context, tx *sql.Tx, table string, rows []AccRow, now time.Time, again bool) error {
	for chunk := range slices.Chunk(rows, accChunk) {
		values := make([][]any, len(chunk))
		for i := range chunk {
			values[i] = chunk[i].row(now)
		}
		if again {
			var err error
			if values, err = missing(ctx, tx, table, values); err != nil {
				return err
			}
		}
		if len(values) == 0 {
			continue
		}
		row := "(" + placeholders(len(accColumns)) + ")"
		_, err := tx.ExecContext(ctx, "INSERT INTO "+table+" ("+strings.Join(accColumns, ", ")+") VALUES "+
			row+strings.Repeat(", "+row, len(values)-1), slices.Concat(values...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// missing are those of the rows that the table does not have.
func missing(ctx context.Context, tx *sql.Tx, table string, rows [][]any) ([][]any, error) {
	args := make([]any, len(rows), len(rows)+2)
	var first, last string
	for i, row := range rows {
		id := idOf(row)
		args[i] = id[0]
		if at := id[5]; i == 0 {
			first, last = at, at
		} else {
			first, last = min(first, at), max(last, at)
		}
	}
	// The time bounds what a stranger could make us read: one Call-ID may stand
	// in any number of rows.
	present, err := all(ctx, tx, scanAccID, "SELECT "+strings.Join(accColumns[:len(accID{})], ", ")+" FROM "+table+
		" WHERE callid IN ("+placeholders(len(rows))+") AND time BETWEEN ? AND ?", append(args, first, last)...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(rows, func(row []any) bool { return slices.Contains(present, idOf(row)) }), nil
}

// idOf is the identity of a row that AccRow.row made.
func idOf(row []any) (id accID) {
	for i := range id {
		id[i], _ = row[i].(string)
	}
	return id
}

func scanAccID(s scanner) (id accID, err error) {
	var at time.Time
	err = s.Scan(&id[0], &id[1], &id[2], &id[3], &id[4], moment{&at}, &id[6], &id[7], &id[8], &id[9], &id[10], &id[11])
	id[5] = stamp(at)
	return id, err
}
