package store

import "context"

// ListAllMissed returns a page of the calls that any subscriber missed and has not
// deleted, by the time they began and then by id, and how many there are in
// all. What a caller has tried at an address that is nobody's, which is in his own list,
// is not among them. It reads the whole table: it is for operators, not for pages of users.
func (t *Calls) ListAllMissed(ctx context.Context, q CallQuery) ([]Call, int, error) {
	var f filter
	f.and("callee_deleted = 0 AND answered IS NULL AND sip_code >= '300'")
	f.and("EXISTS (SELECT 1 FROM subscriber s WHERE s.username = callee_username AND s.domain = callee_domain)")
	if q.UpTo > 0 {
		f.and("id <= ?", q.UpTo)
	}
	order := orderBy([]string{"started", "id"}, !q.Oldest)
	list, total, err := listPage(ctx, t.db.read, scanCall, selectedColumns, " FROM call_log", f, order, q.Limit, q.Offset)
	return list, total, wrap(err, "missed calls")
}
