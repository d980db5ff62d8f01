package store

import "maps"

// PersonalTables says which tables an export is made of, which tables with rows of
// subscribers are in none, and which keep such rows for good, each with the reason.
func PersonalTables() (exported []string, unexported, keeps map[string]string) {
	for _, p := range personals {
		exported = append(exported, p.table)
	}
	return exported, maps.Clone(unexportedTables), maps.Clone(kept)
}
