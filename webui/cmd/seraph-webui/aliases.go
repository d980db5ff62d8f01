package main

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"seraph/sql/store"
	"seraph/webui/internal/user"
)

// maxAliases is the highest limit.
const maxAliases = 100

// maxFreedDays is for how long a freed name is kept at most.
const maxFreedDays = 3650

const day = 24 * time.Hour

// keepFreed is for how long freed names are kept, as store.Options take it.
func (a Aliases) keepFreed() time.Duration {
	if a.FreedDays == 0 {
		return -1
	}
	return time.Duration(a.FreedDays) * day
}

// defaultAliases are the rules of a program that is told nothing. Numbers are
// left to the operator. Reserved are the names that people take for the
// operator's (RFC 2142 has most), and those that the router itself speaks by.
func defaultAliases() Aliases {
	return Aliases{Limit: 3, FreedDays: int(store.DefaultKeepFreed / day), Pattern: "[a-z][a-z0-9._-]{2,31}", Reserved: []string{
		"abuse", "admin", "administrator", "anonymous", "controller", "emergency", "help", "helpdesk", "hostmaster", "info", "news", "noc",
		"operator", "police", "postmaster", "registrar", "root", "sales", "security", "service", "sip", "sos", "support", "system",
		"usenet", "voicemail", "webmaster", "www",
	}}
}

// rules are the rules as the portal takes them: the pattern for a whole name,
// names in lower case as addresses have them.
func (a Aliases) rules() (rules user.AliasRules, err error) {
	if a.Limit < 0 || a.Limit > maxAliases {
		return rules, fmt.Errorf("aliases.limit: %d is not between 0 and %d", a.Limit, maxAliases)
	}
	if a.FreedDays < 0 || a.FreedDays > maxFreedDays {
		return rules, fmt.Errorf("aliases.freed_days: %d is not between 0 and %d", a.FreedDays, maxFreedDays)
	}
	rules.Limit = a.Limit
	if a.Pattern != "" {
		if rules.Pattern, err = regexp.Compile(`\A(?:` + a.Pattern + `)\z`); err != nil {
			return rules, fmt.Errorf("aliases.pattern: %w", err)
		}
	}
	for _, name := range a.Reserved {
		rules.Reserved = append(rules.Reserved, strings.ToLower(name))
	}
	return rules, nil
}
