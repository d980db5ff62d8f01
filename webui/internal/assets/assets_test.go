package assets

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func load(t *testing.T) *Set {
	t.Helper()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestIcons: each is well-formed, hidden from screen readers and has nothing
// inline that the policy forbids.
func TestIcons(t *testing.T) {
	s := load(t)
	names, err := fs.Glob(files, "icons/*.svg")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".svg")
		icon, err := s.Icon(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(icon), `aria-hidden="true"`) || regexp.MustCompile(`\s(style|on\w+)=|<script|<style`).MatchString(string(icon)) {
			t.Errorf("%s: %s", name, icon)
		}
		for d := xml.NewDecoder(strings.NewReader(string(icon))); ; {
			_, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
	}
	if _, err := s.Icon("no-such"); err == nil {
		t.Error("an icon that there is not is found")
	}
}

// TestStyle: every property that the style sheet uses is defined in it, and it
// loads nothing.
func TestStyle(t *testing.T) {
	css := string(load(t).static["seraph.css"].content)
	defined := map[string]bool{}
	for _, m := range regexp.MustCompile(`(--[\w-]+)\s*:`).FindAllStringSubmatch(css, -1) {
		defined[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`var\((--[\w-]+)`).FindAllStringSubmatch(css, -1) {
		if !defined[m[1]] {
			t.Errorf("%s is not defined", m[1])
		}
	}
	if strings.Contains(css, "@import") || regexp.MustCompile(`url\((["']?)(https?:)?//`).MatchString(css) {
		t.Error("the style sheet loads from elsewhere")
	}
	if strings.Count(css, "{") != strings.Count(css, "}") {
		t.Error("the braces do not match")
	}
}

func TestFile(t *testing.T) {
	s := load(t)
	address, err := s.URL("seraph.css")
	if err != nil || !strings.HasPrefix(address, "/static/seraph.css?v=") {
		t.Fatal(address, err)
	}
	if _, err := s.URL("no.css"); err == nil {
		t.Error("a file that there is not has an address")
	}
	for _, c := range []struct {
		name, address, cache string
	}{
		{"with its version", address, "public, max-age=31536000, immutable"},
		{"with an old one", "/static/seraph.css?v=old", "no-cache"},
		{"without", "/static/seraph.css", "no-cache"},
	} {
		w := httptest.NewRecorder()
		if !s.File(w, httptest.NewRequest(http.MethodGet, c.address, nil), "seraph.css") || w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%s: status %d, %d bytes", c.name, w.Code, w.Body.Len())
		}
		if got := w.Header().Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: Cache-Control: %s, want %s", c.name, got, c.cache)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, address, nil)
	r.Header.Set("If-None-Match", `"`+strings.TrimPrefix(address, "/static/seraph.css?v=")+`"`)
	if s.File(w, r, "seraph.css"); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("unchanged: status %d, %d bytes", w.Code, w.Body.Len())
	}
	w = httptest.NewRecorder()
	if s.File(w, httptest.NewRequest(http.MethodHead, address, nil), "seraph.css"); w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: status %d, %d bytes", w.Code, w.Body.Len())
	}
	for _, name := range []string{"no.css", "../icons/book.svg", "", "licenses/README.md"} {
		if s.File(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/static/x", nil), name) {
			t.Errorf("%q is served", name)
		}
	}
}
