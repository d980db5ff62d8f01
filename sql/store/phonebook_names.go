package store

import (
	"context"
	"slices"

	"seraph/sql/aor"
)

// namesAtOnce is how many addresses one query of FindAddresses has.
const namesAtOnce = 200

// FindAddresses returns the owner's first entry with each of the addresses,
// URIs in the form of aor.CanonicalURI. One that is in no entry is not in the
// map. It is for lists: one query for each 200 addresses.
func (t *Phonebook) FindAddresses(ctx context.Context, owner aor.AOR, addresses []string) (map[string]Entry, error) {
	found := make(map[string]Entry)
	for chunk := range slices.Chunk(addresses, namesAtOnce) {
		args := []any{owner.User, owner.Domain}
		for _, address := range chunk {
			args = append(args, address)
		}
		entries, err := all(ctx, t.db.read, scanEntry, "SELECT "+entryColumns+" FROM phonebook WHERE username = ? AND domain = ?"+
			" AND sip_uri IN ("+placeholders(len(chunk))+") ORDER BY id", args...)
		if err != nil {
			return nil, wrap(err, "entries of "+owner.String())
		}
		for _, e := range entries {
			if _, first := found[e.Address]; !first {
				found[e.Address] = e
			}
		}
	}
	return found, nil
}
