package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"seraph/sql/aor"
)

// WhitePages is what people may know of each other who allow it (Profile.Findable): the
// table white_page. Those who do not allow it, or are disabled, are not in it, however
// the question is put.
type WhitePages struct{ db *DB }

// Listed is one person in the white pages.
type Listed struct {
	AOR                 aor.AOR
	FirstName, LastName string
}

// Name returns first and last name, or the user part of the address if both are empty.
func (l Listed) Name() string { return orText(fullName(l.FirstName, l.LastName), l.AOR.User) }

// MaxListed bounds what Search returns.
const MaxListed = 500

// listWhitePage writes what a user is found by, or takes it away.
func listWhitePage(ctx context.Context, tx *sql.Tx, p Profile) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM white_page WHERE username = ? AND domain = ?", p.AOR.User, p.AOR.Domain)
	if err != nil || !p.Findable {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO white_page (username, domain, search) VALUES (?, ?, ?)",
		p.AOR.User, p.AOR.Domain, words(pageWords, p.AOR.User, p.FirstName, p.LastName))
	return err
}

// findableTables are the people who allow others to find them.
const findableTables = " FROM white_page w JOIN subscriber s ON s.username = w.username AND s.domain = w.domain" +
	" JOIN profile p ON p.username = w.username AND p.domain = w.domain AND p.findable = 1 AND p.disabled = 0"

// Search returns the people of the viewer's own domain, the viewer not among them, in whose
// names or user name the text is, without regard to case and accents, or whose address, or
// user part of an alias, has it. They come by last name, first name and user name; at most
// most of them, which is at most MaxListed; more says that there are others. An empty text
// finds nobody.
func (t *WhitePages) Search(ctx context.Context, viewer aor.AOR, text string, most int) (found []Listed, more bool, err error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "sip:")
	most = min(most, MaxListed)
	if text == "" || most <= 0 {
		return nil, false, nil
	}
	var f filter
	f.and("w.domain = ? AND w.username <> ?", viewer.Domain, viewer.User)
	f.listed(viewer.Domain, text)
	found, err = all(ctx, t.db.read, scanListed, "SELECT w.username, w.domain, p.first_name, p.last_name"+findableTables+f.where()+
		" ORDER BY p.last_name, p.first_name, w.username LIMIT ?", append(f.args, most+1)...)
	if err != nil {
		return nil, false, wrap(err, "white pages for "+viewer.String())
	}
	if more = len(found) > most; more {
		found = found[:most]
	}
	return found, more, nil
}

func scanListed(s scanner) (l Listed, err error) {
	return l, s.Scan(&l.AOR.User, &l.AOR.Domain, &l.FirstName, &l.LastName)
}

// listed narrows to people whom a text means.
func (f *filter) listed(domain, text string) {
	condition, args := hasWords("w.search", text)
	conditions := []string{condition, "EXISTS (SELECT 1 FROM dbaliases a WHERE a.username = w.username AND a.domain = w.domain" +
		" AND a.alias_domain = w.domain AND LOWER(a.alias_username) LIKE ? ESCAPE '!')"}
	args = append(args, contains(text))
	if user, host, found := strings.Cut(fold(text), "@"); found && strings.HasPrefix(domain, host) {
		end := strings.TrimSuffix(contains(user), "%")
		conditions = append(conditions, "LOWER(w.username) LIKE ? ESCAPE '!'")
		args = append(args, end)
	}
	f.and("("+strings.Join(conditions, " OR ")+")", args...)
}

// Aliases returns the aliases of those of the addresses who allow others to find them, in
// alphabetical order; for lists, in one query for many.
func (t *WhitePages) Aliases(ctx context.Context, as []aor.AOR) (map[aor.AOR][]aor.AOR, error) {
	found := make(map[aor.AOR][]aor.AOR)
	for chunk := range slices.Chunk(as, presenceChunk) {
		args := make([]any, 0, 2*len(chunk))
		for _, a := range chunk {
			args = append(args, a.User, a.Domain)
		}
		rows, err := all(ctx, t.db.read, scanAlias, "SELECT a.alias_username, a.alias_domain, a.username, a.domain"+
			findableTables+" JOIN dbaliases a ON a.username = w.username AND a.domain = w.domain"+
			" WHERE (w.username = ? AND w.domain = ?)"+strings.Repeat(" OR (w.username = ? AND w.domain = ?)", len(chunk)-1)+
			" ORDER BY a.alias_username, a.alias_domain", args...)
		if err != nil {
			return nil, wrap(err, "aliases in the white pages")
		}
		for _, row := range rows {
			found[row[1]] = append(found[row[1]], row[0])
		}
	}
	return found, nil
}
