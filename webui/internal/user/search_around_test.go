package user

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAround(t *testing.T) {
	long := strings.Repeat("x ", 100)
	for _, c := range []struct{ text, word, want string }{
		{"", "a", ""},
		{"Hello\r\n\tworld ", "WORLD", "Hello world"},
		{"Hello", "nowhere", "Hello"},
		{"İstanbul ŽIŽKA", "žižka", "İstanbul ŽIŽKA"},
		{"two\nlines", "two  lines", "two lines"},
		{long, "y", strings.TrimSpace(long[:maxAround]) + " …"},
		{long + "Needle", "needle", "… " + strings.TrimSpace((long + "Needle")[206-maxAround:])},
		{long + "Needle " + long, "needle", "… " + strings.TrimSpace((long + "Needle " + long)[160:320]) + " …"},
		{"dir\u202eection\x00", "section", "direction"},
	} {
		if got := around(c.text, c.word); got != c.want {
			t.Errorf("%.20q in %.20q: %q, want %q", c.word, c.text, got, c.want)
		}
	}
}

// FuzzAround: whatever somebody wrote, a short line of it comes out, with the word in it
// if that stands there.
func FuzzAround(f *testing.F) {
	f.Add("Hello world", "world")
	f.Add(strings.Repeat("ß\u0130", 200)+"Ünder", "ünder")
	f.Add("\xff\x00", "\xff")
	f.Fuzz(func(t *testing.T, text, word string) {
		text, word = strings.ToValidUTF8(text, ""), searchText(word)
		got := around(text, word)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxAround+4 || strings.ContainsAny(got, "\n\r\x00") {
			t.Fatalf("%q", got)
		}
		if n := utf8.RuneCountInString(word); n <= maxAround-beforeFound && strings.Contains(oneLine(text), oneLine(word)) &&
			!strings.Contains(strings.ToLower(got), strings.ToLower(strings.TrimSpace(oneLine(word)))) {
			t.Fatalf("%q is not in %q", word, got)
		}
	})
}
