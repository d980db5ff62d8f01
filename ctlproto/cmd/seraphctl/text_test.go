package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain ~ text":            "plain ~ text",
		"Grüße 愛 👍":               "Grüße 愛 👍",
		"a\nb\r\tc":               `a\nb\r\tc`,
		"\x1b[2J\x07\x00\x7f":     `\x1b[2J\x07\x00\x7f`,
		"\u009b1m\u0085\u00a0x":   `\x9b1m\x85\xa0x`,
		"\u202eevil\u2066\ufeff":  `\u202eevil\u2066\ufeff`,
		"bad \xff\xc3( utf-8":     `bad \xff\xc3( utf-8`,
		"\u2028\u2029":            `\u2028\u2029`,
		"\U000e0041 tag \ue000":   `\U000e0041 tag \ue000`,
		"e\u0301 combining stays": "e\u0301 combining stays",
	} {
		if got := safe(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "Grüße": 5, "愛": 2, "e\u0301": 1, "ＡＢ": 4} {
		if got := columns(in); got != want {
			t.Errorf("%q: %d columns, want %d", in, got, want)
		}
	}
}

func TestMaskURLs(t *testing.T) {
	for in, want := range map[string]string{
		`unknown command "mysql://u:pw@h/db" for`: `unknown command "mysql://u:***@h/db" for`,
		"SQL://u:p@w@h/db":                        "SQL://u:***@h/db",
		"mysql:/u:pw@h/db":                        "mysql:***@h/db",
		"sqlite:///a:b@c":                         "sqlite:///a:b@c",
		"want mysql://user:password@host:port/x":  "want mysql://user:password@host:port/x",
		"alice@example.org":                       "alice@example.org",
	} {
		if got := maskURLs(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestPlainHTML(t *testing.T) {
	for in, want := range map[string]string{
		`"\u003ca\u003e\u0026"`: `"<a>&"`,
		`"\\u003c"`:             `"\\u003c"`,
		`"\\\u003c"`:            `"\\<"`,
		`"\u001b\u003"`:         `"\u001b\u003"`,
		`"\`:                    `"\`,
	} {
		if got := plainHTML([]byte(in)); string(got) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// FuzzSafe: whatever a phone or a caller sends, nothing that a terminal obeys
// comes out, and JSON keeps its value.
func FuzzSafe(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[1m", "\u009b", "\xff\xfe", "愛\u202e", `\u003c\`, "\U0001f44d\ue000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := safe(s)
		if !utf8.ValidString(out) || strings.IndexFunc(out, func(r rune) bool { return !shown(r) }) >= 0 {
			t.Errorf("safe(%q) = %q", s, out)
		}
		if columns(out) < 0 {
			t.Errorf("%q has no width", out)
		}
		raw, err := encodeJSON(s)
		if err != nil {
			t.Fatal(err)
		}
		shownJSON := safeJSON(raw)
		var before, after string
		if err := json.Unmarshal(raw, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(shownJSON, &after); err != nil || after != before {
			t.Errorf("%s became %s: %v", raw, shownJSON, err)
		}
		if strings.IndexFunc(string(shownJSON), func(r rune) bool { return r != '\n' && !shown(r) }) >= 0 {
			t.Errorf("safeJSON: %q", shownJSON)
		}
		escaped, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(plainHTML(escaped), &after); err != nil || after != before {
			t.Errorf("plainHTML changed %s: %v", escaped, err)
		}
	})
}

// FuzzRPCParams: any words of a command line make parameters or an error, and
// JSON words keep their value.
func FuzzRPCParams(f *testing.F) {
	f.Add("alice@example.org", "1")
	f.Add("a=b", `{"x":1}`)
	f.Add(`{"x":[1,2`, "=\xff")
	f.Add("007", "-0e5")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, args := range [][]string{{a}, {a, b}} {
			raw, err := rpcParams(args)
			if err != nil {
				continue
			}
			if !json.Valid(raw) || raw[0] != '[' && raw[0] != '{' && strings.TrimSpace(a)[0] != '{' {
				t.Errorf("%q: %s", args, raw)
			}
			if masked := maskSecrets(raw); !json.Valid([]byte(masked)) {
				t.Errorf("%s masked is %s", raw, masked)
			}
		}
		if json.Valid([]byte(a)) && a != "" && !strings.HasPrefix(strings.TrimSpace(a), "{") && !named.MatchString(a) {
			raw, _ := rpcParams([]string{a})
			var got []any
			var want any
			if json.Unmarshal([]byte(a), &want) == nil && (json.Unmarshal(raw, &got) != nil || !cmp.Equal(got, []any{want})) {
				t.Errorf("%q became %s", a, raw)
			}
		}
	})
}
