package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestGroups(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		for _, g := range []string{"ld", "int", "ld", "Voice-mail_1.x"} {
			ok(t, db.Groups.Grant(ctx, alice, g))
		}
		for g, want := range map[string]bool{"ld": false, "LD": true, "vip": true} { // a name counts as it is written
			if added, err := db.Groups.GrantNew(ctx, alice, g); err != nil || added != want {
				t.Errorf("GrantNew %s = %v, %v; want %v", g, added, err, want)
			}
		}
		for _, g := range []string{"LD", "vip"} {
			ok(t, db.Groups.Revoke(ctx, alice, g))
		}
		list, err := db.Groups.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]string{"Voice-mail_1.x", "int", "ld"}, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		if list, err := db.Groups.List(ctx, bob); err != nil || len(list) != 0 {
			t.Errorf("List of bob = %v, %v", list, err)
		}
		for _, bad := range []string{"", "a b", "ž", "a'b", "ld\n", strings.Repeat("a", 65)} {
			failsOn(t, "Grant "+bad, db.Groups.Grant(ctx, alice, bad), "group")
		}
		fails(t, "Grant nobody", db.Groups.Grant(ctx, carol, "ld"), store.ErrNotFound)
		fails(t, "Revoke another's", db.Groups.Revoke(ctx, bob, "ld"), store.ErrNotFound)
		fails(t, "Revoke in other case", db.Groups.Revoke(ctx, alice, "LD"), store.ErrNotFound)
		ok(t, db.Groups.Revoke(ctx, alice, "ld"))
		fails(t, "Revoke twice", db.Groups.Revoke(ctx, alice, "ld"), store.ErrNotFound)

		db.exec(t, "INSERT INTO grp (username, domain, grp) VALUES ('Bob', 'example.org', 'my group'), ('bob', 'example.org', 'my group'), ('', '', 'x')")
		all, err := db.Groups.All(ctx)
		ok(t, err)
		if diff := cmp.Diff(map[aor.AOR][]string{alice: {"Voice-mail_1.x", "int"}, bob: {"my group"}}, all); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		ok(t, db.Groups.Revoke(ctx, bob, "my group"))
	})
}
