package public

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
)

// FuzzVisitor: what is taken as a visitor's address is user@domain and nothing
// that a router or a gateway would read as more.
func FuzzVisitor(f *testing.F) {
	for _, seed := range []string{
		"bob@example.org", "SIP:Bob@Example.ORG", "sips:b.o-b_2@example.org", "sip:+1900@example.org", "a;b@c", "a@b:5060", "a@[::1]", "a@127.0.0.1",
		"sip:a%40b@c", "a@b@c", "<sip:a@b>", "１２@example.org", "\u202ea@b", "a@b?x=y", "tel:+49", "0800 12", "", "@", "a\r\nb@c",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		who, ok := visitorAddress(typed)
		if !ok {
			return
		}
		if strings.ContainsAny(who.URI()[len("sip:"):], ":;?<>\"\r\n/") && !strings.HasPrefix(who.Domain, "[") {
			t.Errorf("%q became %s", typed, who.URI())
		}
		if first := []rune(who.User)[0]; !unicode.IsLetter(first) {
			t.Errorf("%q became %s, which begins like a number", typed, who.URI())
		}
		if _, number := numberOf(who.User); number {
			t.Errorf("%q became the number %s", typed, who.User)
		}
		again, ok := visitorAddress(who.String())
		if ok && again != who {
			t.Errorf("%q became %v and then %v", typed, who, again)
		}
	})
}

// FuzzBadge: whatever somebody's name is, the badge is one XML document with the
// name as text.
func FuzzBadge(f *testing.F) {
	for _, seed := range []string{"Alice", "<script>alert(1)</script>", `"'&]]>`, "\x00\xff", "Žluť 😀", strings.Repeat("w", 500), "%s%d%[1]s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for status := range badgeLooks {
			dec := xml.NewDecoder(strings.NewReader(string(drawBadge(name, "on line", status))))
			open, roots := 0, 0
			for {
				token, err := dec.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%q: %v", name, err)
				}
				switch x := token.(type) {
				case xml.StartElement:
					if open == 0 {
						roots++
					}
					open++
					switch x.Name.Local {
					case "svg", "title", "rect", "g", "text", "circle", "path":
					default:
						t.Fatalf("%q: <%s>", name, x.Name.Local)
					}
				case xml.EndElement:
					open--
				}
			}
			if open != 0 || roots != 1 {
				t.Errorf("%q: %d roots, %d open", name, roots, open)
			}
		}
	})
}

func TestPublicName(t *testing.T) {
	for name, want := range map[string]bool{
		"example.org": true, "sip.example.co.uk": true, "Example.ORG.": true, "xn--bcher-kva.example": true,
		"": false, ".": false, "org": false, "localhost": false, "a.localhost": false, "10.0.0.1": false, "[::1]": false, "1": false, "0x7f.1": false,
		"127.0.0.0x1": false, "printer.local": false, "gw.internal": false, "x.home.arpa": false, "a.b.c.4": false, "x.y": false, "x.invalid": false,
	} {
		if got := new(Portal).isPublicName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
