package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestImportKamailio: a user who is taken over proves the old password; nothing that is here
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
			"INSERT INTO dbaliases VALUES (1, '100', 'example.org', 'alice', 'example.org'), (2, '200', 'example.org', NULL, 'example.org'), (3, '300', 'example.org', 'alice', 'example.org'), (4, '400', '', 'alice', 'example.org'), (5, '500', 'example.org', 'alice', ''), (6, '600', '', 'alice', '')",
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
			"dbaliases": {"100@example.org: alias is here already, and not as one of alice@example.org", "200@example.org: row has no value (NULL) where there has to be one",
				"600@: alias or its target is no address"},
			"address": {"1 0.0.0.0/0:0: mask 0 means every host there; who is meant has to be added by hand", "192.0.2.2@: row has no value (NULL) where there has to be one",
				"1 ::/0:0: mask 0 means every host there; who is meant has to be added by hand", "1 192.0.2.3/0:0: mask 0 means every host there; who is meant has to be added by hand"},
		}
		if diff := cmp.Diff(want, refused); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
		if added["dbaliases"] != 3 || added["address"] != 2 || added["trusted"] != 1 {
			t.Errorf("added %v", added)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM address WHERE ip_addr IN ('0.0.0.0', '::')"); n != 0 {
			t.Errorf("%d rows of every host are one host", n)
		}
	})
}

// serTables are SER 0.9's: keys of names instead of ids, aliases like contacts, and no columns
// that came later. "domain" of aliases is empty where usrloc had use_domain 0.
var serTables = []string{
	"CREATE TABLE domain (domain VARCHAR(128) NOT NULL DEFAULT '', last_modified VARCHAR(20), PRIMARY KEY (domain))",
	"INSERT INTO domain VALUES ('example.org', '')",
	"CREATE TABLE subscriber (phplib_id VARCHAR(32) NOT NULL DEFAULT '', username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(128) NOT NULL DEFAULT ''," +
		" password VARCHAR(25) NOT NULL DEFAULT '', first_name VARCHAR(25), last_name VARCHAR(45), phone VARCHAR(15), email_address VARCHAR(50), timezone VARCHAR(128), ha1 VARCHAR(128) NOT NULL DEFAULT '', ha1b VARCHAR(128) NOT NULL DEFAULT '', PRIMARY KEY (username, domain))",
	"CREATE TABLE aliases (username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(128) NOT NULL DEFAULT '', contact VARCHAR(255) NOT NULL DEFAULT '', callid VARCHAR(255), PRIMARY KEY (username, domain, contact))",
	"INSERT INTO aliases VALUES ('100', '', 'sip:alice@example.org', ''), ('101', 'example.org', 'sip:alice@example.org', ''), ('102', '', 'sip:bob@192.0.2.1:5062', ''), ('10 3', '', 'sip:alice@example.org', ''), ('104', '', 'tel:+49301', '')",
	"CREATE TABLE grp (username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(128) NOT NULL DEFAULT '', grp VARCHAR(50) NOT NULL DEFAULT '', last_modified VARCHAR(20), PRIMARY KEY (username, domain, grp))",
	"INSERT INTO grp VALUES ('alice', 'example.org', 'int', ''), ('alice', 'example.org', 'ld', '')",
	"CREATE TABLE speed_dial (username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(128) NOT NULL DEFAULT '', username_from_req_uri VARCHAR(128) NOT NULL DEFAULT '', domain_from_req_uri VARCHAR(128) NOT NULL DEFAULT '', new_request_uri VARCHAR(128) NOT NULL DEFAULT '')",
	"INSERT INTO speed_dial VALUES ('alice', 'example.org', '7', 'example.org', 'sip:bob@example.org')",
	"CREATE TABLE trusted (src_ip VARCHAR(39) NOT NULL, proto VARCHAR(4) NOT NULL, from_pattern VARCHAR(64) NOT NULL, PRIMARY KEY (src_ip, proto, from_pattern))",
	"INSERT INTO trusted VALUES ('192.0.2.9', 'any', '^sip:.*$')",
	"CREATE TABLE phonebook (id INTEGER PRIMARY KEY, username VARCHAR(64) NOT NULL DEFAULT '', domain VARCHAR(128) NOT NULL DEFAULT '', fname VARCHAR(32), lname VARCHAR(32), sip_uri VARCHAR(128) NOT NULL DEFAULT '')",
	"INSERT INTO phonebook VALUES (1, 'alice', 'example.org', 'Bob', NULL, 'sip:Bob@Example.org'), (2, 'alice', 'example.org', 'Jörg', 'Kühn', 'sip:joerg@iptel.org'), (3, 'dora', 'example.org', 'Bob', '', 'sip:bob@example.org'), (4, 'alice', 'example.org', 'nobody', '', 'at home')",
}

