package view

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// English is the language in which every text is there, and what those get who
// ask for none that we have.
const English = "en"

// Language is one that the pages can be read in.
type Language struct {
	Tag     string // BCP 47: "de"
	Name    string // in the language itself: "Deutsch"
	Current bool   // it is the one of the page
}

// edition is every template in one language.
type edition struct {
	texts *Texts
	pages map[string]*template.Template // by file name without .html
	parts *template.Template            // what all pages share, and fragments
}

// translate makes the edition in another language: the same templates, with
// functions that speak it.
func (e *edition) translate(texts *Texts, funcs template.FuncMap) (*edition, error) {
	parts, err := e.parts.Clone()
	if err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	other := &edition{texts: texts, pages: make(map[string]*template.Template, len(e.pages)), parts: parts.Funcs(funcs)}
	for name, page := range e.pages {
		clone, err := page.Clone()
		if err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
		other.pages[name] = clone.Funcs(funcs)
	}
	return other, nil
}

// tags are the languages that there is a catalogue of, English first.
func tags() ([]string, error) {
	folders, err := fs.ReadDir(own, "texts")
	if err != nil {
		return nil, err
	}
	all := []string{English}
	for _, folder := range folders {
		if folder.IsDir() && folder.Name() != English {
			all = append(all, folder.Name())
		}
	}
	return all, nil
}

// matcher matches wishes to the languages of tags.
func matcher(known []string) language.Matcher {
	all := make([]language.Tag, 0, len(known))
	for _, tag := range known {
		all = append(all, language.Make(tag))
	}
	return language.NewMatcher(all)
}

// Languages are those that the pages can be read in, English first.
func (s *Set) Languages() []Language { return s.languages("") }

// languages marks the one of the page as current.
func (s *Set) languages(current string) []Language {
	all := make([]Language, 0, len(s.tags))
	for _, tag := range s.tags {
		all = append(all, Language{Tag: tag, Name: s.editions[tag].texts.Text(M("language.name")), Current: tag == current})
	}
	return all
}

// Match is the one of Languages that serves a BCP 47 tag ("de" for "de-AT"), ""
// if none does or if it is no tag.
func (s *Set) Match(tag string) string {
	if slices.Contains(s.tags, tag) {
		return tag
	}
	if tag == "" || len(tag) > maxTag {
		return ""
	}
	wanted, err := language.Parse(tag)
	if err != nil {
		return ""
	}
	return s.best(wanted)
}

// Limits of what others say about languages, in bytes.
const (
	maxTag    = 64
	maxAccept = 256
)

// Accept is the one of Languages that serves an Accept-Language header (RFC 9110
// §12.5.4) best; English if none does. Of a header longer than any browser's
// only the beginning is read.
func (s *Set) Accept(header string) string {
	if len(header) > maxAccept {
		header = header[:strings.LastIndexByte(header[:maxAccept], ',')+1]
	}
	wanted, _, err := language.ParseAcceptLanguage(strings.TrimRight(header, ", \t"))
	if err == nil {
		if tag := s.best(wanted...); tag != "" {
			return tag
		}
	}
	return English
}

// best is the language that serves the wishes best, "" if none does.
func (s *Set) best(wanted ...language.Tag) string {
	if len(wanted) == 0 {
		return ""
	}
	_, at, confidence := s.matcher.Match(wanted...)
	if confidence == language.No {
		return ""
	}
	return s.tags[at]
}

// of is the edition for the reader of a page: in the language of the frame, else
// in the one that the browser asks for. r may be nil.
func (s *Set) of(r *http.Request, f Frame) *edition {
	tag := f.Language
	if s.editions[tag] == nil && r != nil {
		tag = s.Accept(r.Header.Get("Accept-Language"))
	}
	return s.in(tag)
}

// in is the edition in the language that serves tag, else the English one.
func (s *Set) in(tag string) *edition {
	if e := s.editions[s.Match(tag)]; e != nil {
		return e
	}
	return s.editions[English]
}

// Texts is the catalogue in the language that serves a BCP 47 tag, a profile's
// for instance; the English one if none does or if tag is "".
func (s *Set) Texts(tag string) *Texts { return s.in(tag).texts }

// TextsFor is the catalogue in the language of the reader of a request's page.
func (s *Set) TextsFor(r *http.Request) *Texts { return s.of(r, Of(r)).texts }
