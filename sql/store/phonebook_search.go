package store

// searchFor narrows to entries in which the text is, or which are somebody's of the own
// domain who may be found by others and has an alias in which it is. (A user part with
// escapes is found by everything but aliases.)
func (t *Phonebook) searchFor(f *filter, domain, text string) {
	condition, args := hasWords("search", text)
	uri := concat(t.db.target.dialect, "'sip:'", "a.username", "'@'", "a.domain")
	f.and("("+condition+" OR sip_uri IN (SELECT "+uri+findableTables+
		" JOIN dbaliases a ON a.username = w.username AND a.domain = w.domain"+
		" WHERE w.domain = ? AND LOWER(a.alias_username) LIKE ? ESCAPE '!'))", append(args, domain, contains(text))...)
}
