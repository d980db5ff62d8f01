package main

import (
	"testing"
	"time"

	"seraph/sql/store"
)

// TestFreedDays: what the file says of freed names is what the store goes by; none
// is not the store's default.
func TestFreedDays(t *testing.T) {
	for days, want := range map[int]time.Duration{0: -1, 1: 24 * time.Hour, defaultAliases().FreedDays: store.DefaultKeepFreed} {
		if got := (Aliases{FreedDays: days}).keepFreed(); got != want {
			t.Errorf("%d days are %s, want %s", days, got, want)
		}
	}
}
