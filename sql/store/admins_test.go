package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestAdmins(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		if list, err := db.Admins.List(ctx, alice); err != nil || len(list) != 0 {
			t.Errorf("List before any grant = %v, %v", list, err)
		}
		for _, p := range []store.Privilege{store.PrivilegeAdmin, store.PrivilegeChange, store.PrivilegeAdmin, store.PrivilegeGroup("ld")} {
			ok(t, db.Admins.Grant(ctx, alice, p))
		}
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeGroup("int")))
		all, err := db.Admins.All(ctx)
		ok(t, err)
		want := []store.Admin{
			{AOR: alice, Privileges: []store.Privilege{"change_privileges", "grp:ld", "is_admin"}},
			{AOR: bob, Privileges: []store.Privilege{"grp:int"}},
		}
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("All (-want +got):\n%s", diff)
		}
		if !all[0].Has(store.PrivilegeAdmin) || all[1].Has(store.PrivilegeAdmin) {
			t.Errorf("Has(is_admin) of alice %v, of bob %v", all[0].Has(store.PrivilegeAdmin), all[1].Has(store.PrivilegeAdmin))
		}
		list, err := db.Admins.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff(want[0].Privileges, list); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		bobs := func(when string, want ...store.Privilege) {
			t.Helper()
			list, err := db.Admins.List(ctx, bob)
			ok(t, err)
			if diff := cmp.Diff(want, list); diff != "" {
				t.Errorf("%s, List of bob (-want +got):\n%s", when, diff)
			}
		}
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeDomain))
		bobs("with a domain", store.PrivilegeDomain, "grp:int")
		ok(t, db.Admins.Revoke(ctx, bob, store.PrivilegeDomain))
		bobs("after it is taken", "grp:int")
	})
}

func TestAdminsRefuse(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice)
		for _, bad := range []store.Privilege{"", "root", "is_admin ", "IS_ADMIN", "grp", "grp:", "grp:a b", "is_admin\n", "is_admin:x",
			store.Privilege("grp:" + strings.Repeat("a", 65)), "grp:' OR 1=1"} {
			failsOn(t, "Grant "+string(bad), db.Admins.Grant(ctx, alice, bad), "privilege")
			failsOn(t, "Revoke "+string(bad), db.Admins.Revoke(ctx, alice, bad), "privilege")
		}
		ok(t, db.Admins.Grant(ctx, alice, store.PrivilegeGroup(strings.Repeat("a", 64))))
		fails(t, "Grant nobody", db.Admins.Grant(ctx, carol, store.PrivilegeAdmin), store.ErrNotFound)
		fails(t, "Grant injected", db.Admins.Grant(ctx, injected, store.PrivilegeAdmin), store.ErrNotFound)
		fails(t, "Revoke what alice has not", db.Admins.Revoke(ctx, alice, store.PrivilegeChange), store.ErrNotFound)
		fails(t, "RevokeAll of nobody", db.Admins.RevokeAll(ctx, carol), store.ErrNotFound)
	})
}

// TestLastAdminStays: there is always an account that may administer.
func TestLastAdminStays(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		ok(t, db.Admins.Grant(ctx, alice, store.PrivilegeAdmin))
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeDomain))
		refused := map[string]func() error{
			"Revoke":      func() error { return db.Admins.Revoke(ctx, alice, store.PrivilegeAdmin) },
			"RevokeAll":   func() error { return db.Admins.RevokeAll(ctx, alice) },
			"Delete":      func() error { return db.Subscribers.Delete(ctx, alice) },
			"SetDisabled": func() error { return db.Profiles.SetDisabled(ctx, alice, true) },
		}
		for name, call := range refused {
			fails(t, name+" of the last administrator", call(), store.ErrLastAdmin)
			fails(t, name+" of the last administrator", call(), store.ErrInUse)
		}
		// One who is disabled does not keep the pages open.
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeAdmin))
		ok(t, db.Profiles.SetDisabled(ctx, bob, true))
		fails(t, "Revoke beside a disabled one", db.Admins.Revoke(ctx, alice, store.PrivilegeAdmin), store.ErrLastAdmin)
		ok(t, db.Admins.RevokeAll(ctx, bob))
		// Nor does one whom kamctl removed.
		ok(t, db.Profiles.SetDisabled(ctx, bob, false))
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeAdmin))
		db.exec(t, "DELETE FROM subscriber WHERE username = 'bob'")
		fails(t, "Revoke beside a deleted one", db.Admins.Revoke(ctx, alice, store.PrivilegeAdmin), store.ErrLastAdmin)
		db.add(t, bob)
		if list, err := db.Admins.List(ctx, bob); err != nil || len(list) != 0 {
			t.Errorf("a new bob inherits the old one's privileges: %v, %v", list, err)
		}
		ok(t, db.Admins.Grant(ctx, bob, store.PrivilegeAdmin))
		ok(t, db.Subscribers.Delete(ctx, alice))
		if n := db.count(t, "SELECT COUNT(*) FROM admin_privilege WHERE username = 'alice'"); n != 0 {
			t.Errorf("%d privileges are left of a deleted account", n)
		}
	})
}

// TestLastAdminsGoAtOnce: of two administrators who go at the same time one stays.
func TestLastAdminsGoAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, alice, bob)
		both := []aor.AOR{alice, bob}
		for _, a := range both {
			ok(t, db.Admins.Grant(ctx, a, store.PrivilegeAdmin))
		}
		errs := atOnce(2, func(i int) error { return db.Admins.Revoke(ctx, both[i], store.PrivilegeAdmin) })
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), store.ErrLastAdmin) {
			t.Errorf("Revoke of both at once: %v and %v, want one to be ErrLastAdmin", errs[0], errs[1])
		}
	})
}
