package session

import (
	"net/url"
	"strings"
	"testing"
)

func TestLocalPath(t *testing.T) {
	for _, c := range []struct{ name, to, want string }{
		{"a page", "/user/phone-book", "/user/phone-book"},
		{"with its query", "/user/phone-book?q=bob&page=2", "/user/phone-book?q=bob&page=2"},
		{"a page of everybody's", "/u/alice@example.org", "/u/alice@example.org"},
		{"a new account", "/sign-up", "/sign-up"},
		{"a new password", "/reset/new?t=abc", "/reset/new?t=abc"},
		{"like a place", "/resetting", "/fallback"},
		{"another host below /u", "/u//evil.example", "/fallback"},
		{"nothing", "", "/fallback"},
		{"another host", "https://evil.example/user/", "/fallback"},
		{"host without scheme", "//evil.example/user/", "/fallback"},
		{"host after our prefix", "/user//evil.example", "/fallback"},
		{"backslashes that browsers take for slashes", `/\evil.example/user/`, "/fallback"},
		{"backslash later", `/user/\evil.example`, "/fallback"},
		{"escaped backslash", "/user/%5Cevil.example", "/fallback"},
		{"climbing", "/user/../admin", "/fallback"},
		{"climbing, escaped", "/user/%2e%2e/admin", "/fallback"},
		{"outside /user", "/admin/users", "/fallback"},
		{"only the prefix's letters", "/username", "/fallback"},
		{"script", "javascript:alert(1)//user/", "/fallback"},
		{"tab that browsers drop", "/\t/evil.example", "/fallback"},
		{"line feed", "/user/x\r\nSet-Cookie: a=b", "/fallback"},
		{"fragment", "/user/phone-book#x", "/fallback"},
		{"trailing slash", "/user/", "/fallback"},
		{"endless", "/user/" + strings.Repeat("a", 600), "/fallback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := LocalPath(c.to, "/fallback"); got != c.want {
				t.Errorf("LocalPath(%q) = %q, want %q", c.to, got, c.want)
			}
		})
	}
}

// FuzzLocalPath: whatever comes, we never lead away from our own pages.
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/user/phone-book", "//evil.example", `/user/\x`, "/user/%2e%2e/", "/user/a?b#c", "/u/bob", "/u/%2e%2e/"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://portal.example.org/user/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := LocalPath(to, "/fallback")
		if got == "/fallback" {
			return
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || !strings.HasPrefix(u.Path, "/user/") && !strings.HasPrefix(u.Path, "/u/") && !strings.HasPrefix(u.Path, "/sign-up") && !strings.HasPrefix(u.Path, "/reset") {
			t.Errorf("LocalPath(%q) = %q, which leads to %v", to, got, u)
		}
	})
}

func TestAdminPath(t *testing.T) {
	for _, to := range []string{"/admin", "/admin?x=1", "/admin/users?q=bob&page=2", "/admin/users/alice@example.org", "/admin/users/a%2Fb@example.org"} {
		if got := AdminPath(to, "/fallback"); got != to {
			t.Errorf("AdminPath(%q) = %q", to, got)
		}
	}
	for _, to := range []string{"", "/", "/administrator", "/user/account", "//admin", "/admin/../user/x", "/admin//x", `/admin/\x`, "/admin/#x", "/admin/\n",
		"https://example.org/admin", "admin", "/admin/" + strings.Repeat("x", 500)} {
		if got := AdminPath(to, "/fallback"); got != "/fallback" {
			t.Errorf("AdminPath(%q) = %q, want the fallback", to, got)
		}
	}
}
