package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"seraph/sql/schema"
)

// What the column caller_deleted of a new call says: it is on the lists of whose address it has as the caller's,
// or he has not shown that it is his. 1 is that he has taken the call off his lists.
const (
	callerLists    = 0
	callerUnproven = 2
)

// callerMark is caller_deleted of a new call.
func callerMark(unproven bool) int {
	if unproven {
		return callerUnproven
	}
	return callerLists
}

// callColumns are what Record writes: the identity, what a later record replaces, and what stays as it was first
// recorded until the caller proves himself.
var (
	callIdentity = []string{"callid", "from_tag", "callee_username", "callee_domain"}
	callUpdated  = []string{"callee_name", "target_uri", "ended", "sip_code", "sip_reason", "hung_up_by", "answered"} // answered must be the last, see upsertChanges
	callKept     = []string{"started", "caller_username", "caller_domain", "caller_name", "caller_deleted"}           // the last of all
	callColumns  = slices.Concat(callIdentity, callUpdated, callKept)
)

// isUnproven is the condition that a row's caller has not proven himself.
var isUnproven = "call_log.caller_deleted = " + strconv.Itoa(callerUnproven)

// recordStatement is an INSERT of n calls. An identity may be used again, by an SBC that sends a call
// back without the caller's proof, and by whoever has got the call. So who called stays, but for a
// caller who proves himself where nobody has: his is all of the row then, if he began no later, or is who
// the row names. Whoever sends something like a call that he has got begins later, and changes nothing. Nobody
// without proof changes what is somebody's who has proven himself.
func recordStatement(d schema.Dialect, n int) string {
	proves := incoming(d, "call_log", "caller_deleted", "") + " <> " + strconv.Itoa(callerUnproven)
	in := func(column string) string { return incoming(d, "call_log", column, "") }
	takes := isUnproven + " AND " + proves + " AND (" + in("started") + " <= call_log.started OR " + in("caller_username") + " = call_log.caller_username AND " +
		in("caller_domain") + " = call_log.caller_domain AND call_log.caller_username <> '')"
	updates := takes + " OR call_log.answered IS NULL AND (" + isUnproven + " AND NOT " + proves + " OR NOT " + isUnproven + " AND " + proves + ")"
	return upsertChanges(d, "call_log", callColumns, callIdentity, []change{{callUpdated, updates}, {callKept, takes}}, n)
}

// Claim gives calls that are in the table as Unproven ones to callers who have proven themselves and may take
// them, in one transaction, as Record does, and returns those that were. It makes none. A Callee that is no canonical
// address is a *FieldError, and nothing is written.
func (t *Calls) Claim(ctx context.Context, calls []Call) (claimed []Call, err error) {
	for i := range calls {
		if err := checkAOR("callee", calls[i].Callee); err != nil {
			return nil, wrap(err, "claim calls")
		}
	}
	calls = slices.DeleteFunc(slices.Clone(calls), func(c Call) bool { return c.Unproven })
	if len(calls) == 0 {
		return nil, nil
	}
	// All writers go in one order, see End.
	slices.SortStableFunc(calls, func(a, b Call) int { return strings.Compare(identity(a.CallID, 255), identity(b.CallID, 255)) })
	same, set := len(callIdentity), slices.Concat(callUpdated, callKept)
	statement := "UPDATE call_log SET " + strings.Join(set, " = ?, ") + " = ? WHERE " + strings.Join(callIdentity, " = ? AND ") + " = ? AND " + isUnproven +
		" AND (? <= started OR ? = caller_username AND ? = caller_domain AND caller_username <> '')"
	kept := same + len(callUpdated) // started, caller_username, caller_domain
	err = t.db.tx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		claimed = claimed[:0]
		for i := range calls {
			row := calls[i].row(t.db.present())
			n, err := affected(tx.ExecContext(ctx, statement, slices.Concat(row[same:], row[:same], row[kept:kept+3])...))
			if err != nil {
				return err
			}
			if n > 0 {
				claimed = append(claimed, calls[i])
			}
		}
		return t.hideLate(ctx, tx, claimed)
	})
	return claimed, wrap(err, "claim calls")
}
