// Package view makes pages: the layout around every page, the parts that pages
// share, the texts, and how times look. README.md says how a page is added.
package view

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"golang.org/x/text/language"

	"seraph/webui/internal/assets"
)

//go:embed templates/*.html texts
var own embed.FS

// Options of New. All are needed.
type Options struct {
	Assets *assets.Set
	// Pages are the folders with the pages' templates.
	Pages []fs.FS
	// Now is the clock for what is said relative to the present ("today 14:05").
	Now func() time.Time
	Log *slog.Logger
}

// Set is every template, parsed and checked. It is immutable, and so safe for
// concurrent use.
type Set struct {
	tags     []string            // of the languages, English first
	editions map[string]*edition // by tag
	matcher  language.Matcher    // of tags
	now      func() time.Time
	log      *slog.Logger
}

// Page is what the layout needs to know of a page.
type Page struct {
	// Title is the h1, and with " – Seraph" the title of the document.
	Title Msg
	// Tab is the name of the tab that the page belongs to: "phone-book",
	// "missed", "calls", "messages", "account", or ""; "search" for the search's own page.
	Tab string
	// Data is what the page's own template shows.
	Data any
}

// Dot is the dot of every template that is executed as a page or fragment.
type Dot struct {
	Page
	Frame Frame
	Note  *Note
	// Badges are the numbers on the tabs; a fragment has none.
	Badges Badges
	// Now is the present, in the reader's time zone.
	Now time.Time
}

// New parses all templates, the own ones first. It fails if one does not
// parse, if a page lacks its main part, or if a name that a template mentions
// (a part, a text, an icon, a static file) does not exist.
func New(o Options) (*Set, error) {
	tags, err := tags()
	if err != nil {
		return nil, err
	}
	s := &Set{tags: tags, editions: make(map[string]*edition), matcher: matcher(tags), now: o.Now, log: o.Log}
	texts, err := loadTexts(English, nil)
	if err != nil {
		return nil, err
	}
	first, err := newEdition(o, texts, s.funcs(o.Assets, texts))
	if err != nil {
		return nil, err
	}
	s.editions[English] = first
	for _, tag := range tags[1:] {
		translated, err := loadTexts(tag, texts)
		if err != nil {
			return nil, err
		}
		if s.editions[tag], err = first.translate(translated, s.funcs(o.Assets, translated)); err != nil {
			return nil, err
		}
	}
	return s, first.check(o.Assets)
}

// newEdition parses all templates.
func newEdition(o Options, texts *Texts, funcs template.FuncMap) (*edition, error) {
	base := template.New("").Funcs(funcs).Option("missingkey=error")
	templates, err := fs.Sub(own, "templates")
	if err != nil {
		return nil, err
	}
	sources, err := readAll(append([]fs.FS{templates}, o.Pages...))
	if err != nil {
		return nil, err
	}
	e := &edition{texts: texts, pages: make(map[string]*template.Template), parts: base}
	for _, src := range sources {
		if src.shared() {
			if _, err := base.New(src.name).Parse(src.text); err != nil {
				return nil, fmt.Errorf("template: %w", err)
			}
		}
	}
	for _, src := range sources {
		if src.shared() {
			continue
		}
		if err := e.addPage(src); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *edition) addPage(src source) error {
	name := strings.TrimSuffix(src.name, ".html")
	if e.pages[name] != nil {
		return fmt.Errorf("template: two pages are named %s", name)
	}
	page, err := e.parts.Clone()
	if err != nil {
		return fmt.Errorf("template %s: %w", src.name, err)
	}
	if _, err := page.New(src.name).Parse(src.text); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	e.pages[name] = page
	return nil
}

// source is a template file.
type source struct{ name, text string }

// shared reports whether the file holds parts for all pages: its name begins
// with an underscore.
func (s source) shared() bool { return strings.HasPrefix(s.name, "_") }

func readAll(folders []fs.FS) ([]source, error) {
	var all []source
	for _, folder := range folders {
		names, err := fs.Glob(folder, "*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := fs.ReadFile(folder, name)
			if err != nil {
				return nil, err
			}
			all = append(all, source{path.Base(name), string(text)})
		}
	}
	return all, nil
}

// Page writes a whole page with the frame of the request.
func (s *Set) Page(w http.ResponseWriter, r *http.Request, status int, name string, p Page) {
	frame := Of(r)
	in := s.of(r, frame)
	page, ok := in.pages[name]
	if !ok {
		s.broken(w, r, name, errors.New("there is no such page"))
		return
	}
	dot := Dot{Page: p, Frame: frame, Now: s.now().In(frame.zone())}
	if frame.TakeNote != nil {
		dot.Note = frame.TakeNote(w)
	}
	if frame.Badges != nil {
		dot.Badges = frame.Badges()
	}
	s.write(w, r, in, page, status, "layout", dot)
}

// Fragment writes one shared part, for a request that replaces a piece of a page.
func (s *Set) Fragment(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	frame := Of(r)
	in := s.of(r, frame)
	s.write(w, r, in, in.parts, status, name, Dot{Page: Page{Data: data}, Frame: frame, Now: s.now().In(frame.zone())})
}

// HTML returns one shared part as text, for a live feed, in the frame's language.
func (s *Set) HTML(f Frame, name string, data any) ([]byte, error) {
	var out bytes.Buffer
	err := s.of(nil, f).parts.ExecuteTemplate(&out, name, Dot{Page: Page{Data: data}, Frame: f, Now: s.now().In(f.zone())})
	return out.Bytes(), err
}

// write executes a template and only then answers, so that no half page leaves.
func (s *Set) write(w http.ResponseWriter, r *http.Request, in *edition, t *template.Template, status int, name string, dot Dot) {
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, dot); err != nil {
		s.broken(w, r, name, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", in.texts.language)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = out.WriteTo(w) // an error means that the browser has gone
	}
}

// broken answers when a template fails: a fault of ours, whose reason is in the log only.
func (s *Set) broken(w http.ResponseWriter, r *http.Request, name string, err error) {
	s.log.Error("page not made", "template", name, "path", r.URL.Path, "error", err)
	http.Error(w, s.TextsFor(r).Text(M("error.500.title")), http.StatusInternalServerError)
}

// Error writes the page for an error status: 400, 403, 404, 405, 413, 500, 503.
// Another status is shown as 500's page.
func (s *Set) Error(w http.ResponseWriter, r *http.Request, status int) {
	kind := fmt.Sprintf("error.%d", status)
	if !s.Texts(English).Has(kind + ".title") {
		kind = "error.500"
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	s.Page(w, r, status, "error", Page{Title: M(kind + ".title"), Data: M(kind + ".text")})
}