// TestImportSER: a database of SER 0.9 gives what it has, and the second time nothing.
func TestImportSER(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		from, ctx := newBase(t, db.Dialect()), t.Context()
		for _, table := range []string{"domain", "subscriber", "dbaliases", "grp", "speed_dial", "dispatcher", "address", "trusted", "phonebook"} {
			from.exec(t, "DROP TABLE "+table)
		}
		for _, statement := range serTables {
			from.exec(t, statement)
		}
		from.exec(t, "INSERT INTO subscriber VALUES ('1', 'alice', 'example.org', '', 'Alice', 'Nováková', '+420 1', 'alice@mail.example', 'Europe/Prague', ?, ?)", aor.HA1("alice", "example.org", "old"), aor.HA1B("alice", "example.org", "old"))
		from.exec(t, "INSERT INTO subscriber VALUES ('2', 'bob', 'example.org', 'heslo', 'Bob', NULL, '', 'not a mail', 'Mars/Base', '', '')")
		for round := range 2 {
			list, err := db.ImportKamailio(ctx, from.DB)
			ok(t, err)
			got := map[string][3]int{}
			var refused []string
			for _, i := range list {
				got[i.Table] = [3]int{i.Added, i.There, len(i.Refused)}
				if i.Missing {
					delete(got, i.Table)
				}
				for _, r := range i.Refused {
					refused = append(refused, i.Table+": "+r.Row+": "+r.Why)
				}
			}
			want := map[string][3]int{"domain": {1}, "subscriber": {2, 0, 2}, "aliases": {2, 0, 3}, "grp": {2}, "phonebook": {2, 0, 2}, "speed_dial": {1}, "trusted": {1}}
			wantRefused := []string{
				"subscriber: bob@example.org: is here without that: email is not an address like alice@example.org", "subscriber: bob@example.org: is here without that: time_zone is not a time zone like Europe/Prague",
				"aliases: 10 3@example.org: username and domain are no address", "aliases: 102@192.0.2.1: its user is not here", "aliases: 104@: contact is not the address of a user",
				"phonebook: sip:bob@example.org of dora@example.org: its user is not here", "phonebook: at home of alice@example.org: address has a bad user part: write something like bob or bob@example.org",
			}
			if round == 1 {
				wantRefused = wantRefused[2:] // they stay as they are
				for table, n := range want {
					want[table] = [3]int{0, n[0], n[2]}
				}
				want["subscriber"] = [3]int{0, 2, 0}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("round %d: added, there, refused (-want +got):\n%s", round, diff)
			}
			if diff := cmp.Diff(wantRefused, refused); diff != "" {
				t.Errorf("round %d: refused (-want +got):\n%s", round, diff)
			}
		}
		for user, password := range map[string]string{"alice": "old", "bob": "heslo"} {
			if n := db.count(t, "SELECT COUNT(*) FROM subscriber WHERE username = ? AND ha1 = ?", user, aor.HA1(user, "example.org", password)); n != 1 {
				t.Errorf("%s cannot prove the old password", user)
			}
		}
		p, err := db.Profiles.Load(ctx, alice)
		ok(t, err)
		if p.Name() != "Alice Nováková" || p.Email != "alice@mail.example" || !p.Unconfirmed || p.Phone != "+420 1" || p.TimeZone != "Europe/Prague" {
			t.Errorf("alice's profile is %+v", p)
		}
		if p, err = db.Profiles.Load(ctx, bob); err != nil || p.Name() != "Bob" || p.Email != "" || p.TimeZone != "" {
			t.Errorf("bob's profile is %+v, %v", p, err)
		}
		book, _, err := db.Phonebook.List(ctx, alice, store.EntryQuery{})
		ok(t, err)
		var entries []string
		for _, e := range book {
			entries = append(entries, e.FirstName+" "+e.LastName+" "+e.Address)
		}
		if diff := cmp.Diff([]string{"Bob  sip:bob@example.org", "Jörg Kühn sip:joerg@iptel.org"}, entries); diff != "" {
			t.Errorf("alice's phone book:\n%s", diff)
		}
		mine, err := db.Aliases.List(ctx, alice)
		ok(t, err)
		if diff := cmp.Diff([]aor.AOR{{User: "100", Domain: "example.org"}, {User: "101", Domain: "example.org"}}, mine); diff != "" {
			t.Errorf("aliases:\n%s", diff)
		}
	})
}

