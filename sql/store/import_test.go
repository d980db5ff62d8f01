package store_test

import (
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestImportKamailio: a user who is taken over proves his old password; nothing that is here
// is changed; the second time nothing is added.
func TestImportKamailio(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		from, ctx := newBase(t, db.Dialect()), t.Context()
		from.exec(t, "INSERT INTO domain (domain) VALUES ('example.org')")
		for _, a := range []aor.AOR{alice, bob} {
			from.exec(t, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES (?, ?, ?, ?)", a.User, a.Domain, aor.HA1(a.User, a.Domain, "old"), aor.HA1B(a.User, a.Domain, "old"))
		}
		from.exec(t, "INSERT INTO grp (username, domain, grp) VALUES ('alice', 'example.org', 'int')")
		from.exec(t, "INSERT INTO trusted (src_ip, proto, priority) VALUES ('192.0.2.1', 'any', 0), ('nobody', 'any', 0)")
		from.exec(t, "INSERT INTO dispatcher (setid, destination, flags, priority, attrs, description) VALUES (1, 'sip:192.0.2.9', 0, 0, '', '')")
		ok(t, db.Subscribers.Create(ctx, bob, "mine"))
		for round, want := range [][2]int{{5, 1}, {0, 6}} { // added, there
			list, err := db.ImportKamailio(ctx, from.DB)
			ok(t, err)
			added, there, refused := 0, 0, 0
			for _, i := range list {
				added, there, refused = added+i.Added, there+i.There, refused+len(i.Refused)
			}
			if added != want[0] || there != want[1] || refused != 1 {
				t.Errorf("round %d: %d added, %d there, %d refused: %+v", round, added, there, refused, list)
			}
		}
		if n := db.count(t, "SELECT COUNT(*) FROM subscriber WHERE username = 'alice' AND ha1 = ?", aor.HA1("alice", "example.org", "old")); n != 1 {
			t.Error("alice's hash is another one")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM subscriber WHERE username = 'bob' AND ha1 = ?", aor.HA1("bob", "example.org", "mine")); n != 1 {
			t.Error("bob, who was here, has another password")
		}
		ok(t, from.Close())
		if _, err := db.ImportKamailio(ctx, from.DB); err == nil {
			t.Error("a database that is closed gives rows")
		}
		var none []store.Imported
		if list, err := db.ImportKamailio(ctx, db.DB); err != nil || len(list) == len(none) {
			t.Errorf("its own: %v", err)
		}
	})
}
