package textops

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLineStart(t *testing.T) {
	for expr, want := range map[string]string{
		"^User-Agent:.*x": "USER-AGENT:", "^INVITE sip:": "INVITE SIP:", "^a?b": "", "a": "", "^a|b": "", "(^a)b": "", "^[ab]c": "", "^": "", "^ä": "", "^a$": "A",
	} {
		got, _ := lineStart(regexp.MustCompile("(?im)" + expr).String())
		if strings.ToUpper(got) != want {
			t.Errorf("%q begins with %q, want %q", expr, got, want)
		}
	}
}

// TestMatchLinesModel: the shortcut finds what the expression itself finds.
func TestMatchLinesModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := "(?im)^" + rapid.StringMatching(`[aB:]{1,2}(\.\*|\\s|\[^b\]|\$)?(a|B|a\|b|\(a\|bb\))?(\$)?`).Draw(t, "expr")
		re, err := regexp.Compile(expr)
		if err != nil {
			return
		}
		text, at := lineStart(re.String())
		if text == "" {
			return
		}
		b := []byte(rapid.StringMatching(`([aAbB: ]{0,4}\r?\n){0,4}[aAbB:]{0,3}`).Draw(t, "text"))
		if got, want := matchLines(b, text, at), re.Match(b); got != want {
			t.Fatalf("%q in %q: %v, want %v", expr, b, got, want)
		}
	})
}
