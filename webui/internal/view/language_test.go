package view

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// alike are the texts that are the same in both languages, and rightly so.
var alike = []string{
	"admin.notes", "call.step", "column.name", "column.status", "group", "groups.in", "mail.link", "mail.missed.once",
	"newuser.domain", "overview.router", "person.title", "security.browser", "security.browser_alone", "speeddial.name",
	"status.offline", "theme.auto", "users.domains",
}

// TestEveryTextIsTranslated: all keys in all languages, with the same places to
// fill in, and no text forgotten in English.
func TestEveryTextIsTranslated(t *testing.T) {
	first := english(t)
	known, err := tags()
	if err != nil || len(known) < 2 || known[0] != English {
		t.Fatalf("languages %v, error %v", known, err)
	}
	for _, tag := range known[1:] {
		texts, err := loadTexts(tag, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range texts.Keys() {
			if _, known := first.byKey[key]; !known {
				t.Errorf("%s has the text %s, which there is not in English", tag, key)
			}
		}
		same := []string{}
		for _, key := range first.Keys() {
			want, have := first.byKey[key], texts.byKey[key]
			if have == "" {
				t.Errorf("%s lacks the text %s = %s", tag, key, want)
				continue
			}
			if diff := cmp.Diff(places(want), places(have)); diff != "" {
				t.Errorf("%s: %s fills in other things:\n%s", tag, key, diff)
			}
			if want == have {
				same = append(same, key)
			}
		}
		if diff := cmp.Diff(alike, same); diff != "" {
			t.Errorf("%s: the same as in English (+), or not any more (-):\n%s", tag, diff)
		}
	}
}

var place = regexp.MustCompile(`\{\d+\}`)

// places are the places of a text, sorted, each one once: a language may name
// somebody twice.
func places(text string) []string {
	all := place.FindAllString(text, -1)
	slices.Sort(all)
	return slices.Compact(all)
}

func set(t testing.TB) *Set {
	t.Helper()
	known, err := tags()
	if err != nil {
		t.Fatal(err)
	}
	s := &Set{tags: known, matcher: matcher(known), editions: make(map[string]*edition)}
	for _, tag := range known {
		texts, err := loadTexts(tag, nil)
		if err != nil {
			t.Fatal(err)
		}
		s.editions[tag] = &edition{texts: texts}
	}
	return s
}

func TestAccept(t *testing.T) {
	s := set(t)
	for header, want := range map[string]string{
		"":                                     "en",
		"de":                                   "de",
		"de-AT,de;q=0.9,en;q=0.8":              "de",
		"DE-ch":                                "de",
		"en-US,en;q=0.9,de;q=0.8":              "en",
		"de;q=0.3, en;q=0.7":                   "en",
		"en;q=0.3, de;q=0.7":                   "de",
		"fr":                                   "en",
		"fr-CH, de;q=0.5, en;q=0.4":            "de",
		"*":                                    "en",
		"de;q=0":                               "en",
		"de;q=x":                               "en",
		";;;,,,=q":                             "en",
		"de\x00":                               "en",
		"<script>":                             "en",
		"de," + strings.Repeat("x-", 50_000):   "de", // what came before the nonsense counts
		strings.Repeat("de-", 40_000):          "en",
		strings.Repeat("de,", 40_000):          "de",
		strings.Repeat("x", 100_000):           "en",
		strings.Repeat("\u00fc", 60_000) + ",": "en",
	} {
		if got := s.Accept(header); got != want {
			t.Errorf("%.40q: %s, want %s", header, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	s := set(t)
	for tag, want := range map[string]string{
		"en": "en", "de": "de", "de-AT": "de", "DE": "de", "en-GB": "en", "": "", "fr": "", "pt-BR": "", "english!": "", "und": "",
		"de;q=1": "", "../de": "", strings.Repeat("de-", 40_000): "",
	} {
		if got := s.Match(tag); got != want {
			t.Errorf("%.40q: %q, want %q", tag, got, want)
		}
	}
	if got := s.Texts("de-CH").Text(M("phonebook.title")); got != "Telefonbuch" {
		t.Errorf("the Swiss have %q", got)
	}
	if got := s.Texts("fr").Text(M("phonebook.title")); got != "Phone book" {
		t.Errorf("the French have %q", got)
	}
}

func FuzzAcceptLanguage(f *testing.F) {
	for _, seed := range []string{"", "de", "de-AT,de;q=0.9,en;q=0.8", "*", "de;q=", "i-klingon, x-y;q=1.0", strings.Repeat("-a", 300), "de-u-co-phonebk"} {
		f.Add(seed)
	}
	s := set(f)
	f.Fuzz(func(t *testing.T, header string) {
		if got := s.Accept(header); !slices.Contains(s.tags, got) {
			t.Errorf("Accept gives %q", got)
		}
		if got := s.Match(header); got != "" && !slices.Contains(s.tags, got) {
			t.Errorf("Match gives %q", got)
		}
	})
}

func TestGermanTimes(t *testing.T) {
	texts := set(t).Texts("de")
	now := time.Date(2026, 11, 20, 15, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		then time.Time
		want string
	}{
		{now.Add(-55 * time.Minute), "heute 14:05"},
		{now.AddDate(0, 0, -1), "gestern 15:00"},
		{now.AddDate(0, 0, 1), "morgen 15:00"},
		{time.Date(2026, 3, 7, 9, 2, 0, 0, time.UTC), "7. März 09:02"},
		{time.Date(2025, 12, 31, 9, 2, 0, 0, time.UTC), "31. Dez. 2025 09:02"},
	} {
		if got := texts.When(c.then, now); got != c.want {
			t.Errorf("%v: %q, want %q", c.then, got, c.want)
		}
	}
	for month := time.January; month <= time.December; month++ {
		if name := texts.month(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)); strings.Contains(name, "month") {
			t.Errorf("%v has no name: %q", month, name)
		}
	}
}

func TestDecimal(t *testing.T) {
	s := set(t)
	for _, c := range []struct{ tag, number, want string }{
		{"en", "1.2 s", "1.2 s"}, {"de", "1.2 s", "1,2 s"}, {"de", "1:05", "1:05"}, {"de", "", ""},
	} {
		if got := s.Texts(c.tag).decimal(c.number); got != c.want {
			t.Errorf("%s: %q is %q, want %q", c.tag, c.number, got, c.want)
		}
	}
}

// TestWhatIsNotTranslatedIsEnglish: rather than a bare key.
func TestWhatIsNotTranslatedIsEnglish(t *testing.T) {
	first := &Texts{language: English, byKey: map[string]string{"a": "Only here", "b": "Both", "n.one": "One", "n": "{1}"}}
	other := &Texts{language: "de", byKey: map[string]string{"b": "Beide"}, english: first}
	for key, want := range map[string]string{"a": "Only here", "b": "Beide", "c": "c"} {
		if got := other.Text(M(key)); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if got := other.Count("n", 1); got != "One" {
		t.Errorf("one: %q", got)
	}
}

// TestNoWordInATemplate: all that people read is in the catalogue, where it can
// be translated: no text between tags, and none in an attribute that is shown or
// read out.
func TestNoWordInATemplate(t *testing.T) {
	names, err := filepath.Glob("../*/templates/*.html")
	if err != nil || len(names) < 30 {
		t.Fatalf("%d templates, error %v", len(names), err)
	}
	action := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	word := regexp.MustCompile(`\pL{2,}`)
	markup := regexp.MustCompile(`<\w[^>]*>|</\w+>|[a-z-]+=""|required|autofocus|aria-invalid="true"`) // in <noscript>, and in a part that is only attributes
	shown := []string{"title", "alt", "placeholder", "aria-label", "aria-description", "aria-roledescription"}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tokens := html.NewTokenizer(bytes.NewReader(action.ReplaceAll(source, nil)))
		for tokens.Next() != html.ErrorToken {
			token := tokens.Token()
			text := strings.TrimSpace(markup.ReplaceAllString(token.Data, ""))
			if token.Type == html.TextToken && word.MatchString(text) && !slices.Contains(sameEverywhere, text) {
				t.Errorf("%s: the text %q is not from the catalogue", name, text)
			}
			for _, a := range token.Attr {
				if slices.Contains(shown, a.Key) && word.MatchString(a.Val) {
					t.Errorf("%s: the text %s=%q is not from the catalogue", name, a.Key, a.Val)
				}
			}
		}
	}
}

// sameEverywhere are words of templates that no language has another word for.
var sameEverywhere = []string{"– Seraph", "Seraph", "NAT", "sip:", "<sip:>"}
