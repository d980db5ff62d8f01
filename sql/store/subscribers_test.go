package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func credentialOf(a aor.AOR, password string) store.Credential {
	return store.Credential{
		HA1: aor.HA1(a.User, a.Domain, password), HA1B: aor.HA1B(a.User, a.Domain, password),
		SHA256: aor.HA1SHA256(a.User, a.Domain, password), SHA256B: aor.HA1SHA256(a.User+"@"+a.Domain, a.Domain, password),
	}
}

func TestSubscriberCredentials(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for _, a := range []aor.AOR{alice, injected, unicodeUser} {
			db.add(t, a)
			got, err := db.Subscribers.Credentials(t.Context(), a)
			ok(t, err)
			if diff := cmp.Diff(credentialOf(a, "pw"), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", a, diff)
			}
			ok(t, db.Subscribers.SetPassword(t.Context(), a, "ž' \\ new"))
			got, err = db.Subscribers.Credentials(t.Context(), a)
			ok(t, err)
			if diff := cmp.Diff(credentialOf(a, "ž' \\ new"), got); diff != "" {
				t.Errorf("%s after SetPassword (-want +got):\n%s", a, diff)
			}
			s, err := db.Subscribers.Find(t.Context(), a)
			ok(t, err)
			if diff := cmp.Diff(store.Subscriber{AOR: a}, s); diff != "" {
				t.Errorf("%s (-want +got):\n%s", a, diff)
			}
		}
		if n := db.count(t, "SELECT COUNT(*) FROM subscriber WHERE password <> ''"); n != 0 {
			t.Errorf("%d rows have a password in the clear", n)
		}
	})
}

func TestSubscriberWrongInput(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		ok(t, db.Aliases.Add(t.Context(), bob, alice))
		s := db.Subscribers
		fails(t, "Create twice", s.Create(t.Context(), alice, "other"), store.ErrExists)
		fails(t, "Create an alias", s.Create(t.Context(), bob, "pw"), store.ErrExists)
		failsOn(t, "Create without password", s.Create(t.Context(), carol, ""), "password")
		failsOn(t, "Create with a long password", s.Create(t.Context(), carol, strings.Repeat("x", 129)), "password")
		for _, bad := range []aor.AOR{{}, {User: "Carol", Domain: "example.org"}, {User: "carol"}, {User: "a b", Domain: "d"},
			{User: strings.Repeat("x", 65), Domain: "d"}, {User: "carol", Domain: "a..b"}} {
			failsOn(t, fmt.Sprintf("Create %#v", bad), s.Create(t.Context(), bad, "pw"), "aor")
		}
		if n := db.count(t, "SELECT COUNT(*) FROM subscriber"); n != 1 {
			t.Errorf("%d subscribers, want 1", n)
		}
		if got, _ := s.Credentials(t.Context(), alice); got != credentialOf(alice, "pw") {
			t.Error("a refused Create changed the password")
		}
		failsOn(t, "SetPassword empty", s.SetPassword(t.Context(), alice, ""), "password")
		fails(t, "SetPassword of nobody", s.SetPassword(t.Context(), carol, "pw"), store.ErrNotFound)
		fails(t, "Delete nobody", s.Delete(t.Context(), carol), store.ErrNotFound)
		_, err := s.Find(t.Context(), carol)
		fails(t, "Find nobody", err, store.ErrNotFound)
		_, err = s.Credentials(t.Context(), carol)
		fails(t, "Credentials of nobody", err, store.ErrNotFound)
		_, err = s.Credentials(t.Context(), aor.AOR{User: "ALICE", Domain: "example.org"})
		fails(t, "Credentials in capitals", err, store.ErrNotFound)
		ok(t, s.Create(t.Context(), carol, strings.Repeat("x", 128)))
	})
}

