package view_test

import (
	"bytes"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"seraph/webui/internal/assets"
	"seraph/webui/internal/form"
	"seraph/webui/internal/view"
)

func options(t *testing.T, pages map[string]string) view.Options {
	t.Helper()
	files, err := assets.Load()
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{}
	for name, text := range pages {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	now := func() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }
	return view.Options{Assets: files, Pages: []fs.FS{folder}, Now: now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// TestPlantedFaultsAreFoundAtTheStart: not by the first reader.
func TestPlantedFaultsAreFoundAtTheStart(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"no main part", `{{define "mian"}}x{{end}}`, "page x does not define main"},
		{"no such part", `{{define "main"}}{{template "lost" .}}{{end}}`, `there is no part "lost"`},
		{"no such text", `{{define "main"}}{{if .Data}}{{t "no.such"}}{{end}}{{end}}`, `there is no text "no.such"`},
		{"no such text deep inside", `{{define "main"}}{{range .Data}}{{with .}}x{{else}}{{printf "%s" (t "no.such")}}{{end}}{{end}}{{end}}`, `there is no text "no.such"`},
		{"no such icon", `{{define "main"}}{{icon "no-such"}}{{end}}`, `no icon "no-such"`},
		{"no such file", `{{define "main"}}{{asset "no.css"}}{{end}}`, `no static file "no.css"`},
		{"field without a label", `{{define "main"}}{{template "field" (field .Data "no_such")}}{{end}}`, `there is no text "field.no_such"`},
		{"field with an unknown option", `{{define "main"}}{{template "field" (field .Data "email" "pattern=x")}}{{end}}`, `unknown option "pattern=x"`},
		{"no such hint", `{{define "main"}}{{template "select" (choice .Data "email" .Data "hint=no.such")}}{{end}}`, `there is no text "no.such"`},
		{"syntax", `{{define "main"}}{{if}}{{end}}{{end}}`, "missing value for if"},
		{"what cannot be escaped", `{{define "main"}}<a href="{{if .Data}}">{{end}}{{end}}`, "different contexts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := view.New(options(t, map[string]string{"x.html": c.page}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestTwoPagesOfOneName(t *testing.T) {
	_, err := view.New(options(t, map[string]string{"error.html": `{{define "main"}}x{{end}}`}))
	if err == nil || !strings.Contains(err.Error(), "two pages are named error") {
		t.Errorf("error %v", err)
	}
}

func show(t *testing.T, s *view.Set, f view.Frame, name string, p view.Page) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.Page(w, view.With(httptest.NewRequest(http.MethodGet, "/user/x", nil), f), http.StatusOK, name, p)
	return w
}

func TestPageEscapes(t *testing.T) {
	s, err := view.New(options(t, map[string]string{"x.html": `{{define "main"}}<h1>{{msg .Title}}</h1><p title="{{.Data}}">{{.Data}}</p>{{end}}`}))
	if err != nil {
		t.Fatal(err)
	}
	const hostile = `"><script>alert(1)</script>`
	frame := view.Frame{Name: hostile, Address: "alice@example.org", Domain: hostile, Path: hostile, CSRF: hostile,
		TakeNote: func(http.ResponseWriter) *view.Note {
			return &view.Note{Msg: view.M("phones.removed", hostile), UndoPath: "/user/x", Undo: map[string]string{hostile: hostile}}
		}}
	body := show(t, s, frame, "x", view.Page{Title: view.M(hostile), Data: hostile}).Body.String()
	if strings.Contains(body, "<script>") || strings.Contains(body, `""><`) {
		t.Errorf("markup came through:\n%s", body)
	}
	if !strings.Contains(body, "is removed.") || !strings.Contains(body, `action="/user/x"`) {
		t.Errorf("the note is missing:\n%s", body)
	}
}

// TestNoHalfPage: a template that fails in the middle leaves an error, and its reason in the log.
func TestNoHalfPage(t *testing.T) {
	o := options(t, map[string]string{"x.html": `{{define "main"}}<p>first half</p>{{.Data.Lost}}{{end}}`})
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := view.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x", "no-such-page"} {
		w := show(t, s, view.Frame{}, name, view.Page{Title: view.M("signin.title"), Data: struct{ Found string }{}})
		if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "first half") || strings.Contains(w.Body.String(), "Lost") {
			t.Errorf("%s: status %d, body %q", name, w.Code, w.Body)
		}
	}
	if !strings.Contains(log.String(), "Lost") || !strings.Contains(log.String(), "no-such-page") {
		t.Errorf("the log lacks a reason:\n%s", &log)
	}
}

func TestErrorPages(t *testing.T) {
	s, err := view.New(options(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int]string{
		400: "That form could not be read", 403: "did not come from our page", 404: "There is no such page", 405: "cannot be done here",
		413: "too much", 500: "Something went wrong", 503: "The database is away", 418: "Something went wrong",
	} {
		w := httptest.NewRecorder()
		s.Error(w, httptest.NewRequest(http.MethodGet, "/", nil), status)
		if w.Code != status || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d: status %d, body:\n%s", status, w.Code, w.Body)
		}
	}
}

