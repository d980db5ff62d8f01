package aor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seraph/sql/aor"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("a", aor.MaxUser)
	tests := []struct {
		in, domain string
		want       aor.AOR
		err        error
	}{
		{in: "alice@Example.org", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "  ALICE@example.org\t", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "alice", domain: "example.org", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "sip:alice@example.org;transport=tcp", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "SIPS:alice:secret@example.org:5061;lr?Subject=x", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "sip:%61%6Cice@example.org.", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "sip:%41lice@example.org", want: aor.AOR{User: "alice", Domain: "example.org"}},
		{in: "a%40b@example.org", want: aor.AOR{User: "a@b", Domain: "example.org"}},
		{in: "a%2541@example.org", want: aor.AOR{User: "a%41", Domain: "example.org"}},
		{in: "o'brien;--@example.org", want: aor.AOR{User: "o'brien;--", Domain: "example.org"}},
		{in: "žofie@example.org", want: aor.AOR{User: "žofie", Domain: "example.org"}},
		{in: "%C5%BEofie@example.org", want: aor.AOR{User: "žofie", Domain: "example.org"}},
		{in: "+420123@10.0.0.1:5060", want: aor.AOR{User: "+420123", Domain: "10.0.0.1"}},
		{in: "sip:bob@[2001:DB8:0:0::1]:5060", want: aor.AOR{User: "bob", Domain: "[2001:db8::1]"}},
		{in: "sip:bob@[::FFFF:10.0.0.1]", want: aor.AOR{User: "bob", Domain: "10.0.0.1"}},
		{in: "sip:bob@[0:0::ffff:a00:1]:5060", want: aor.AOR{User: "bob", Domain: "10.0.0.1"}},
		{in: "bob", domain: "[::1]", want: aor.AOR{User: "bob", Domain: "[::1]"}},
		{in: long + "@example.org", want: aor.AOR{User: long, Domain: "example.org"}},

		{in: "", err: aor.ErrUser},
		{in: "@example.org", err: aor.ErrUser},
		{in: "sip:example.org", err: aor.ErrUser},
		{in: long + "a@example.org", err: aor.ErrUser},
		{in: strings.Repeat("ž", aor.MaxUser+1) + "@example.org", err: aor.ErrUser},
		{in: "a b@example.org", err: aor.ErrUser},
		{in: "a%20b@example.org", err: aor.ErrUser},
		{in: "alice%00@example.org", err: aor.ErrUser},
		{in: "alice%0D%0A@example.org", err: aor.ErrUser},
		{in: "alice%C2%A0@example.org", err: aor.ErrUser},
		{in: "alice%ff@example.org", err: aor.ErrUser},
		{in: "alice%4@example.org", err: aor.ErrUser},
		{in: "alice%4x@example.org", err: aor.ErrUser},
		{in: `"Alice" <sip:alice@example.org>`, err: aor.ErrScheme},
		{in: "<alice@example.org>", err: aor.ErrUser},
		{in: "a@b@example.org", err: aor.ErrUser},
		{in: "alice", err: aor.ErrDomain},
		{in: "alice@", err: aor.ErrDomain},
		{in: "alice@.", err: aor.ErrDomain},
		{in: "alice@example..org", err: aor.ErrDomain},
		{in: "alice@-example.org", err: aor.ErrDomain},
		{in: "alice@example-.org", err: aor.ErrDomain},
		{in: "alice@exam ple.org", err: aor.ErrDomain},
		{in: "alice@exam%70le.org", err: aor.ErrDomain},
		{in: "alice@žofie.org", err: aor.ErrDomain},
		{in: "alice@example.org:0", err: aor.ErrDomain},
		{in: "alice@example.org:65536", err: aor.ErrDomain},
		{in: "alice@example.org:99999999999999999999", err: aor.ErrDomain},
		{in: "alice@[::1", err: aor.ErrDomain},
		{in: "alice@[fe80::1%eth0]", err: aor.ErrDomain},
		{in: "alice@[10.0.0.1]", err: aor.ErrDomain},
		{in: "alice@[::1]x", err: aor.ErrDomain},
		{in: "alice@[" + strings.Repeat("0", 80) + "]", err: aor.ErrDomain},
		{in: "alice@" + strings.Repeat("a", aor.MaxDomain+1), err: aor.ErrDomain},
		{in: "tel:+420123", err: aor.ErrScheme},
		{in: "mailto:alice@example.org", err: aor.ErrScheme},
	}
	for _, tt := range tests {
		got, err := aor.Parse(tt.in, tt.domain)
		if !errors.Is(err, tt.err) {
			t.Errorf("Parse(%q, %q) error %v, want %v", tt.in, tt.domain, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Parse(%q, %q) (-want +got):\n%s", tt.in, tt.domain, diff)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		a           aor.AOR
		text, asURI string
	}{
		{aor.AOR{User: "alice", Domain: "example.org"}, "alice@example.org", "sip:alice@example.org"},
		{aor.AOR{User: "a@b:c%41", Domain: "[::1]"}, "a%40b%3Ac%2541@[::1]", "sip:a%40b%3Ac%2541@[::1]"},
		{aor.AOR{User: `<"x">`, Domain: "d"}, "%3C%22x%22%3E@d", "sip:%3C%22x%22%3E@d"},
		{aor.AOR{User: "žo", Domain: "d"}, "žo@d", "sip:%C5%BEo@d"},
	}
	for _, tt := range tests {
		if got := tt.a.String(); got != tt.text {
			t.Errorf("%#v.String() = %q, want %q", tt.a, got, tt.text)
		}
		if got := tt.a.URI(); got != tt.asURI {
			t.Errorf("%#v.URI() = %q, want %q", tt.a, got, tt.asURI)
		}
	}
}

// TestCanonical: however an address is escaped, spelled or wrapped, it is the
// same address, and its canonical forms lead back to it.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := rapid.StringMatching(`[a-z0-9@:%<"#.;&žß日-]{1,20}`).Draw(t, "user")
		domain := rapid.StringMatching(`[a-z0-9]{1,10}(\.[a-z]{2,5}){0,2}`).Draw(t, "domain")
		want := aor.AOR{User: user, Domain: domain}
		var spelled strings.Builder
		for i := range len(user) {
			c := user[i]
			if c < 0x80 && strings.IndexByte(`@:%<"#`, c) < 0 && rapid.Bool().Draw(t, "plain") {
				spelled.WriteString(strings.ToUpper(string(c)))
				continue
			}
			spelled.WriteString("%" + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		}
		for _, in := range []string{
			spelled.String() + "@" + strings.ToUpper(domain) + ".",
			"Sip:" + spelled.String() + "@" + domain + ":5060;transport=udp",
			want.String(), want.URI(),
		} {
			got, err := aor.Parse(in, "")
			if err != nil || got != want {
				t.Fatalf("Parse(%q) = %#v, %v; want %#v", in, got, err, want)
			}
		}
		text, err := aor.AppendCanonical([]byte("key:"), []byte(spelled.String()), []byte(domain))
		if err != nil || string(text) != "key:"+want.String() {
			t.Fatalf("AppendCanonical = %q, %v; want %q", text, err, "key:"+want.String())
		}
	})
}