func TestStoreSHA256(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		s, ctx := db.Subscribers, t.Context()
		kamctlAdd(t, db, "alice", "example.org", "pw", "")
		if got, err := s.Credentials(ctx, alice); err != nil || got.SHA256+got.SHA256B != "" {
			t.Fatalf("Credentials of a kamctl row = %+v, %v", got, err)
		}
		ha1, sha := aor.HA1("alice", "example.org", "pw"), aor.HA1SHA256("alice", "example.org", "pw")
		shaB := aor.HA1SHA256("alice@example.org", "example.org", "pw")
		ok(t, s.StoreSHA256(ctx, alice, strings.ToUpper(ha1), sha, shaB))
		if got, _ := s.Credentials(ctx, alice); got.SHA256 != sha || got.SHA256B != shaB {
			t.Errorf("SHA256 = %q and %q, want %q and %q", got.SHA256, got.SHA256B, sha, shaB)
		}
		// kamctl passwd ends it, and what was proved against the old password changes nothing.
		newHA1 := aor.HA1("alice", "example.org", "new")
		db.exec(t, "UPDATE subscriber SET ha1 = ? WHERE username = 'alice'", newHA1)
		if got, _ := s.Credentials(ctx, alice); got.SHA256+got.SHA256B != "" {
			t.Error("the SHA-256 hash of the old password still counts")
		}
		ok(t, s.StoreSHA256(ctx, alice, newHA1, aor.HA1SHA256("alice", "example.org", "new"), shaB))
		ok(t, s.StoreSHA256(ctx, alice, ha1, sha, shaB))
		if got, _ := s.Credentials(ctx, alice); got.SHA256 != aor.HA1SHA256("alice", "example.org", "new") {
			t.Errorf("a late hash of the old password replaced the new one: %+v", got)
		}
		failsOn(t, "short ha1", s.StoreSHA256(ctx, alice, "abc", sha, shaB), "ha1")
		failsOn(t, "SHA-256 that is none", s.StoreSHA256(ctx, alice, ha1, strings.Repeat("z", 64), shaB), "sha256")
		failsOn(t, "SHA-256 of user@domain that is none", s.StoreSHA256(ctx, alice, ha1, sha, "abc"), "sha256")
		fails(t, "nobody", s.StoreSHA256(ctx, bob, ha1, sha, shaB), store.ErrNotFound)
	})
}

// kamctlAdd is what kamctl add does.
func kamctlAdd(t *testing.T, db base, user, domain, password, plain string) {
	t.Helper()
	db.exec(t, "INSERT INTO subscriber (username, domain, password, ha1, ha1b) VALUES (?, ?, ?, ?, ?)",
		user, domain, plain, aor.HA1(user, domain, password), aor.HA1B(user, domain, password))
}

func TestKamctlRows(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		kamctlAdd(t, db, "alice", "example.org", "pw", "pw")
		kamctlAdd(t, db, "Bob", "Example.org", "pw", "")
		kamctlAdd(t, db, "ŽOFIE", "example.org", "pw", "")
		db.exec(t, "INSERT INTO subscriber (username, domain) VALUES ('empty', 'example.org')")
		db.exec(t, "INSERT INTO subscriber (username, domain, ha1, ha1b) VALUES ('upper', 'example.org', ?, 'x')",
			strings.ToUpper(aor.HA1("upper", "example.org", "pw")))
		db.exec(t, "INSERT INTO subscriber (username, domain, ha1) VALUES ('odd name', '', 'x')")

		if got, err := db.Subscribers.Credentials(ctx, alice); err != nil || got.HA1 != aor.HA1("alice", "example.org", "pw") || got.Disabled {
			t.Errorf("Credentials = %+v, %v", got, err)
		}
		upper := aor.AOR{User: "upper", Domain: "example.org"}
		if got, err := db.Subscribers.Credentials(ctx, upper); err != nil || got != (store.Credential{HA1: aor.HA1("upper", "example.org", "pw")}) {
			t.Errorf("Credentials of a row in capitals = %+v, %v", got, err)
		}
		empty := aor.AOR{User: "empty", Domain: "example.org"}
		_, err := db.Subscribers.Credentials(ctx, empty)
		fails(t, "Credentials of a row without a hash", err, store.ErrNotFound)
		if s, err := db.Subscribers.Find(ctx, empty); err != nil || s != (store.Subscriber{AOR: empty}) {
			t.Errorf("Find = %+v, %v", s, err)
		}
		ok(t, db.Subscribers.SetPassword(ctx, empty, "now"))
		if got, err := db.Subscribers.Credentials(ctx, empty); err != nil || got != credentialOf(empty, "now") {
			t.Errorf("Credentials after SetPassword = %+v, %v", got, err)
		}
		list, total, err := db.Subscribers.List(ctx, store.SubscriberQuery{})
		if err != nil || total != 6 || len(list) != 6 {
			t.Errorf("List: %d of %d, %v", len(list), total, err)
		}
		if n, err := db.Subscribers.PlainTextPasswords(ctx); n != 1 || err != nil {
			t.Errorf("PlainTextPasswords = %d, %v; want 1", n, err)
		}
		if n, err := db.Subscribers.Capitals(ctx); n != 2 || err != nil {
			t.Errorf("Capitals = %d, %v; want 2: Bob and ŽOFIE", n, err)
		}
	})
}

