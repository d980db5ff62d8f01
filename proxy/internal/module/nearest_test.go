package module

import (
	"strings"
	"testing"
)

// TestNearest: what is most like a word; nothing is like one that is longer than any name.
func TestNearest(t *testing.T) {
	names := []string{"t_relay", "t_reply", "lookup", strings.Repeat("x", 2*maxWord)}
	for word, want := range map[string]string{
		"t_rellay": "t_relay", "t_rleay": "t_relay", "lokup": "lookup", "t_reply": "t_reply", "something": "", "": "",
		strings.Repeat("x", maxWord): "", strings.Repeat("x", 2*maxWord): "", strings.Repeat("x", 1<<20): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
