package form_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"seraph/sql/store"
	"seraph/webui/internal/form"
)

func parse(t *testing.T, body string) *form.Form {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/?name=of+the+address", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	f, err := form.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// fault is what is wrong with a field, as "key args".
func fault(f *form.Form, name string) string {
	key, args := f.Error(name)
	return strings.TrimSpace(key + " " + strings.Join(args, " "))
}

func TestText(t *testing.T) {
	for _, c := range []struct{ body, want, fault string }{
		{"name=+Bob+", "Bob", ""},
		{"", "", ""},
		{"name=žžžž", "žžžž", ""},
		{"name=abcde", "abcde", "form.long 4"},
		{"name=a%00b", "a\x00b", "form.characters"},
		{"name=a%0Ab", "a\nb", "form.characters"},
		{"name=a%E2%80%AEb", "a\u202eb", "form.direction"},
		{"name=%E2%81%A6", "\u2066", "form.direction"},
		{"name=%E2%80%8F", "\u200f", "form.direction"},
		{"name=%D7%91%D7%9F", "\u05d1\u05df", ""},
		{"name=%ff", "\xff", "form.characters"},
	} {
		f := parse(t, c.body)
		if got := f.Text("name", 4); got != c.want || fault(f, "name") != c.fault || f.OK() != (c.fault == "") {
			t.Errorf("%s: %q, fault %q, OK %v", c.body, got, fault(f, "name"), f.OK())
		}
	}
}

func TestRequired(t *testing.T) {
	f := parse(t, "name=+++&other=x")
	f.Required("name", 64)
	f.Required("other", 64)
	f.Required("missing", 64)
	if fault(f, "name") != "form.empty" || fault(f, "other") != "" || fault(f, "missing") != "form.empty" {
		t.Errorf("faults %q %q %q", fault(f, "name"), fault(f, "other"), fault(f, "missing"))
	}
}

func TestWhatWasTypedStays(t *testing.T) {
	f := parse(t, "name=+a%00b+")
	f.Text("name", 64)
	if got := f.Value("name"); got != " a\x00b " {
		t.Errorf("the field shows %q", got)
	}
}

func TestFirstFaultCounts(t *testing.T) {
	f := form.New("name", "x")
	f.Fail("name", "first")
	f.Fail("name", "second")
	if got := fault(f, "name"); got != "first" {
		t.Errorf("fault %q", got)
	}
}

func TestChoiceCheckedID(t *testing.T) {
	f := parse(t, "colour=red&on=on&id=7&bad=seven&minus=-1")
	if f.Choice("colour", "red", "green") != "red" || !f.OK() {
		t.Error("an allowed choice is refused")
	}
	if f.Choice("colour", "blue"); fault(f, "colour") != "form.choice" {
		t.Errorf("fault %q", fault(f, "colour"))
	}
	if !f.Checked("on") || f.Checked("off") {
		t.Error("checkboxes are misread")
	}
	for name, want := range map[string]int64{"id": 7, "bad": 0, "minus": 0, "missing": 0} {
		if id, ok := f.ID(name); ok != (want > 0) || ok && id != want {
			t.Errorf("ID(%s) = %d, %v", name, id, ok)
		}
	}
}

func TestTake(t *testing.T) {
	f := form.New()
	if f.Take(errors.New("the disk is full")) || !f.OK() {
		t.Error("another error is taken for a field's")
	}
	if !f.Take(fmt.Errorf("save: %w", &store.FieldError{Field: "email", Msg: "has no @"})) || fault(f, "email") != "form.refused has no @" {
		t.Errorf("fault %q", fault(f, "email"))
	}
}

func TestParseRefusesNonsense(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("name=%zz"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := form.Parse(r); err == nil {
		t.Error("no error")
	}
}

// FuzzText: what comes out without a fault fits the column and holds nothing that a line cannot.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"Bob", " a\x00", "\xff", "žluťoučký kůň"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got := form.New("name", typed)
		text := got.Text("name", 8)
		bad := !utf8.ValidString(text) || utf8.RuneCountInString(text) > 8 || strings.ContainsFunc(text, unicode.IsControl) ||
			strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Bidi_Control, c) })
		if got.OK() == bad || strings.TrimSpace(text) != text {
			t.Errorf("%q: text %q, OK %v", typed, text, got.OK())
		}
	})
}