func TestAppendCanonicalKeepsDst(t *testing.T) {
	for _, bad := range [][2]string{{"al ice", "example.org"}, {"alice", "exam ple"}, {"alice%zz", "d"}, {"", "d"}, {"a", ""}} {
		got, err := aor.AppendCanonical([]byte("kept"), []byte(bad[0]), []byte(bad[1]))
		if err == nil || string(got) != "kept" {
			t.Errorf("AppendCanonical(%q, %q) = %q, %v", bad[0], bad[1], got, err)
		}
	}
}

func TestCanonicalURI(t *testing.T) {
	tests := []struct {
		in, want string
		err      error
	}{
		{in: "bob", want: "sip:bob@example.org"},
		{in: "Bob@Elsewhere.net", want: "sip:bob@elsewhere.net"},
		{in: "sip:bob:pw@10.0.0.1:05080;transport=tcp;;ob?Replaces=x", want: "sip:bob@10.0.0.1:5080;transport=tcp;ob"},
		{in: "sips:bob@[2001:DB8::0]:5061;method=BYE;METHOD=x", want: "sips:bob@[2001:db8::]:5061"},
		{in: "žofie", want: "sip:%C5%BEofie@example.org"},
		{in: "TEL:+420-123.(45);phone-context=x.org", want: "tel:+42012345;phone-context=x.org"},
		{in: "tel:*21#", want: "tel:*21#"},
		{in: strings.Repeat("u", 100) + "@" + strings.Repeat("d", 100), want: "sip:" + strings.Repeat("u", 100) + "@" + strings.Repeat("d", 100)},
		{in: strings.Repeat("u", 200) + "@" + strings.Repeat("d", 100), err: aor.ErrUser},
		{in: strings.Repeat("u", 1<<20), err: aor.ErrUser},
		{in: "tel:", err: aor.ErrUser},
		{in: "tel:+", err: aor.ErrUser},
		{in: "tel:1+2", err: aor.ErrUser},
		{in: "tel:call-me", err: aor.ErrUser},
		{in: "javascript:alert(1)", err: aor.ErrScheme},
		{in: "https://example.org/", err: aor.ErrScheme},
		{in: "bob@example.org;x=\r\nVia: y", err: aor.ErrDomain},
		{in: "bob@example.org;x=<y>", err: aor.ErrDomain},
		{in: `bob@example.org;x="y"`, err: aor.ErrDomain},
		{in: "bob@example.org;x=%0", err: aor.ErrDomain},
	}
	for _, tt := range tests {
		got, err := aor.CanonicalURI(tt.in, "example.org")
		if got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("CanonicalURI(%.80q) = %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
}

// TestErrorsAreShort: what a stranger typed comes back cut.
func TestErrorsAreShort(t *testing.T) {
	_, err := aor.Parse(strings.Repeat("x", 1<<16), "example.org")
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("error %v", err)
	}
}

func TestHA1(t *testing.T) {
	// The example of RFC 2617 §3.5.
	if got := aor.HA1("Mufasa", "testrealm@host.com", "Circle Of Life"); got != "939e7578ed9e3c518a452acee763bce9" {
		t.Errorf("HA1 = %s", got)
	}
	if got, want := aor.HA1B("a", "d", "p"), aor.HA1("a@d", "d", "p"); got != want {
		t.Errorf("HA1B = %s, want %s", got, want)
	}
	// The example of RFC 7616 §3.9.1.
	if got := aor.HA1SHA256("Mufasa", "http-auth@example.org", "Circle of Life"); got !=
		"7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232" {
		t.Errorf("HA1SHA256 = %s", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"alice@example.org", "sip:a%40b:pw@[::1]:5060;x?y", "%C5%BE@d", "tel:+1-2;x=y", "a@b@c", "sip::@", "[", "@[]", "a@b.."} {
		f.Add(s, "example.org")
		f.Add("a", s)
	}
	f.Fuzz(func(t *testing.T, s, domain string) {
		if a, err := aor.Parse(s, domain); err == nil {
			for _, again := range []string{a.String(), a.URI()} {
				if b, err := aor.Parse(again, ""); err != nil || b != a {
					t.Fatalf("%q is %#v, but %q is %#v, %v", s, a, again, b, err)
				}
			}
			if n := len([]rune(a.User)); n > aor.MaxUser || len(a.Domain) > aor.MaxDomain || strings.ContainsAny(a.String(), " <>\"\r\n\x00") {
				t.Fatalf("%q gave %#v", s, a)
			}
			key, err := aor.AppendCanonical(nil, []byte(strings.TrimPrefix(strings.TrimSuffix(a.URI(), "@"+a.Domain), "sip:")), []byte(a.Domain))
			if err != nil || string(key) != a.String() {
				t.Fatalf("AppendCanonical of %#v = %q, %v", a, key, err)
			}
		}
		if uri, err := aor.CanonicalURI(s, domain); err == nil {
			if again, err := aor.CanonicalURI(uri, ""); err != nil || again != uri || len(uri) > aor.MaxURI {
				t.Fatalf("CanonicalURI(%q) = %q, then %q, %v", s, uri, again, err)
			}
			if strings.ContainsAny(uri, " <>\"\r\n\x00") {
				t.Fatalf("CanonicalURI(%q) = %q", s, uri)
			}
		}
	})
}
