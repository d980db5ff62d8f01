package admin

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// of are the rights of a user of example.org.
func of(privileges ...store.Privilege) Rights {
	return RightsOf(aor.AOR{User: "x", Domain: "example.org"}, privileges)
}

func TestRightsOverAnother(t *testing.T) {
	const (
		all    = store.PrivilegeAdmin
		domain = store.PrivilegeDomain
		change = store.PrivilegeChange
	)
	group, other := store.PrivilegeGroup("int"), store.PrivilegeGroup("ld")
	for _, c := range []struct {
		name          string
		actor, target []store.Privilege
		want          bool
	}{
		{"administrator, user", []store.Privilege{all}, nil, true},
		{"administrator, administrator", []store.Privilege{all}, []store.Privilege{all}, true},
		{"administrator, of a domain with groups", []store.Privilege{all}, []store.Privilege{domain, group}, true},
		{"administrator, who may change privileges", []store.Privilege{all}, []store.Privilege{all, change}, false},
		{"administrator, user who may change privileges", []store.Privilege{all}, []store.Privilege{change}, false},
		{"both, both", []store.Privilege{all, change}, []store.Privilege{all, change}, true},
		{"of a domain, user", []store.Privilege{domain}, nil, true},
		{"of a domain, of a domain", []store.Privilege{domain}, []store.Privilege{domain}, true},
		{"of a domain, administrator", []store.Privilege{domain}, []store.Privilege{all}, false},
		{"of a domain, who may grant more", []store.Privilege{domain, group}, []store.Privilege{domain, other}, false},
		{"of a domain, who may grant the same", []store.Privilege{domain, group}, []store.Privilege{group}, true},
		{"changes privileges only", []store.Privilege{change}, nil, false},
		{"grants only", []store.Privilege{group}, nil, false},
		{"nothing", nil, nil, false},
		{"administrator, what nobody knows", []store.Privilege{all, change}, []store.Privilege{"is_god"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := of(c.actor...).MayChange(of(c.target...)); got != c.want {
				t.Errorf("may change: %v, want %v", got, c.want)
			}
		})
	}
}

func TestRightsByDomain(t *testing.T) {
	near, far := aor.AOR{User: "y", Domain: "example.org"}, aor.AOR{User: "y", Domain: "example.net"}
	for _, c := range []struct {
		name      string
		rights    Rights
		any       bool
		scope     string
		near, far bool
	}{
		{"administrator", of(store.PrivilegeAdmin), true, "", true, true},
		{"of a domain", of(store.PrivilegeDomain), true, "example.org", true, false},
		{"changes privileges", of(store.PrivilegeChange), false, "example.org", false, false},
		{"grants", of(store.PrivilegeGroup("int")), false, "example.org", false, false},
		{"nothing", of(), false, "example.org", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.rights.Any(); got != c.any {
				t.Errorf("Any: %v", got)
			}
			if got := c.rights.Scope(); got != c.scope {
				t.Errorf("Scope: %q", got)
			}
			if c.rights.Sees(near) != c.near || c.rights.Sees(far) != c.far {
				t.Errorf("sees its domain %v, another %v", c.rights.Sees(near), c.rights.Sees(far))
			}
			if got := c.rights.MayChange(RightsOf(far, nil)); got != c.far {
				t.Errorf("may change a user of another domain: %v", got)
			}
		})
	}
}

func TestRightsToGrant(t *testing.T) {
	limited := of(store.PrivilegeDomain, store.PrivilegeGroup("int"), store.PrivilegeGroup("voice.mail"))
	if diff := cmp.Diff([]string{"int", "voice.mail"}, limited.Groups()); diff != "" {
		t.Error(diff)
	}
	for group, want := range map[string]bool{"int": true, "voice.mail": true, "ld": false, "": false, "INT": false, "int ": false} {
		if got := limited.MayGrant(group); got != want {
			t.Errorf("of a domain, %q: %v", group, got)
		}
		if !of(store.PrivilegeAdmin).MayGrant(group) {
			t.Errorf("administrator, %q: refused", group)
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

// TestNewPassword: long, typed easily, never twice the same, every letter used.
func TestNewPassword(t *testing.T) {
	seen, letters := map[string]bool{}, map[rune]int{}
	for range 500 {
		p := newPassword()
		if len(p) != passwordLength+3 || seen[p] {
			t.Fatalf("password %q", p)
		}
		seen[p] = true
		for _, r := range p {
			letters[r]++
		}
	}
	delete(letters, '-')
	if len(letters) != len(passwordAlphabet) || len(passwordAlphabet) != 32 {
		t.Errorf("%d letters of %d are used", len(letters), len(passwordAlphabet))
	}
	for _, r := range "l1o0" {
		if letters[r] > 0 || slices.Contains([]rune(passwordAlphabet), r) {
			t.Errorf("%c is easily taken for another", r)
		}
	}
}
