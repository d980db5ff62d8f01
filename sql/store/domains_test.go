package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/store"
)

func TestDomains(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		ctx := t.Context()
		if list, err := db.Domains.List(ctx); err != nil || len(list) != 0 {
			t.Errorf("List of an empty table = %v, %v", list, err)
		}
		for _, name := range []string{"Example.ORG.", "[2001:DB8::0]", "10.0.0.1"} {
			ok(t, db.Domains.Add(ctx, name))
		}
		db.exec(t, "INSERT INTO domain (domain) VALUES ('KAM.Example.org')") // kamctl domain add
		db.exec(t, "INSERT INTO domain (domain) VALUES ('kam.example.org')")
		db.exec(t, "INSERT INTO domain (domain) VALUES ('no domain')")
		list, err := db.Domains.List(ctx)
		ok(t, err)
		var names []string
		for _, d := range list {
			names = append(names, d.Name)
		}
		if diff := cmp.Diff([]string{"10.0.0.1", "[2001:db8::]", "example.org", "kam.example.org"}, names); diff != "" {
			t.Errorf("List (-want +got):\n%s", diff)
		}
		if got := list[0].Modified; !got.Equal(start) {
			t.Errorf("Modified = %v, want %v", got, start)
		}
		fails(t, "Add again", db.Domains.Add(ctx, "example.org"), store.ErrExists)
		fails(t, "Add one of kamctl's", db.Domains.Add(ctx, "kam.example.org"), store.ErrExists)
		for _, bad := range []string{"", "a b", "a..b", "'; DROP TABLE domain; --", strings.Repeat("a", 65), "žofie.org"} {
			failsOn(t, "Add "+bad, db.Domains.Add(ctx, bad), "name")
			failsOn(t, "Remove "+bad, db.Domains.Remove(ctx, bad), "name")
		}
		ok(t, db.Domains.Remove(ctx, "kam.example.org"))
		if n := db.count(t, "SELECT COUNT(*) FROM domain"); n != 4 {
			t.Errorf("%d rows after Remove, want 4: both spellings go", n)
		}
		fails(t, "Remove twice", db.Domains.Remove(ctx, "kam.example.org"), store.ErrNotFound)
		db.add(t, alice)
		fails(t, "Remove a used one", db.Domains.Remove(ctx, "EXAMPLE.org"), store.ErrInUse)
		ok(t, db.Subscribers.Delete(ctx, alice))
		ok(t, db.Domains.Remove(ctx, "EXAMPLE.org"))
	})
}

// TestDefaultDomain: addresses do not count beside names.
func TestDefaultDomain(t *testing.T) {
	for _, x := range []struct{ domains, want string }{
		{"", ""},
		{"example.org", "example.org"},
		{"192.0.2.1", "192.0.2.1"},
		{"192.0.2.1 example.org", "example.org"},
		{"192.0.2.1 [2001:db8::1] example.org", "example.org"},
		{"192.0.2.1 192.0.2.2", ""},
		{"example.com example.org", ""},
		{"192.0.2.1 example.com example.org", ""},
		{"1.example.org 192.0.2.1", "1.example.org"},
	} {
		var list []store.Domain
		for name := range strings.FieldsSeq(x.domains) {
			list = append(list, store.Domain{Name: name})
		}
		if got := store.DefaultDomain(list); got != x.want {
			t.Errorf("of %q it is %q, want %q", x.domains, got, x.want)
		}
		if got := len(list); got != len(strings.Fields(x.domains)) || got > 0 && list[0].Name == "" {
			t.Errorf("the list became %v", list)
		}
	}
}

// TestDomainOfKamctl: on SQLite kamctl writes a date in date's own words.
func TestDomainOfKamctl(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		if !strings.HasPrefix(db.url, "sqlite") {
			return // MySQL would not take the text
		}
		db.exec(t, "INSERT INTO domain (domain, last_modified) VALUES ('example.com', 'Wed Nov 25 18:56:36 UTC 2026')")
		list, err := db.Domains.List(t.Context())
		if err != nil || len(list) != 1 || !list[0].Modified.Equal(time.Date(2026, 11, 25, 18, 56, 36, 0, time.UTC)) {
			t.Errorf("%+v, %v", list, err)
		}
		db.exec(t, "UPDATE domain SET last_modified = 'yesterday'")
		if list, err := db.Domains.List(t.Context()); err == nil {
			t.Errorf("a time that is none: %+v", list)
		}
	})
}
