package store

import (
	"context"
	"strings"
	"time"
	"unicode"

	"seraph/sql/aor"
)

// CallKind narrows an owner's calls.
type CallKind string

// Kinds of an owner's calls.
const (
	CallsAll    CallKind = ""
	CallsIn     CallKind = "in"     // to the owner, answered or not
	CallsOut    CallKind = "out"    // by the owner
	CallsMissed CallKind = "missed" // to the owner, and nobody answered
)

// CallSort is an order of an owner's calls. Each one ends in the time when they began
// and the id, so that it is total.
type CallSort string

// Orders of calls.
const (
	CallsByTime   CallSort = "time"
	CallsByLength CallSort = "length" // from the answer to the end; without one: none
)

// OwnCalls selects calls that an owner made or got and has not deleted.
type OwnCalls struct {
	Kind CallKind
	// Since and Before bound when the calls began, [Since, Before); zero is no bound.
	Since, Before time.Time
	// Search is looked for, without regard to case, in the name and the address of the
	// other side. Empty matches all.
	Search string
	// People are URIs of others who match Search by what is not in this table, their
	// names in the owner's phone book; the first MaxPeople count.
	People []string
	// UpTo leaves out rows with a higher id, if it is not 0: what came after a page was
	// made.
	UpTo int64
	// Sort is the order; empty is CallsByTime. Up puts the oldest or shortest first.
	Sort CallSort
	Up   bool
	// Limit is at most MaxPage; 0 means DefaultPage. Offset counts rows.
	Limit, Offset int
}

// MaxPeople bounds OwnCalls.People.
const MaxPeople = 100

// The two sides of a call, each with the address twice as its arguments.
const (
	gotSide  = "(callee_username = ? AND callee_domain = ? AND callee_deleted = 0)"
	madeSide = "(caller_username = ? AND caller_domain = ? AND caller_deleted = 0)"
	// notReached is what a missed call is, apart from whose it is.
	notReached = " AND answered IS NULL AND sip_code >= '300'"
)

// own is the condition of a selection.
func (q OwnCalls) own(owner aor.AOR) (f filter, err error) {
	user, domain := owner.User, owner.Domain
	switch q.Kind {
	case CallsAll:
		f.and("("+gotSide+" OR "+madeSide+")", user, domain, user, domain)
	case CallsIn:
		f.and(gotSide, user, domain)
	case CallsOut:
		f.and(madeSide, user, domain)
	case CallsMissed:
		f.and(gotSide+notReached, user, domain)
	default:
		return f, &FieldError{"kind", "is no kind of calls"}
	}
	if !q.Since.IsZero() {
		f.and("started >= ?", stamp(q.Since))
	}
	if !q.Before.IsZero() {
		f.and("started < ?", stamp(q.Before))
	}
	if q.UpTo > 0 {
		f.and("id <= ?", q.UpTo)
	}
	q.searchOther(&f, owner)
	return f, nil
}

// calleeKnown is the condition that the owner of a call that was made knows its callee:
// the address was not an alias of theirs or somebody's who forwards to them, as far as
// it was kept, or it was one of the owner's own short numbers. Nothing is found by what a
// list must not tell.
const calleeKnown = "(target_uri = '' OR SUBSTR(target_uri, 5, 1) BETWEEN '0' AND '9' AND SUBSTR(target_uri, 6, 1) BETWEEN '0' AND '9'" +
	" AND SUBSTR(target_uri, 7, 1) = '@')"

// searchOther narrows to calls whose other side matches: who called as they call
// themselves, who was called as the owner called them.
func (q OwnCalls) searchOther(f *filter, owner aor.AOR) {
	if q.Search == "" {
		return
	}
	var got, made, callee sides
	for _, text := range spelled(q.Search) {
		got.like("caller_name", text)
		got.address("caller", text)
		made.like("target_uri", text)
		callee.address("callee", text)
	}
	for _, uri := range q.People[:min(len(q.People), MaxPeople)] {
		got.person("caller", uri)
		callee.person("callee", uri)
		made.or("target_uri = ?", uri)
		made.or("target_uri LIKE ? ESCAPE '!'", like(uri)+";%")
		made.or("target_uri LIKE ? ESCAPE '!'", like(uri)+":%")
	}
	made.or(calleeKnown+" AND "+callee.any(), callee.args...)
	args := append(append([]any{owner.User, owner.Domain}, got.args...), owner.User, owner.Domain)
	f.and("("+gotSide+" AND "+got.any()+" OR "+madeSide+" AND "+made.any()+")", append(args, made.args...)...)
}

// sides are conditions of which one is enough.
type sides struct{ filter }

func (s *sides) or(condition string, args ...any) { s.and(condition, args...) }

func (s *sides) any() string { return "(" + strings.Join(s.conditions, " OR ") + ")" }

func (s *sides) like(column, text string) { s.or(column+" LIKE ? ESCAPE '!'", "%"+like(text)+"%") }

// address looks for a text in the address of one side.
func (s *sides) address(of, text string) {
	user, host, found := strings.Cut(text, "@")
	if found {
		s.or("("+of+"_username LIKE ? ESCAPE '!' AND "+of+"_domain LIKE ? ESCAPE '!')", "%"+like(user), like(host)+"%")
		return
	}
	s.like(of+"_username", text)
	s.like(of+"_domain", text)
}

