package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"seraph/sql/aor"
)

// hideLate takes calls off the lists of accounts that had not begun when the call
// did: it was for, or by, somebody whose account is deleted, and the name is another
// one's now. Names that were never freed are not looked at further.
func (t *Calls) hideLate(ctx context.Context, tx *sql.Tx, calls []Call) error {
	var names []aor.AOR
	for _, c := range calls {
		user, domain := callerColumns(c.CallerURI)
		names = append(names, c.Callee, aor.AOR{User: user, Domain: domain})
	}
	slices.SortFunc(names, func(a, b aor.AOR) int { return strings.Compare(a.String(), b.String()) })
	for chunk := range slices.Chunk(slices.Compact(names), presenceChunk) {
		var args []any
		for _, a := range chunk {
			args = append(args, a.User, a.Domain)
		}
		freed, err := all(ctx, tx, scanAOR, "SELECT username, domain FROM account_name WHERE freed > '2000-01-01 00:00:01' AND ((username = ? AND domain = ?)"+
			strings.Repeat(" OR (username = ? AND domain = ?)", len(chunk)-1)+")", args...)
		if err != nil {
			return err
		}
		for _, a := range freed {
			if err := hideBefore(ctx, tx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// hideBefore takes the calls of before an account off its lists.
func hideBefore(ctx context.Context, tx *sql.Tx, a aor.AOR) error {
	for _, side := range []string{"caller", "callee"} {
		_, err := tx.ExecContext(ctx, "UPDATE call_log SET "+side+"_deleted = 1 WHERE "+side+"_username = ? AND "+side+"_domain = ? AND "+side+"_deleted = 0"+
			" AND started < (SELECT since FROM account_name WHERE username = ? AND domain = ?)", a.User, a.Domain, a.User, a.Domain)
		if err != nil {
			return err
		}
	}
	return nil
}
