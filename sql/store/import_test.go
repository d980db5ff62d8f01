package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestImportKamailioRefuses: what is not taken is reported with the reason, and never stands
// for something else: an alias that is another's here, an address that meant every host. A row
// without a name keeps no other row out, and no other table.
func TestImportKamailioRefuses(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		from, ctx := newBase(t, db.Dialect()), t.Context()
		// Kamailio's columns, which may be NULL where ours may not.
		for _, statement := range []string{
			"DROP TABLE dbaliases", "CREATE TABLE dbaliases (id INTEGER PRIMARY KEY, alias_username VARCHAR(64), alias_domain VARCHAR(64), username VARCHAR(64), domain VARCHAR(64))",
			"INSERT INTO dbaliases VALUES (1, '100', 'example.org', 'alice', 'example.org'), (2, '200', 'example.org', NULL, 'example.org'), (3, '300', 'example.org', 'alice', 'example.org')",
			"DROP TABLE address", "CREATE TABLE address (id INTEGER PRIMARY KEY, grp INTEGER, ip_addr VARCHAR(50), mask INTEGER, port INTEGER, tag VARCHAR(64))",
			"INSERT INTO address VALUES (1, 1, '0.0.0.0', 0, 0, NULL), (2, 1, '192.0.2.1', 32, 0, NULL), (3, NULL, '192.0.2.2', 32, 0, NULL), (4, 1, '::', 0, 0, NULL), (5, 1, '192.0.2.3', 0, 0, NULL), (6, 1, 'gw.example.net', 0, 0, NULL)",
			"INSERT INTO trusted (src_ip, proto, priority) VALUES ('192.0.2.9', 'any', 0)",
		} {
			from.exec(t, statement)
		}
		for _, a := range []aor.AOR{alice, bob} {
			ok(t, db.Subscribers.Create(ctx, a, "mine"))
		}
		ok(t, db.Aliases.Add(ctx, aor.AOR{User: "100", Domain: "example.org"}, bob))
		list, err := db.ImportKamailio(ctx, from.DB)
		ok(t, err)
		refused := map[string][]string{}
		added := map[string]int{}
		for _, i := range list {
			added[i.Table] = i.Added
			for _, r := range i.Refused {
				refused[i.Table] = append(refused[i.Table], r.Row+": "+r.Why)
			}
		}
		want := map[string][]string{
			"dbaliases": {"100@example.org: alias is here already, and not as one of alice@example.org", "200@example.org: row has no value (NULL) where there has to be one"},
			"address": {"1 0.0.0.0/0:0: mask 0 means every host there; who is meant has to be added by hand", "192.0.2.2@: row has no value (NULL) where there has to be one",
				"1 ::/0:0: mask 0 means every host there; who is meant has to be added by hand", "1 192.0.2.3/0:0: mask 0 means every host there; who is meant has to be added by hand"},
		}
		if diff := cmp.Diff(want, refused); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		if added["dbaliases"] != 1 || added["address"] != 2 || added["trusted"] != 1 {
			t.Errorf("added %v", added)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM address WHERE ip_addr IN ('0.0.0.0', '::')"); n != 0 {
			t.Errorf("%d rows of every host are one host", n)
		}
	})
}
