package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

func TestScene(t *testing.T) {
	ctx := t.Context()
	url, err := store.SQLiteURL(filepath.Join(t.TempDir(), "seraph.db"))
	if err != nil {
		t.Fatal(err)
	}
	passwords := map[string]string{"alice": "a", "bob": "b", "carol": "c", "admin": "d"}
	if err := setTheScene(ctx, url, passwords); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	wantBook := []string{"Bob Keller sip:bob@demo.test", "Carol Novak sip:carol@demo.test", "Dana Fox sip:dana@example.com"}
	check := func(when string) {
		t.Helper()
		for name, password := range passwords {
			c, err := db.Subscribers.Credentials(ctx, aor.AOR{User: name, Domain: domain})
			if err != nil || c.HA1 != aor.HA1(name, domain, password) || c.SHA256 == "" {
				t.Errorf("%s: credentials of %s: %+v, %v", when, name, c, err)
			}
		}
		if diff := cmp.Diff(wantBook, book(ctx, t, db, "alice")); diff != "" {
			t.Errorf("%s: alice's phone book:\n%s", when, diff)
		}
		admins, err := db.Admins.All(ctx)
		if err != nil || len(admins) != 1 || admins[0].AOR.User != "admin" || !admins[0].Has(store.PrivilegeAdmin) || !admins[0].Has(store.PrivilegeChange) {
			t.Errorf("%s: administrators %+v, %v", when, admins, err)
		}
		if got := book(ctx, t, db, "bob"); len(got) != 0 {
			t.Errorf("%s: bob's phone book: %v", when, got)
		}
	}
	check("first run")

	// A visitor changes things; the next run gives the passwords back and nothing else.
	alice := aor.AOR{User: "alice", Domain: domain}
	if err := db.Subscribers.SetPassword(ctx, alice, "changed"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Phonebook.Add(ctx, alice, store.Entry{FirstName: "Eve", Address: "sip:eve@example.net"}); err != nil {
		t.Fatal(err)
	}
	wantBook = []string{"Eve sip:eve@example.net", "Bob Keller sip:bob@demo.test", "Carol Novak sip:carol@demo.test", "Dana Fox sip:dana@example.com"}
	if err := setTheScene(ctx, url, passwords); err != nil {
		t.Fatal(err)
	}
	wantBook = sorted(wantBook)
	check("second run")
}

func book(ctx context.Context, t *testing.T, db *store.DB, owner string) []string {
	t.Helper()
	entries, _, err := db.Phonebook.List(ctx, aor.AOR{User: owner, Domain: domain}, store.EntryQuery{Sort: store.EntriesByFirstName})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name()+" "+e.Address)
	}
	return list
}

func sorted(list []string) []string {
	first := list[0]
	return append(list[1:], first) // Eve comes last by first name
}

func TestPasswords(t *testing.T) {
	f, err := openFolder(filepath.Join(t.TempDir(), "demo"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	first, err := f.passwords(cast)
	if err != nil {
		t.Fatal(err)
	}
	if first["alice"] == first["bob"] || len(first["alice"]) != 9 {
		t.Errorf("passwords %v", first)
	}
	again, err := f.passwords(cast)
	if err != nil || !cmp.Equal(first, again) {
		t.Errorf("the passwords change: %v", err)
	}
	info, err := os.Stat(f.file("passwords.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(f.file("passwords.json"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.passwords(cast); err == nil || !strings.Contains(err.Error(), "delete the file to get new passwords") {
		t.Errorf("a spoilt file: %v", err)
	}
}

func TestPhoneLog(t *testing.T) {
	var out strings.Builder
	l := &phoneLog{out: &out}
	log := slog.New(l).With("phone", "bob")
	log.Info("before anybody listens")
	l.speak()
	log.Debug("details")
	log.Info("rings", "peer", "evil\x1b[2J\nline", "status", "180 Ringing")
	if got := out.String(); !strings.HasSuffix(got, "  bob     rings (peer evil?[2J?line, status 180 Ringing)\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("log:\n%q", got)
	}
}
