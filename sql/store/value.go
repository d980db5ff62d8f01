package store

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"seraph/sql/aor"
)

// Times are written as text in both engines, so that both compare them alike.
const (
	stampLayout = "2006-01-02 15:04:05"
	microLayout = "2006-01-02 15:04:05.000000"
)

// stamp is how a time goes into a DATETIME column.
func stamp(t time.Time) string { return t.UTC().Format(stampLayout) }

// moment scans a DATETIME column; NULL becomes the zero time.
type moment struct{ t *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m.t = time.Time{}
	case time.Time:
		*m.t = v.UTC()
	case string:
		return m.parse(v)
	case []byte:
		return m.parse(string(v))
	default:
		return fmt.Errorf("a %T is no time", src)
	}
	return nil
}

func (m moment) parse(s string) (err error) {
	*m.t, err = time.ParseInLocation(stampLayout, s, time.UTC) // takes a fraction, too
	if err != nil {
		// Kamailio's kamctl writes what date prints where the database is SQLite; its
		// zone's name may be unknown, so such a time is good to a day.
		if t, e := time.Parse(time.UnixDate, s); e == nil {
			*m.t, err = t.UTC(), nil
		}
	}
	return err
}

var _ sql.Scanner = moment{}

// now is the present in whole seconds.
func (db *DB) present() time.Time { return db.now().UTC().Truncate(time.Second) }

// checkText reports as a *FieldError what keeps text out of a column of most
// characters: too many, bad UTF-8, control characters.
func checkText(field, text string, most int) error {
	switch {
	case !utf8.ValidString(text):
		return &FieldError{field, "is not valid UTF-8"}
	case utf8.RuneCountInString(text) > most:
		return &FieldError{field, fmt.Sprintf("is longer than %d characters", most)}
	case strings.ContainsFunc(text, unicode.IsControl):
		return &FieldError{field, "has control characters"}
	}
	return nil
}

// cut makes text fit a column of most characters: it is for texts that only
// inform and come from strangers.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n == most {
			return text[:i]
		}
		n++
	}
	return text
}

// line is cut for texts of one line: control characters are replaced, too,
// and space around it goes.
func line(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, cut(strings.TrimSpace(text), most))
	return strings.TrimSpace(text)
}

// identity makes a stranger's identifier fit a column of most characters so
// that two different ones stay different: one that line would change gets a
// hash of the whole for its end.
func identity(text string, most int) string {
	if fit := line(text, most); fit == text {
		return fit
	}
	sum := sha256.Sum256([]byte(text))
	end := "~" + hex.EncodeToString(sum[:16])
	return line(text, most-len(end)) + end
}

// whole returns text, or nothing where the column has no room for all of it or
// line would change it: for what a part of would name something else.
func whole(text string, most int) string {
	if line(text, most) != text {
		return ""
	}
	return text
}

// codeText is how a SIP status goes into a column; what is none goes as "".
func codeText(code int) string {
	if code < 100 || code > 699 {
		return ""
	}
	return strconv.Itoa(code)
}

// status scans such a column; "" and what is no number become 0.
type status struct{ code *int }

// Scan implements sql.Scanner.
func (s status) Scan(src any) error {
	var text sql.NullString
	if err := text.Scan(src); err != nil {
		return err
	}
	*s.code, _ = strconv.Atoi(text.String)
	return nil
}

// idArgs are the ids in order, each once, as arguments of a statement. More
// than most are a *FieldError.
func idArgs(ids []int64, most int) ([]any, error) {
	if len(ids) > most {
		return nil, &FieldError{"ids", fmt.Sprintf("are more than %d", most)}
	}
	args := make([]any, 0, len(ids))
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		args = append(args, id)
	}
	return args, nil
}

// fold makes texts comparable without regard to case, for the columns search.
func fold(texts ...string) string {
	return strings.ToLower(strings.Join(texts, " "))
}

// maxSearch bounds what is searched for, in characters.
const maxSearch = 128

// contains returns the LIKE pattern, with the escape character "!", of texts
// that contain the words of s as they stand.
func contains(s string) string {
	s = fold(cut(strings.TrimSpace(s), maxSearch))
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) + "%"
}

// Page sizes of all lists.
const (
	DefaultPage = 50
	MaxPage     = 1000
)

// page bounds limit and offset.
func page(limit, offset int) (int, int) {
	if limit <= 0 {
		limit = DefaultPage
	}
	return min(limit, MaxPage), max(offset, 0)
}

// checkAOR keeps out addresses that did not go through package aor.
func checkAOR(field string, a aor.AOR) error {
	if c, ok := canonical(a); !ok || c != a {
		return &FieldError{field, "is not an address like alice@example.org"}
	}
	return nil
}

// canonical is the address that a row of another program names, which may
// have written capitals; ok is false if no phone could name it.
func canonical(a aor.AOR) (c aor.AOR, ok bool) {
	c, err := aor.Parse(a.String(), "")
	return c, err == nil
}