// TestImportProfileLater: a user whom a run took over that ended before the profile was kept gets it with the next
// one; a profile that is there stays, and who has another password is somebody else.
func TestImportProfileLater(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		from, ctx := newBase(t, db.Dialect()), t.Context()
		from.exec(t, "DROP TABLE subscriber")
		from.exec(t, "CREATE TABLE subscriber (id INTEGER, username VARCHAR(64), domain VARCHAR(128), password VARCHAR(25), first_name VARCHAR(25), phone VARCHAR(15), ha1 VARCHAR(128))")
		eve, dora := aor.AOR{User: "eve", Domain: "example.org"}, aor.AOR{User: "dora", Domain: "example.org"}
		for _, row := range [][]any{
			{"alice", "", "Alice", "+420 1", strings.ToUpper(aor.HA1("alice", "example.org", "old"))}, {"bob", "heslo", "Bob", "none", ""},
			{"eve", "", "Eve", "", aor.HA1("eve", "example.org", "old")}, {"dora", "", "Dora", "", aor.HA1("dora", "example.org", "old")},
		} {
			from.exec(t, "INSERT INTO subscriber (username, domain, password, first_name, phone, ha1) VALUES (?, 'example.org', ?, ?, ?, ?)", row...)
		}
		ok(t, db.Subscribers.Create(ctx, dora, "mine"))
		imported := func() (got [3]int) {
			t.Helper()
			list, err := db.ImportKamailio(ctx, from.DB)
			ok(t, err)
			for _, i := range list {
				if i.Table == "subscriber" {
					got = [3]int{i.Added, i.There, len(i.Refused)}
				}
			}
			return got
		}
		if got := imported(); got != [3]int{3, 1, 1} { // bob is added, but not the number
			t.Errorf("at first: added, there, refused %v", got)
		}
		db.exec(t, "DELETE FROM profile WHERE username IN ('alice', 'bob')")
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: eve, FirstName: "Eva"}))
		if got := imported(); got != [3]int{0, 4, 1} {
			t.Errorf("then: added, there, refused %v", got)
		}
		if got := imported(); got != [3]int{0, 4, 0} {
			t.Errorf("at last: added, there, refused %v", got)
		}
		for user, want := range map[aor.AOR]string{alice: "Alice", bob: "Bob", eve: "Eva", dora: "dora"} {
			if p, err := db.Profiles.Load(ctx, user); err != nil || p.Name() != want {
				t.Errorf("the profile of %s is %+v, %v", user, p, err)
			}
		}
	})
}

// TestImportOfAnotherKind: a table with other columns is named, as a fault that no waiting mends.
func TestImportOfAnotherKind(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		from := newBase(t, db.Dialect())
		from.exec(t, "DROP TABLE subscriber")
		from.exec(t, "CREATE TABLE subscriber (id INTEGER, uid VARCHAR(64), realm VARCHAR(64))")
		_, err := db.ImportKamailio(t.Context(), from.DB)
		if err == nil || !strings.Contains(err.Error(), "import subscriber: table subscriber has no column username: it is none of Kamailio or SER 0.9") || store.IsUnavailable(err) {
			t.Errorf("error %v, unavailable %v", err, store.IsUnavailable(err))
		}
	})
}
