package form

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// TestEveryReasonOfAnAddress: all that package aor can say has a text, which can
// be translated.
func TestEveryReasonOfAnAddress(t *testing.T) {
	sources, err := filepath.Glob("../../../sql/aor/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	literal := regexp.MustCompile(`fmt\.Errorf\("%w: ((?:[^"\\]|\\.)*)", Err(User|Domain)`)
	known := make(map[string]bool)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			said, err := strconv.Unquote(`"` + m[1] + `"`)
			if err != nil {
				t.Fatal(err)
			}
			said = strings.ReplaceAll(strings.ReplaceAll(said, "%d", "64"), "%%", "%")
			key, _, ok := reason(addressReasons, said)
			if !ok {
				t.Errorf("%s: there is no text for %q", source, said)
			}
			known[key] = true
		}
	}
	for _, key := range addressReasons {
		if !known[key] {
			t.Errorf("nobody says what the text %q is for", key)
		}
	}
}

func TestFailAddress(t *testing.T) {
	for address, want := range map[string]string{
		"http://x.org":                 "address.scheme []",
		"bob@exa mple.org":             "address.domain.character []",
		"bob@example.org:99999":        "address.domain.port [1 65535]",
		"bob@home@example.org":         "address.user.at_twice []",
		strings.Repeat("b", 65):        "address.user.long [64]",
		"sip:" + "b@[::g]":             "address.domain.ipv6 []",
		"bob: it is empty@example":     "address.scheme []", // what was typed is taken for no reason
		"bob%zz@example.org":           "address.user.escape []",
		"sip:@example.org":             "address.user.empty []",
		"a\": it is empty: @@":         "address.user.at_twice []",
		strings.Repeat("d", 5000):      "address.user.long [64]",
		"b@" + strings.Repeat("d", 65): "address.domain.long [64]",
	} {
		_, err := aor.Parse(address, "example.org")
		f := New()
		f.FailAddress("to", err)
		key, args := f.Error("to")
		if got := fmt.Sprint(key, " ", args); got != want {
			t.Errorf("%.30q: %s, want %s (error %v)", address, got, want, err)
		}
	}
}

func TestReason(t *testing.T) {
	for said, want := range map[string]string{
		"is longer than 64 characters":                        "form.long [64]",
		"does not fit: a phone book has at most 5000 entries": "form.book_full [5000]",
		"is not from 5 to 180":                                "form.range [5 180]",
		"is neither light nor dark":                           "form.choice []",
		"has no @":                                            "form.refused [has no @]",
	} {
		key, args := Reason(&store.FieldError{Field: "x", Msg: said})
		if got := fmt.Sprint(key, " ", args); got != want {
			t.Errorf("%q: %s, want %s", said, got, want)
		}
	}
}
