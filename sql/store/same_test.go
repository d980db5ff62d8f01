package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"seraph/sql/store"
)

// TestSameDatabase: two names of one database are one, those of two are two, whether
// the files are there yet or not.
func TestSameDatabase(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"real.db", "other.db"} {
		ok(t, os.WriteFile(at(name), nil, 0o600))
	}
	ok(t, os.Mkdir(at("folder"), 0o700))
	for link, to := range map[string]string{
		"link.db": "real.db", "chain.db": "link.db", "way": "folder", "early.db": "folder/late.db", "circle": "circle2", "circle2": "circle",
	} {
		ok(t, os.Symlink(to, at(link)))
	}
	ok(t, os.Link(at("real.db"), at("hard.db")))
	lite := func(name string) string { return "sqlite://" + at(name) }
	for _, x := range []struct {
		a, b string
		want bool
	}{
		{lite("real.db"), lite("real.db"), true},
		{lite("real.db"), lite("folder/../real.db"), true},
		{lite("real.db"), lite("other.db"), false},
		{lite("link.db"), lite("real.db"), true},
		{lite("chain.db"), lite("real.db"), true},
		{lite("link.db"), lite("other.db"), false},
		{lite("hard.db"), lite("real.db"), true},
		// Not there yet.
		{lite("way/late.db"), lite("folder/late.db"), true},
		{lite("early.db"), lite("way/late.db"), true},
		{lite("folder/late.db"), lite("folder/later.db"), false},
		{lite("no/such/a.db"), lite("no/such/a.db"), true},
		{lite("no/such/a.db"), lite("no/such/b.db"), false},
		{lite("circle"), lite("circle2"), false},
		{lite("circle"), lite("real.db"), false},
		{lite("real.db"), "mysql://u:p@h/d", false},
		{"mysql://u:p@h/d", "sql://other@H:3306/d", true},
		{"mysql://u:p@h/d", "mysql://u:p@h/e", false},
		{"mysql://u@unix(" + at("link.db") + ")/d", "mysql://u@unix(" + at("real.db") + ")/d", true},
		{"mysql://u@unix(" + at("other.db") + ")/d", "mysql://u@unix(" + at("real.db") + ")/d", false},
		{"mysql://u@unix(" + at("real.db") + ")/d", "mysql://u@unix(" + at("real.db") + ")/e", false},
	} {
		for _, swap := range []bool{false, true} {
			a, b := x.a, x.b
			if swap {
				a, b = b, a
			}
			if same, err := store.SameDatabase(a, b); err != nil || same != x.want {
				t.Errorf("%s and %s: %v, %v, want %v", a, b, same, err, x.want)
			}
		}
	}
	for _, bad := range []string{"", "dbhost", "oracle://x/y"} {
		if _, err := store.SameDatabase(bad, lite("real.db")); err == nil {
			t.Errorf("%q is taken", bad)
		}
		if _, err := store.SameDatabase(lite("real.db"), bad); err == nil {
			t.Errorf("%q is taken as the second one", bad)
		}
	}
}