func TestFields(t *testing.T) {
	s, err := view.New(options(t, map[string]string{
		"_x.html": `{{define "x"}}{{template "field" (field .Data.Form "email" "type=email" "autocomplete=email" "maxlength=254" "hint=security.hint" "required")}}` +
			`{{template "field" (field .Data.Form "password" "type=password" "label=signin.password")}}` +
			`{{template "checkbox" (field .Data.Form "findable")}}{{template "select" (choice .Data.Form "presence" .Data.Options)}}{{end}}`,
		"x.html": `{{define "main"}}{{template "x" .}}{{end}}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	f := form.New("email", `a"<b>`, "password", "secret", "findable", "on", "presence", "two")
	f.Fail("email", "form.long", "254")
	body, err := s.HTML(view.Frame{}, "x", struct {
		Form    *form.Form
		Options []view.Option
	}{f, []view.Option{{Value: "one", Label: "One"}, {Value: "two", Label: "Two"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<label for="f-email">E-mail</label>`,
		`<input id="f-email" name="email" type="email" value="a&#34;&lt;b&gt;" autocomplete="email" maxlength="254" required aria-describedby="f-email-hint f-email-error" aria-invalid="true">`,
		`<p class="hint" id="f-email-hint">At least 8 characters.</p>`,
		`<p class="error" id="f-email-error">At most 254 characters.</p>`,
		`type="checkbox" value="on" checked>`,
		`<option value="one">One</option>`,
		`<option value="two" selected>Two</option>`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%s is missing in\n%s", want, body)
		}
	}
	if strings.Contains(string(body), "secret") {
		t.Errorf("the password is sent back:\n%s", body)
	}
}

func TestEveryStatusHasWordAndShape(t *testing.T) {
	s, err := view.New(options(t, map[string]string{"_x.html": `{{define "x"}}{{range .Data}}{{template "status" (status .)}}{{end}}{{end}}`}))
	if err != nil {
		t.Fatal(err)
	}
	body, err := s.HTML(view.Frame{}, "x", []string{"online", "busy", "offline", "non-local", "unknown", "nonsense"})
	if err != nil {
		t.Fatal(err)
	}
	for word, n := range map[string]int{">on line<": 1, ">on the phone<": 1, ">offline<": 1, ">non-local<": 1, ">unknown<": 2, "<svg ": 6} {
		if got := strings.Count(string(body), word); got != n {
			t.Errorf("%s is there %d times, want %d", word, got, n)
		}
	}
}

// TestPageInTheReadersLanguage: all of a page, a fragment and a piece for the
// live feed: texts, labels, times, and what the document says of itself.
func TestPageInTheReadersLanguage(t *testing.T) {
	s, err := view.New(options(t, map[string]string{
		"_x.html": `{{define "x"}}<p>{{template "time" (time .Data.At .Now)}} {{template "status" (status "busy")}} {{count "phones.some" 1}}</p>` +
			`{{template "field" (field .Data.Form "email" "hint=security.hint")}}{{end}}`,
		"x.html": `{{define "main"}}<h1>{{msg .Title}}</h1>{{template "x" .}}{{end}}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	type data struct {
		At   time.Time
		Form *form.Form
	}
	shown := data{time.Date(2026, 11, 19, 9, 30, 0, 0, time.UTC), form.New()}
	shown.Form.Fail("email", "form.long", "254")
	ask := func(language, accept string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/user/x", nil)
		r.Header.Set("Accept-Language", accept)
		return view.With(r, view.Frame{Language: language, CSRF: "c"})
	}
	german := []string{"gestern 09:30", ">am Telefon<", "Ein Telefon ist angemeldet.", "Mindestens 8 Zeichen.", "Höchstens 254 Zeichen.", ">E-Mail<"}
	english := []string{"yesterday 09:30", ">on the phone<", "One phone is registered.", "At least 8 characters.", "At most 254 characters.", ">E-mail<"}
	for _, c := range []struct {
		name, language, accept string
		want                   []string
		lang, title            string
	}{
		{"the frame's", "de", "en", german, "de", "Telefonbuch"},
		{"the frame's, English", "en", "de", english, "en", "Phone book"},
		{"the browser's", "", "de-AT, en;q=0.5", german, "de", "Telefonbuch"},
		{"nobody's", "", "", english, "en", "Phone book"},
		{"one that we do not have", "fr", "", english, "en", "Phone book"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := httptest.NewRecorder()
			s.Page(page, ask(c.language, c.accept), http.StatusOK, "x", view.Page{Title: view.M("phonebook.title"), Data: shown})
			lookFor(t, page.Body.String(), append(c.want, `<html lang="`+c.lang+`"`, "<title>"+c.title+" – Seraph</title>", "<h1>"+c.title+"</h1>",
				`value="de" lang="de" aria-pressed="`+strconv.FormatBool(c.lang == "de")+`">Deutsch<`, `lang="en" aria-pressed="`+strconv.FormatBool(c.lang == "en")+`">English<`)...)
			if got := page.Header().Get("Content-Language"); got != c.lang {
				t.Errorf("Content-Language: %s", got)
			}
			fragment := httptest.NewRecorder()
			s.Fragment(fragment, ask(c.language, c.accept), http.StatusOK, "x", shown)
			lookFor(t, fragment.Body.String(), c.want...)
		})
	}
	for language, want := range map[string][]string{"de": german, "en": english, "": english} {
		piece, err := s.HTML(view.Frame{Language: language}, "x", shown)
		if err != nil {
			t.Fatal(err)
		}
		lookFor(t, string(piece), want...)
	}
}

func lookFor(t *testing.T, body string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in\n%s", want, body)
		}
	}
}
