package public

import (
	"regexp"
	"strings"
	"testing"

	"seraph/sql/store"
)

// looksLinked is what mail programs make links of.
var looksLinked = regexp.MustCompile(`(?i)\w://\S|www\.\S|\w\.[a-z]{2,}/\S|\w\.[a-z]{2,}\b`)

// TestStrangersTextIsNoLink: what callers say of themselves comes as one line of
// text that no mail program makes a link of; the part behind "@" of an address stays.
func TestStrangersTextIsNoLink(t *testing.T) {
	for _, name := range []string{
		"http://evil.example/x", "see www.evil.example", "evil.example", "EVIL.example/path?x", `\\evil.example\x`, "a\r\nBcc: b@c.d", "x\u202ey", "a/b",
		"win at evil@evil.example", "a@b.example", "evil\u3002example", "evil\uff0eexample", "x@evil.example/y", "sip:eve@evil.example",
		strings.Repeat("long ", 100), "http://evil.example@x",
	} {
		got := linkless(name)
		if looksLinked.MatchString(got) || regexp.MustCompile(`\S@|@\S|\S[\x{3002}\x{ff0e}\x{ff61}]\S`).MatchString(got) || strings.ContainsAny(got, "\r\n\u202e") || len(got) > 400 {
			t.Errorf("%q became %q", name, got)
		}
	}
	for text, want := range map[string]string{"Bob Keller": "Bob Keller", "Ann-Marie O'Neil jr.": "Ann-Marie O'Neil jr.", "St. John": "St. John", "+420 1 2": "+420 1 2"} {
		if got := linkless(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	for text, want := range map[string]string{"bob@example.org": "bob@example.org", "www.evil.example": "www . evil . example", "+4201": "+4201"} {
		if got := addressText(text); got != want {
			t.Errorf("address %q became %q", text, got)
		}
	}
}

func TestCallerText(t *testing.T) {
	names := map[string]store.Entry{"sip:bob@example.org": {FirstName: "Bob", LastName: "Keller"}}
	for _, c := range []struct {
		call store.Call
		want string
	}{
		{store.Call{CallerURI: "sip:bob@example.org", CallerName: "Santa"}, "Bob Keller <bob@example.org>"},
		{store.Call{CallerURI: "sip:eve@example.net", CallerName: "Eve"}, "“Eve” <eve@example.net>"},
		{store.Call{CallerURI: "sip:eve@example.net"}, "eve@example.net"},
		{store.Call{CallerURI: "tel:+4201234"}, "+4201234"},
		{store.Call{CallerName: "Anonymous"}, "“Anonymous”"},
		{store.Call{CallerURI: "sip:eve@example.net", CallerName: "mail win@evil.example now"}, "“mail win @ evil . example now” <eve@example.net>"},
		{store.Call{}, ""},
	} {
		if got := callerText(c.call, names); got != c.want {
			t.Errorf("%+v is %q, want %q", c.call, got, c.want)
		}
	}
}