// person looks for the address of a URI.
func (s *sides) person(of, uri string) {
	if user, domain := callerColumns(uri); user != "" || domain != "" {
		s.or("("+of+"_username = ? AND "+of+"_domain = ?)", user, domain)
	}
}

// like makes text a pattern that means only itself.
func like(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(cut(text, maxSearch))
}

// spelled are the ways in which a text may be written that is searched for: the
// columns are compared as they are, and only some engines take a for A.
func spelled(text string) []string {
	lower, upper := strings.ToLower(text), strings.ToUpper(text)
	list := []string{lower}
	for _, other := range []string{text, upper, titled(lower)} {
		if other != lower && (len(list) < 2 || other != list[len(list)-1]) {
			list = append(list, other)
		}
	}
	return list
}

// titled is a text with each word's first letter large.
func titled(text string) string {
	first := true
	return strings.Map(func(c rune) rune {
		large := first && unicode.IsLetter(c)
		first = !unicode.IsLetter(c) && !unicode.IsNumber(c)
		if large {
			return unicode.ToTitle(c)
		}
		return c
	}, text)
}

// ownKeys are the columns of an order.
func (t *Calls) ownKeys(sort CallSort) ([]string, error) {
	switch sort {
	case "", CallsByTime:
		return []string{"started", "id"}, nil
	case CallsByLength:
		return []string{seconds(t.db.target.dialect, "answered", "ended"), "started", "id"}, nil
	}
	return nil, &FieldError{"sort", "is not an order of calls"}
}

// ListOwn returns a page of the owner's calls, and how many match in all.
func (t *Calls) ListOwn(ctx context.Context, owner aor.AOR, q OwnCalls) ([]Call, int, error) {
	keys, err := t.ownKeys(q.Sort)
	if err != nil {
		return nil, 0, err
	}
	f, err := q.own(owner)
	if err != nil {
		return nil, 0, err
	}
	list, total, err := listPage(ctx, t.db.read, scanCall, selectedColumns, " FROM call_log", f, orderBy(keys, !q.Up), q.Limit, q.Offset)
	return list, total, wrap(err, "calls of "+owner.String())
}

// FindOwn returns one call that the owner made or got and has not deleted.
func (t *Calls) FindOwn(ctx context.Context, owner aor.AOR, id int64) (Call, error) {
	f, err := OwnCalls{}.own(owner)
	if err != nil {
		return Call{}, err
	}
	f.and("id = ?", id)
	c, err := one(ctx, t.db.read, scanCall, "SELECT "+selectedColumns+" FROM call_log"+f.where(), f.args...)
	return c, wrap(err, "call of "+owner.String())
}

// MaxOwnID is the highest id of a selection, 0 if it is empty. Ids follow the order in which
// calls ended, lists the one in which they began: the newest call need not have it.
func (t *Calls) MaxOwnID(ctx context.Context, owner aor.AOR, q OwnCalls) (int64, error) {
	f, err := q.own(owner)
	if err != nil {
		return 0, err
	}
	id, err := one(ctx, t.db.read, scanID64, "SELECT COALESCE(MAX(id), 0) FROM call_log"+f.where(), f.args...)
	return id, wrap(err, "calls of "+owner.String())
}

// DeleteOwn takes calls off the owner's lists, that of missed calls included, and
// returns how many of them were on it. The other side's list keeps them. At most
// MaxPage ids.
func (t *Calls) DeleteOwn(ctx context.Context, owner aor.AOR, ids ...int64) (int, error) {
	args, err := idArgs(ids, MaxPage)
	if err != nil || len(args) == 0 {
		return 0, wrap(err, "calls of "+owner.String())
	}
	f, err := OwnCalls{}.own(owner)
	if err != nil {
		return 0, err
	}
	f.and("id IN ("+placeholders(len(args))+")", args...)
	return t.hide(ctx, owner, f)
}

// DeleteOwnSelected is DeleteOwn for a selection up to the highest id that a page of it
// showed, which must be given.
func (t *Calls) DeleteOwnSelected(ctx context.Context, owner aor.AOR, q OwnCalls) (int, error) {
	if q.UpTo <= 0 {
		return 0, &FieldError{"up_to", "is not given"}
	}
	f, err := q.own(owner)
	if err != nil {
		return 0, err
	}
	return t.hide(ctx, owner, f)
}

// hide sets the owner's marks on the calls that f selects; both sides' of somebody who
// called themselves.
func (t *Calls) hide(ctx context.Context, owner aor.AOR, f filter) (int, error) {
	const got, made = "callee_username = ? AND callee_domain = ?", "caller_username = ? AND caller_domain = ?"
	n, err := t.db.exec(ctx, "UPDATE call_log SET callee_seen = CASE WHEN "+got+" THEN 1 ELSE callee_seen END,"+
		" callee_deleted = CASE WHEN "+got+" THEN 1 ELSE callee_deleted END,"+
		" caller_deleted = CASE WHEN "+made+" THEN 1 ELSE caller_deleted END"+f.where(),
		append([]any{owner.User, owner.Domain, owner.User, owner.Domain, owner.User, owner.Domain}, f.args...)...)
	return int(n), wrap(err, "calls of "+owner.String())
}
