package store

import "strings"

// searchFor narrows to subscribers in whose user name, names, e-mail or
// aliases the text is, or whose address, or an alias of theirs, has it around
// its "@". Nothing in the text is taken for a wildcard.
func (f *filter) searchFor(text string) {
	const alias = "EXISTS (SELECT 1 FROM dbaliases a WHERE a.username = s.username AND a.domain = s.domain AND "
	pattern := contains(text)
	conditions := []string{
		"p.search LIKE ? ESCAPE '!'", "LOWER(s.username) LIKE ? ESCAPE '!'", alias + "LOWER(a.alias_username) LIKE ? ESCAPE '!')",
	}
	args := []any{pattern, pattern, pattern}
	if user, domain, found := strings.Cut(pattern[1:len(pattern)-1], "@"); found && strings.Count(pattern, "@") == 1 {
		conditions = append(conditions,
			"(LOWER(s.username) LIKE ? ESCAPE '!' AND LOWER(s.domain) LIKE ? ESCAPE '!')",
			alias+"LOWER(a.alias_username) LIKE ? ESCAPE '!' AND LOWER(a.alias_domain) LIKE ? ESCAPE '!')")
		args = append(args, "%"+user, domain+"%", "%"+user, domain+"%")
	}
	f.and("("+strings.Join(conditions, " OR ")+")", args...)
}
