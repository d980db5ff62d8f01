package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// address reads USER[@DOMAIN]: a bare name takes the default domain of db.
func address(ctx context.Context, db *store.DB, text string) (aor.AOR, error) {
	if !bare(text) {
		return parseAddress(text, "")
	}
	domains, err := db.Domains.List(ctx)
	if err != nil {
		return aor.AOR{}, databaseError(err)
	}
	if len(domains) == 0 {
		return aor.AOR{}, fmt.Errorf("%q has no domain, and the database has none yet: add one with \"seraphctl domain add DOMAIN\"", text)
	}
	if domain := store.DefaultDomain(domains); domain != "" {
		return parseAddress(text, domain)
	}
	return aor.AOR{}, usagef("%q has no domain; write %s@DOMAIN with one of: %s", text, text, strings.Join(domainNames(domains), ", "))
}

// liveAddress is address for commands that ask the router: the database is
// opened only where a bare name needs it.
func (a *app) liveAddress(ctx context.Context, text string) (aor.AOR, error) {
	if !bare(text) {
		return parseAddress(text, "")
	}
	if a.db == noDatabase {
		return aor.AOR{}, usagef("%q has no domain: write %s@DOMAIN", text, text)
	}
	db, err := a.openDB(ctx)
	if err != nil {
		return aor.AOR{}, fmt.Errorf("%q has no domain, and which is the only one cannot be looked up: %w", text, err)
	}
	defer db.Close()
	return address(ctx, db, text)
}

// bare reports whether text is a name without a domain.
func bare(text string) bool { return !strings.ContainsAny(text, "@:") }

func parseAddress(text, domain string) (aor.AOR, error) {
	parsed, err := aor.Parse(text, domain)
	if err != nil {
		return aor.AOR{}, usagef("%v; want USER or USER@DOMAIN", err)
	}
	return parsed, nil
}

func domainNames(domains []store.Domain) []string {
	var list []string
	for _, d := range domains {
		list = append(list, d.Name)
	}
	return list
}

// notThere words store.ErrNotFound for a subscriber.
func notThere(err error, a aor.AOR) error {
	if errors.Is(err, store.ErrNotFound) {
		return &noUserError{a}
	}
	return databaseError(err)
}

// noUserError says that an address is no user's of ours.
type noUserError struct{ address aor.AOR }

func (e *noUserError) Error() string { return "there is no user " + e.address.String() }