// TestDeleteLeavesNothing: nothing of a subscriber stays, nothing of others goes.
func TestDeleteLeavesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		db.add(t, carol)
		fill(t, db, alice)
		fill(t, db, bob)
		before := db.rowsOf(t, bob)
		ok(t, db.Subscribers.Delete(ctx, alice))
		if diff := cmp.Diff(map[string]int{}, db.rowsOf(t, alice)); diff != "" {
			t.Errorf("rows of alice after Delete (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, db.rowsOf(t, bob)); diff != "" {
			t.Errorf("rows of bob after alice's Delete (-want +got):\n%s", diff)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM silo_state"); n != 1 {
			t.Errorf("%d rows in silo_state, want bob's", n)
		}
		// The call to carol is hers still.
		if n := db.count(t, "SELECT COUNT(*) FROM call_log WHERE caller_deleted = 1 AND callee_deleted = 0"); n != 1 {
			t.Errorf("%d calls from alice are left for the other side, want 1", n)
		}
	})
}

// TestCreateInheritsNothing: kamctl rm leaves rows behind; whoever gets the address next does not get them.
func TestCreateInheritsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		fill(t, db, alice)
		db.exec(t, "DELETE FROM subscriber WHERE username = 'alice'")
		ok(t, db.Subscribers.Create(t.Context(), alice, "pw"))
		want := map[string]int{"subscriber": 1, "credential_sha256": 1, "location": 1}
		if diff := cmp.Diff(want, db.rowsOf(t, alice)); diff != "" {
			t.Errorf("rows of the new alice (-want +got):\n%s", diff)
		}
	})
}

// owned are the tables with rows of a subscriber.
var owned = []string{"subscriber", "credential_sha256", "profile", "session", "admin_privilege", "grp", "dbaliases",
	"phonebook", "phonebook_trash", "white_page", "dial_history", "pending", "silo", "location"}

// rowsOf counts the rows of a subscriber in each table.
func (b base) rowsOf(t *testing.T, a aor.AOR) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for _, table := range owned {
		if n := b.count(t, "SELECT COUNT(*) FROM "+table+" WHERE username = ? AND domain = ?", a.User, a.Domain); n > 0 {
			rows[table] = n
		}
	}
	return rows
}

// fill makes a subscriber with a row in every table.
func fill(t *testing.T, db base, a aor.AOR) {
	t.Helper()
	ctx := t.Context()
	db.add(t, a)
	ok(t, db.Profiles.Save(ctx, store.Profile{AOR: a, FirstName: "F"}))
	_, _, err := db.Sessions.Create(ctx, newSession(a))
	ok(t, err)
	ok(t, db.Groups.Grant(ctx, a, "ld"))
	ok(t, db.Aliases.Add(ctx, aor.AOR{User: a.User + "2", Domain: a.Domain}, a))
	_, err = db.Phonebook.Add(ctx, a, store.Entry{Address: "carol"})
	ok(t, err)
	ok(t, db.Dials.Add(ctx, a, "carol"))
	db.exec(t, "INSERT INTO phonebook_trash (id, username, domain) SELECT 1 + COUNT(*), ?, ? FROM phonebook_trash", a.User, a.Domain)
	db.exec(t, "INSERT INTO white_page (username, domain) VALUES (?, ?)", a.User, a.Domain)
	ok(t, db.Locations.ApplyBatch(ctx, []store.LocationOp{{Binding: newBinding("ruid-"+a.User, a)}}))
	db.exec(t, "INSERT INTO admin_privilege (username, domain, priv_name) VALUES (?, ?, 'all')", a.User, a.Domain)
	db.exec(t, "INSERT INTO pending (token_hash, username, domain) VALUES (?, ?, ?)", a.User, a.User, a.Domain)
	db.exec(t, "INSERT INTO silo (username, domain) VALUES (?, ?)", a.User, a.Domain)
	db.exec(t, "INSERT INTO silo_state (silo_id) SELECT id FROM silo WHERE username = ?", a.User)
	db.exec(t, "INSERT INTO call_log (callid, caller_username, caller_domain, callee_username, callee_domain) VALUES (?, ?, ?, 'carol', ?)",
		a.User, a.User, a.Domain, a.Domain)
}

