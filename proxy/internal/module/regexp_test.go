package module

import (
	"strings"
	"testing"
)

// TestRegexp: what GNU writes otherwise than RE2 means the same here, and what has no equal
// is refused.
func TestRegexp(t *testing.T) {
	for _, x := range []struct {
		expression, matches, not string // texts, parted by blanks
	}{
		{`^sip:[0-9]{,4}@`, "sip:@ sip:1234@", "sip:12345@"},
		{`^a{,}$`, "a aaa", "b"},
		{`^[a{,2}]$`, "{ , a", "aa"},
		{`^a\{,2}$`, "a{,2}", "aa"},
		{`^a{2,3}$`, "aa aaa", "a aaaa"},
		{`^sip:\<abc\>@`, "sip:abc@", "sip:abcd@"},
		{`\<bob\>`, "sip:bob@x", "sip:bobby@x"},
		{`^\\<a>`, `\<a>`, "a"},
		{"^(\\`sip:a\\')$", "sip:a", "sip:ab"},
		{`^[]x{,]+$`, "]x{,", "y"},
		{`^[^]]+$`, "x{,4}", "]"},
		{`^[[:digit:]]{,2}$`, "12", "123"},
		{`^[\]]{,2}$`, "]]", "]]]"},
		{`^[[]$`, "[", "]"},
		{`^[a\<]$`, "<", "b"},
		{`^\*[0-9]+$`, "*72", "72"},
		{`a{,x}`, "a{,x}", "aa"},
	} {
		re, err := Regexp("(?i)", x.expression)
		if err != nil {
			t.Errorf("%s: %v", x.expression, err)
			continue
		}
		for _, text := range strings.Fields(x.matches) {
			if !re.MatchString(text) {
				t.Errorf("%s does not match %q", x.expression, text)
			}
		}
		for _, text := range strings.Fields(x.not) {
			if re.MatchString(text) {
				t.Errorf("%s matches %q", x.expression, text)
			}
		}
	}
	for _, bad := range []string{`a[[.hyphen.]]b`, `[[=a=]]`, `[a[.-.]]`, `[`, `\`, `[[:digit:`, `{,4}`, `(a)\1`} {
		if re, err := Regexp("", bad); err == nil {
			t.Errorf("%s is taken, as %s", bad, re)
		}
	}
}

// TestLineEnds: an expression for lines does not go over the end of one, as with REG_NEWLINE;
// another one does.
func TestLineEnds(t *testing.T) {
	const text = "v=0\r\no=-]x\r\nm=audio 4000\r\n"
	for _, x := range []struct {
		expression    string
		byLine, whole bool
	}{
		{`V=0.*audio`, false, true},
		{`v=0[^x]*o=`, false, true},
		{`v=0[^]x]*o=`, false, true},
		{`v=0[^-x]*o=`, false, true},
		{`v=0[^[:digit:]]*o=`, false, true},
		{`=[^]x]{2}`, true, true},
		{`o=[^-]x`, false, false},
		{`v=0[x\r\n]*o=`, true, true},
		{`v=0\s*o=`, true, true},
		{`^m=`, true, false},
		{`o=[^a]]x`, true, true},
	} {
		for options, want := range map[string]bool{AnyCase: x.byLine, "(?is)": x.whole} {
			re, err := Regexp(options, x.expression)
			if err != nil {
				t.Errorf("%s%s: %v", options, x.expression, err)
				continue
			}
			if got := re.MatchString(text); got != want {
				t.Errorf("%s%s, as %s, matches %q: %v, want %v", options, x.expression, re, text, got, want)
			}
		}
	}
}

// FuzzRegexp: no text breaks the rewriting, and what has none of its characters stays.
func FuzzRegexp(f *testing.F) {
	f.Add(`^sip:\<[[:digit:]]{,4}[^]a]\>`)
	f.Add(`[[.`)
	f.Add(`\`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := fromGNU(text, false)
		if err == nil && !strings.ContainsAny(text, `\{`) && got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}
