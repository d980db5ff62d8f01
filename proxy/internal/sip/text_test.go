package sip

import (
	"strings"
	"testing"
)

func TestDisplayText(t *testing.T) {
	for display, want := range map[string]string{
		`Anna Novak`: "Anna Novak", `"Anna Novak"`: "Anna Novak", "\"Anna\r\n Novak\"": "Anna Novak", "Anna\r\n\t Novak": "Anna Novak",
		"\"Anna\tNovak\"": "Anna Novak", `"A \"B\" \\ C"`: `A "B" \ C`, `"`: `"`, `""`: "", "": "", `"A\"`: `A\`, "\r\n ": "", "\"Žofie\r\n  Malá\"": "Žofie Malá",
	} {
		if got := DisplayText([]byte(display)); got != want {
			t.Errorf("%q says %q, want %q", display, got, want)
		}
	}
}

// FuzzDisplayText: no name has lines, whatever came.
func FuzzDisplayText(f *testing.F) {
	for _, seed := range []string{`"Anna"`, "\"Anna\r\n Novak\"", `"\`, "\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, display []byte) {
		if got := DisplayText(display); strings.ContainsAny(got, "\r\n\t") || len(got) > len(display) {
			t.Errorf("%q says %q", display, got)
		}
	})
}
