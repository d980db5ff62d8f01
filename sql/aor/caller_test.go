package aor_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"seraph/sql/aor"
)

func TestAppendCaller(t *testing.T) {
	long := strings.Repeat("x", 300)
	for in, want := range map[string]string{
		"sip:Alice@Example.org.":             "alice@example.org",
		"SIPS:%61lice:secret@[2001:DB8::0]":  "alice@[2001:db8::]",
		"sip:alice@example.org:5060;x=y?z=a": "alice@example.org",
		"sip:first%20last@example.org":       "first%20last@example.org",
		"sip:a%E4%C3%A9b@example.org":        "a%e4éb@example.org",
		"sip:a%zz%4@example.org":             "a%25zz%254@example.org",
		"sip:*21%2a@example.org":             "%2a21%2a@example.org",
		"sip:a@-odd_.EXAMPLE":                "a@-odd_.example",
		"sip:a@spam..Example.":               "a@spam..example",
		"sip:a@example.org..":                "a@example.org..", // no host of ours looks like that
		"im:a@example.org.:1":                "a@example.org",
		"im:a@anonymous.invalid..":           "a@anonymous.invalid..",
		"tel:1001;@Example.org":              "1001@example.org",
		"sip:example.org;x":                  "@example.org",
		"sip:+49-(30).1%2D2;tgrp=a@gw:5070":  "+493012@gw",
		"sip:+49%2030@gw":                    "+4930@gw",
		"sip:49ers-a;b@gw":                   "49ers-a;b@gw",
		"sip:---@gw":                         "---@gw",
		"sip:10-01@example.org":              "10-01@example.org", // 1001 is somebody else's account
		"sip:(1).2@example.org;user=phone":   "(1).2@example.org",
		"sip:1001;phone-context=x@gw":        "1001@gw",
		"sip:%20+49%2F30/1@gw":               "+49301@gw",
		"sip:(+49)30%201/2@gw":               "+493012@gw",
		"sip:%20(+49)301@gw":                 "+49301@gw",
		"sip:1+49@gw":                        "1+49@gw",
		"sip:+(49)-a@gw":                     "+(49)-a@gw",
		"tel:030/1-2":                        "03012",
		"tel:+49-30-1;ext=2":                 "+49301",
		"TEL:040.123;phone-context=+49":      "040123",
		"im:eve@evil.example":                "eve@evil.example",
		"urn:service:SOS":                    "urn%3aservice%3asos",
		"sip:anonymous@Anonymous.Invalid:1":  "",
		"sip:anonymous.invalid":              "",
		"sip:%61nonymous@example.org":        "anonymous@example.org",
		"sip:" + long + "@" + long:           long[:255] + "@" + long[:255],
		"":                                   "@",
		// However much stands between the digits, and where an escape takes three bytes of it.
		"sip:+49" + strings.Repeat("-", 260) + "301@gw":         "+49301@gw",
		"tel:+49" + strings.Repeat(".", 260) + "301;ext=2":      "+49301",
		"tel:030" + strings.Repeat("/", 260) + "1":              "0301",
		"sip:+4930" + strings.Repeat("%20", 90) + "1;tgrp=a@gw": "+49301@gw",
		"sip:" + strings.Repeat("%2d", 300) + "+49301@gw":       "+49301@gw",
		"sip:+" + strings.Repeat("1-", 300) + "@gw":             "+" + strings.Repeat("1", 254) + "@gw",
		"sip:030" + strings.Repeat("-", 260) + "1@gw":           "030" + strings.Repeat("-", 252) + "@gw", // may be a name
		"sip:-" + long + "@gw":                                  "-" + long[:254] + "@gw",
		"sip:+49" + strings.Repeat("-", 260) + "301x@gw":        "+49@gw",      // as what is kept of it reads
		"sip:k@[::ffff:192.0.2.7]":                              "k@192.0.2.7", // RFC 4291 §2.5.5.2
		"sip:k@[::FFFF:c000:207]:5060":                          "k@192.0.2.7",
		"sip:[0:0:0:0:0:ffff:192.0.2.7]":                        "@192.0.2.7",
		"sip:k@[::192.0.2.7]":                                   "k@[::c000:207]",
		"sip:k@[::FFFF:1]":                                      "k@[::ffff:1]",
		"sip:k@[::ffff:192.0.2.7":                               "k@[", // no address
	} {
		if got := string(aor.AppendCaller([]byte("kept "), in)); got != "kept "+want {
			t.Errorf("AppendCaller(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestAppendCallerHost: it is the host that AppendCaller shows, whatever the scheme is.
func TestAppendCallerHost(t *testing.T) {
	for in, want := range map[string]string{
		"sip:alice@Example.org:5060;x=y?z=a": "example.org",
		"sips:b:secret@[2001:DB8::1]:5061":   "[2001:db8::1]",
		"sip:example.org.;x":                 "example.org",
		"im:alice@example.org..":             "example.org..",
		"pres:alice@example.org?x":           "example.org",
		"im:alice@[::ffff:192.0.2.7]":        "192.0.2.7",
		"tel:+4930;phone-context=x.example":  "",
		"tel:alice;x@example.org":            "example.org",
		"urn:service:sos":                    "",
		"mailto:a@b@example.org":             "b@example.org",
		"":                                   "",
	} {
		if got := string(aor.AppendCallerHost([]byte("kept "), in)); got != "kept "+want {
			t.Errorf("AppendCallerHost(%q) = %q, want %q", in, got, want)
		}
		if got := string(aor.AppendCallerHost(nil, []byte(in))); got != want {
			t.Errorf("AppendCallerHost of the bytes %q = %q, want %q", in, got, want)
		}
	}
}

// TestCallerIsCanonical: whoever has a canonical address calls by it, letters of escapes, * and
// numbers aside.
func TestCallerIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := aor.AOR{
			User:   rapid.StringMatching(`[a-z][a-z0-9@:%<"#.;&žß日-]{0,20}`).Draw(t, "user"),
			Domain: rapid.StringMatching(`[a-z0-9]{1,10}(\.[a-z]{2,5}){0,2}`).Draw(t, "domain"),
		}
		want := a.String()
		for _, escape := range []string{"%3A", "%3C", "%25", "%22", "%23"} {
			want = strings.ReplaceAll(want, escape, strings.ToLower(escape))
		}
		if got := string(aor.AppendCaller(nil, []byte(a.URI()))); got != want {
			t.Errorf("%s calls as %q, want %q", a, got, want)
		}
	})
}

// FuzzAppendCaller: every URI has one form, of a bounded length, that can be kept and shown,
// and the pattern of that form is the form.
func FuzzAppendCaller(f *testing.F) {
	for _, seed := range []string{"sip:a%20b@x", "tel:+49-30", "sip:%e4%C3@[::1]:5", "sip:+49%2030;x@y", "sip:*@*", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		got := aor.AppendCaller(nil, uri)
		user, host, ok := strings.Cut(string(got), "@")
		if named := string(aor.AppendCallerHost(nil, uri)); ok && named != host {
			t.Errorf("%q calls as %q, and its host is %q", uri, got, named)
		}
		if len(got) > aor.MaxCaller || strings.Contains(user, "*") || !utf8.ValidString(user) {
			t.Errorf("%q calls as %q", uri, got)
		}
		if again := aor.CallerPattern(user, host); ok && user != "" && again != string(got) {
			t.Errorf("%q calls as %q, the pattern of which is %q", uri, got, again)
		}
	})
}
