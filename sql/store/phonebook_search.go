package store

import "seraph/sql/schema"

// searchFor narrows to entries in which the text is, or which are somebody's of the own
// domain who allows others to find him and has an alias in which it is. (A user part with
// escapes is found by everything but aliases.)
func (t *Phonebook) searchFor(f *filter, domain, text string) {
	condition, args := hasWords("search", text)
	uri := "'sip:' || a.username || '@' || a.domain"
	if t.db.target.dialect == schema.MySQL {
		uri = "CONCAT('sip:', a.username, '@', a.domain)"
	}
	f.and("("+condition+" OR sip_uri IN (SELECT "+uri+findableTables+
		" JOIN dbaliases a ON a.username = w.username AND a.domain = w.domain"+
		" WHERE w.domain = ? AND LOWER(a.alias_username) LIKE ? ESCAPE '!'))", append(args, domain, contains(text))...)
}
