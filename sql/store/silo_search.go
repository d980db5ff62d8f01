package store

import (
	"context"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/sql/aor"
)

// selected is the condition of a selection.
func (t *Silo) selected(owner aor.AOR, q SiloQuery) filter {
	f := t.of(owner)
	if q.Unread {
		f.and("t.read_time IS NULL AND s.snd_time <= ?", t.db.present().Unix())
	}
	if q.Refused {
		f.and("COALESCE(t.refused, 0) <> 0")
	}
	if q.UpTo > 0 {
		f.and("s.id <= ?", q.UpTo)
	}
	if q.Search != "" {
		found := t.searched(q)
		f.and(found.any(), found.args...)
	}
	return f
}

// isText is the condition that a message is shown as a text: what others hold is found
// by chance only.
const isText = "(s.ctype = '' OR LOWER(s.ctype) LIKE 'text/%' OR LOWER(s.ctype) LIKE 'message/cpim%')"

// searched are the conditions of which one is enough for a message to be found.
func (t *Silo) searched(q SiloQuery) (found sides) {
	text := bytesAsText(t.db.target.dialect, "s.body")
	for _, spelling := range append(spelled(q.Search), sentence(q.Search)) {
		found.like(isText+" AND "+text, spelling)
		found.like("s.src_addr", spelling)
		found.name(spelling)
	}
	for _, uri := range q.People[:min(len(q.People), MaxPeople)] {
		found.or("s.src_addr = ?", uri)
		found.or("s.src_addr LIKE ? ESCAPE '!'", like(uri)+";%")
		found.or("s.src_addr LIKE ? ESCAPE '!'", like(uri)+":%")
	}
	return found
}

// name looks for a text in the sender's display name: in the line of extra_hdrs that
// columnHeaders makes for it, and no other.
func (s *sides) name(text string) {
	const headers, head = "COALESCE(s.extra_hdrs, '')", nameHeader + ": "
	line := "SUBSTR(" + headers + ", INSTR(" + headers + ", ?) + " + strconv.Itoa(len(head)) + ")"
	s.or("INSTR("+headers+", ?) > 0 AND SUBSTR("+line+", 1, INSTR("+line+", ?) - 1) LIKE ? ESCAPE '!'",
		head, head, head, "\r\n", "%"+like(text)+"%")
}

// sentence is a text as it begins a sentence.
func sentence(text string) string {
	lower := strings.ToLower(text)
	first, size := utf8.DecodeRuneInString(lower)
	return string(unicode.ToTitle(first)) + lower[size:]
}

// MaxID is the highest id of a selection, 0 if it is empty.
func (t *Silo) MaxID(ctx context.Context, owner aor.AOR, q SiloQuery) (int64, error) {
	f := t.selected(owner, q)
	id, err := one(ctx, t.db.read, scanID64, "SELECT COALESCE(MAX(s.id), 0)"+siloTables+f.where(), f.args...)
	return id, wrap(err, "messages of "+owner.String())
}

// IDs are the ids of a selection up to the highest id that a page of it showed, which must
// be given; the lowest first, MaxStored at most. Limit and Offset do not count.
func (t *Silo) IDs(ctx context.Context, owner aor.AOR, q SiloQuery) ([]int64, error) {
	if q.UpTo <= 0 {
		return nil, &FieldError{"up_to", "is not given"}
	}
	f := t.selected(owner, q)
	ids, err := all(ctx, t.db.read, scanID64, "SELECT s.id"+siloTables+f.where()+" ORDER BY s.id LIMIT ?", append(f.args, MaxStored)...)
	return ids, wrap(err, "messages of "+owner.String())
}
