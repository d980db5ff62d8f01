package user

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestRegroupsAreBounded: of each user the last few are kept, of all a fixed number, and
// none for ever; nobody takes another's.
func TestRegroupsAreBounded(t *testing.T) {
	var m regroups
	now := time.Date(2026, 11, 26, 14, 0, 0, 0, time.UTC)
	alice, bob := aor.AOR{User: "alice", Domain: "example.org"}, aor.AOR{User: "bob", Domain: "example.org"}
	entries := []store.Entry{{ID: 1, Group: "Work"}, {ID: 2}, {ID: 3, Group: "Work"}}
	bobs := m.keep(bob, entries, now)
	var names []string
	for range regroupOfUser + 1 {
		names = append(names, m.keep(alice, entries, now))
	}
	if m.take(alice, names[0], now) != nil {
		t.Error("the oldest of too many is there")
	}
	if m.take(alice, bobs, now) != nil || m.take(alice, "", now) != nil {
		t.Error("another's is given away")
	}
	if was := m.take(alice, names[1], now); !slices.Equal(was["Work"], []int64{1, 3}) || !slices.Equal(was[""], []int64{2}) || len(was) != 2 {
		t.Errorf("they were %v", was)
	}
	if m.take(alice, names[1], now) != nil {
		t.Error("it is given twice")
	}
	if m.take(bob, bobs, now.Add(regroupFor+time.Second)) != nil {
		t.Error("it is kept for ever")
	}
	for i := range 2 * regroupOfAll {
		m.keep(aor.AOR{User: fmt.Sprint("u", i), Domain: "example.org"}, entries, now)
	}
	if len(m.list) > regroupOfAll {
		t.Errorf("%d are kept", len(m.list))
	}
}
