package view

import (
	"strings"
	"testing"
)

func TestTexts(t *testing.T) {
	texts := &Texts{byKey: map[string]string{}}
	if err := texts.parse("t", "# a note\n\nrows = {1} to {2} of {3}\nplain = Plain = text\nphones = {1} phones\nphones.one = One phone\n"); err != nil {
		t.Fatal(err)
	}
	for want, got := range map[string]string{
		"1 to 2 of {1}": texts.Text(M("rows", "1", "2", "{1}")), // an argument is no pattern
		"Plain = text":  texts.Text(M("plain")),
		"no.such":       texts.Text(M("no.such")),
		"One phone":     texts.Count("phones", 1),
		"3 phones":      texts.Count("phones", 3),
		"0 phones":      texts.Count("phones", 0),
	} {
		if got != want {
			t.Errorf("have %q, want %q", got, want)
		}
	}
	for in, want := range map[string]string{"no equals sign": "t:1: want key = text", "key =": "want key = text", "a = b\na = c": "t:2: the key a is there twice"} {
		if err := (&Texts{byKey: map[string]string{}}).parse("t", in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", in, err, want)
		}
	}
}

func TestInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Alice Marsh": "AM", "bob": "B", "Žofie van den Berg": "ŽB", "<b>x</b>": "BB", "  ": "–", "": "–", "7 Sins": "7S", "carol@ex.test": "C", "anna.bell@ex.test": "AB", "@": "–",
	} {
		if got := initials(name); got != want {
			t.Errorf("initials(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	for in, want := range map[string]Status{"online": StatusOnline, "busy": StatusBusy, "non-local": StatusNonLocal, "on line": StatusUnknown, "": StatusUnknown} {
		if got := status(in); got != want {
			t.Errorf("status(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestArgumentsDoNotTurnTheText: whoever is called "Bob" with an override in it
// reverses nothing after the name.
func TestArgumentsDoNotTurnTheText(t *testing.T) {
	texts := &Texts{byKey: map[string]string{"ask": "Delete {1}?"}}
	got := texts.Text(M("ask", "Bob\u202e\u2066 \u05d0"))
	if want := "Delete Bob \u05d0?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// english is the English catalogue.
func english(t *testing.T) *Texts {
	t.Helper()
	texts, err := loadTexts(English, nil)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
