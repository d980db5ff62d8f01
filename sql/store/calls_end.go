package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"seraph/sql/aor"
)

// CallEnd is when an answered call ended, and by whom. CallID, FromTag and Callee are
// its identity, as in Call.
type CallEnd struct {
	CallID, FromTag string
	Callee          aor.AOR
	Ended           time.Time
	HungUpBy        string // HungUpCaller, HungUpCallee, HungUpRouter or ""
	// Unproven is as in Call: it ends no call whose caller has proven himself.
	Unproven bool
	// Began is when the call began; zero if that is not known. The end of a caller who has proven himself
	// ends no call of somebody who has not and began before.
	Began time.Time
}

// End notes when calls ended, in one transaction. A call that is not there, or was not
// answered, stays as it is. Of two ends the later counts, so that to note a batch again
// changes nothing: where two phones of a callee have answered, the one that lost is hung
// up at once. A Callee that is no canonical address is a *FieldError, and nothing is
// written.
func (t *Calls) End(ctx context.Context, ends []CallEnd) error {
	for i := range ends {
		if err := checkAOR("callee", ends[i].Callee); err != nil {
			return wrap(err, "end calls")
		}
	}
	if len(ends) == 0 {
		return nil
	}
	// All writers go in one order, so that none waits for another in a circle.
	ends = slices.SortedStableFunc(slices.Values(ends), func(a, b CallEnd) int {
		return strings.Compare(identity(a.CallID, 255), identity(b.CallID, 255))
	})
	err := t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for i := range ends {
			if err := ends[i].write(ctx, tx, t.db.present()); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap(err, "end calls")
}

func (e *CallEnd) write(ctx context.Context, tx *sql.Tx, now time.Time) error {
	ended := e.Ended
	if !storable(ended) {
		ended = now
	}
	began := e.Began
	if !storable(began) {
		began = time.Unix(0, 0)
	}
	_, err := tx.ExecContext(ctx, "UPDATE call_log SET ended = ?, hung_up_by = ? WHERE callid = ? AND from_tag = ? AND callee_username = ?"+
		" AND callee_domain = ? AND answered IS NOT NULL AND (ended IS NULL OR ended < ?) AND ("+isUnproven+" AND (? = "+strconv.Itoa(callerUnproven)+" OR ? <= started) OR NOT "+isUnproven+" AND ? = "+strconv.Itoa(callerLists)+")",
		stamp(ended), whoHungUp(e.HungUpBy), identity(e.CallID, 255), identity(e.FromTag, 128), e.Callee.User, e.Callee.Domain, stamp(ended),
		callerMark(e.Unproven), stamp(began), callerMark(e.Unproven))
	return err
}

// whoHungUp is a value for the column hung_up_by.
func whoHungUp(who string) string {
	switch who {
	case HungUpCaller, HungUpCallee, HungUpRouter:
		return who
	}
	return ""
}

// Length is how long a call lasted from its answer on; false if it was not answered, or
// its end is not known.
func (c *Call) Length() (time.Duration, bool) {
	if c.Answered.IsZero() || c.Ended.IsZero() {
		return 0, false
	}
	return max(0, c.Ended.Sub(c.Answered)), true
}