func TestSubscriberList(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		other := aor.AOR{User: "dave", Domain: "other.org"}
		db.add(t, alice, bob, other, injected)
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: alice, FirstName: "Alice", LastName: "Žižka", Email: "z@a.org"}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: bob, FirstName: "Bob", LastName: "keller", Email: "A_b@a.org"}))
		ok(t, db.Profiles.Save(ctx, store.Profile{AOR: other, FirstName: "Dave", LastName: "Abt 100%!", Email: "m@a.org"}))
		kamctlAdd(t, db, "kam", "example.org", "pw", "")
		kam := aor.AOR{User: "kam", Domain: "example.org"}
		tests := []struct {
			name  string
			q     store.SubscriberQuery
			want  []aor.AOR
			total int
		}{
			{"all", store.SubscriberQuery{}, []aor.AOR{alice, bob, other, kam, injected}, 5},
			{"down", store.SubscriberQuery{Desc: true}, []aor.AOR{injected, kam, other, bob, alice}, 5},
			{"by name", store.SubscriberQuery{Sort: store.SubscribersByName, Domain: "example.org"}, []aor.AOR{kam, injected, bob, alice}, 4},
			{"by email", store.SubscriberQuery{Sort: store.SubscribersByEmail, Limit: 3, Offset: 2}, []aor.AOR{bob, other, alice}, 5},
			{"page", store.SubscriberQuery{Limit: 2, Offset: 1}, []aor.AOR{bob, other}, 5},
			{"beyond", store.SubscriberQuery{Limit: 2, Offset: 10}, nil, 5},
			{"negative", store.SubscriberQuery{Limit: -1, Offset: -10}, []aor.AOR{alice, bob, other, kam, injected}, 5},
			{"domain", store.SubscriberQuery{Domain: "other.org"}, []aor.AOR{other}, 1},
			{"search name", store.SubscriberQuery{Search: "ŽIŽ"}, []aor.AOR{alice}, 1},
			{"search mail", store.SubscriberQuery{Search: " a_b@ "}, []aor.AOR{bob}, 1},
			{"search wildcard", store.SubscriberQuery{Search: "a%b"}, nil, 0},
			{"search one", store.SubscriberQuery{Search: "100%!"}, []aor.AOR{other}, 1},
			{"search underscore", store.SubscriberQuery{Search: "_"}, []aor.AOR{bob, injected}, 2},
			{"search without profile", store.SubscriberQuery{Search: "KAM"}, []aor.AOR{kam}, 1},
			{"search injected", store.SubscriberQuery{Search: `';DROP`}, nil, 0},
			{"search quote", store.SubscriberQuery{Search: `N";drop%t`}, []aor.AOR{injected}, 1},
			{"search backslash", store.SubscriberQuery{Search: `--\`}, []aor.AOR{injected}, 1},
		}
		for _, tt := range tests {
			list, total, err := db.Subscribers.List(ctx, tt.q)
			ok(t, err)
			var got []aor.AOR
			for _, s := range list {
				got = append(got, s.AOR)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || total != tt.total {
				t.Errorf("%s: %d in all, want %d (-want +got):\n%s", tt.name, total, tt.total, diff)
			}
		}
		_, _, err := db.Subscribers.List(ctx, store.SubscriberQuery{Sort: "password"})
		failsOn(t, "unknown order", err, "sort")
		list, _, err := db.Subscribers.List(ctx, store.SubscriberQuery{Search: "keller"})
		ok(t, err)
		if diff := cmp.Diff([]store.Subscriber{{AOR: bob, FirstName: "Bob", LastName: "keller", Email: "A_b@a.org"}}, list); diff != "" {
			t.Errorf("bob (-want +got):\n%s", diff)
		}
	})
}

// TestCreateAndAliasAtOnce: an address becomes one of the two, never both.
func TestCreateAndAliasAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for i := range 20 {
			a := aor.AOR{User: fmt.Sprintf("u%d", i), Domain: "example.org"}
			errs := atOnce(2, func(i int) error {
				if i == 0 {
					return db.Subscribers.Create(t.Context(), a, "pw")
				}
				return db.Aliases.Add(t.Context(), a, alice)
			})
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("%s: Create: %v, alias: %v; want one of them to win", a, errs[0], errs[1])
			}
		}
	})
}
