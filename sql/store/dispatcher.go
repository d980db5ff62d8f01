package store

import (
	"context"
	"fmt"

	"seraph/sql/aor"
)

// Dispatcher is the table dispatcher: gateways by set, for module dispatcher.
type Dispatcher struct{ db *DB }

// Gateway is one row.
type Gateway struct {
	// Set is the number of the set, from 0.
	Set int
	// URI is where the gateway is: sip or sips, as a rule without a user; 192 bytes.
	URI string
	// Flags are Kamailio's: 1 inactive, 2 trying, 4 disabled, 8 probing.
	Flags int
	// Priority orders the set, the highest first.
	Priority int
	// Attrs are name=value separated by semicolons, such as weight=50; 128 characters.
	Attrs string
	// Description is for people; 64 characters.
	Description string
}

// All returns every row in the order in which they were added, as they are.
func (t *Dispatcher) All(ctx context.Context) ([]Gateway, error) {
	list, err := all(ctx, t.db.read, scanGateway, gatewayQuery)
	return list, wrap(err, "read all gateways")
}

const gatewayQuery = "SELECT setid, destination, flags, priority, COALESCE(attrs, ''), COALESCE(description, '') FROM dispatcher ORDER BY id"

func scanGateway(s scanner) (g Gateway, err error) {
	return g, s.Scan(&g.Set, &g.URI, &g.Flags, &g.Priority, &g.Attrs, &g.Description)
}

// Add adds a row, after a look at what a router could not use.
func (t *Dispatcher) Add(ctx context.Context, g Gateway) error {
	if g.Set < 0 || g.Set > 1<<31-1 {
		return &FieldError{"set", "is not a number from 0"}
	}
	if g.Flags < 0 || g.Flags > 15 {
		return &FieldError{"flags", "is not from 0 to 15"}
	}
	if len(g.URI) > 192 || !gatewayURI(g.URI) {
		return &FieldError{"uri", "is not like sip:192.0.2.10:5060"}
	}
	for field, text := range map[string]string{"attrs": g.Attrs, "description": g.Description} {
		if err := checkText(field, text, map[string]int{"attrs": 128, "description": 64}[field]); err != nil {
			return err
		}
	}
	_, err := t.db.exec(ctx, "INSERT INTO dispatcher (setid, destination, flags, priority, attrs, description) VALUES (?, ?, ?, ?, ?, ?)",
		g.Set, g.URI, g.Flags, g.Priority, g.Attrs, g.Description)
	return wrap(err, fmt.Sprintf("gateway %s of set %d", g.URI, g.Set))
}

// Remove removes the rows of a set with a URI, ErrNotFound if there is none.
func (t *Dispatcher) Remove(ctx context.Context, set int, uri string) error {
	return wrap(must(t.db.exec(ctx, "DELETE FROM dispatcher WHERE setid = ? AND destination = ?", set, uri)),
		fmt.Sprintf("gateway %s of set %d", uri, set))
}

// gatewayURI reports whether text is a sip or sips URI, with a user or without: then one
// is lent to it for the check.
func gatewayURI(text string) bool {
	for _, scheme := range []string{"sip:", "sips:"} {
		if len(text) > len(scheme) && text[:len(scheme)] == scheme {
			rest := text[len(scheme):]
			if _, err := aor.CanonicalURI(scheme+"x@"+rest, ""); err == nil {
				return true
			}
			_, err := aor.CanonicalURI(text, "")
			return err == nil
		}
	}
	return false
}
