package store

import (
	"context"

	"seraph/sql/aor"
)

// History returns a page of the calls to our subscribers, missed or not, and
// whether or not they were deleted from somebody's list, by the time they began
// and then by id, and how many there are in all; those that one address made or
// got, or, of the zero address, all. It may read the whole table: it is for
// operators, not for pages of users.
func (t *Calls) History(ctx context.Context, who aor.AOR, q CallQuery) ([]Call, int, error) {
	var f filter
	if who != (aor.AOR{}) {
		f.and("((callee_username = ? AND callee_domain = ?) OR (caller_username = ? AND caller_domain = ?))", who.User, who.Domain, who.User, who.Domain)
	}
	if q.UpTo > 0 {
		f.and("id <= ?", q.UpTo)
	}
	order := orderBy([]string{"started", "id"}, !q.Oldest)
	list, total, err := listPage(ctx, t.db.read, scanCall, selectedColumns, " FROM call_log", f, order, q.Limit, q.Offset)
	return list, total, wrap(err, "calls")
}
