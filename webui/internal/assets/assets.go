// Package assets holds what browsers load beside the pages: the style sheet,
// the scripts and the icons, all embedded in the program.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static icons licenses
var files embed.FS

// Prefix is the path below which the files are served.
const Prefix = "/static/"

// file is one static file as it is sent.
type file struct {
	content     []byte
	contentType string
	version     string // the first 12 hex digits of the content's SHA-256
}

// Set is the loaded assets. It is immutable, and so safe for concurrent use.
type Set struct {
	static map[string]file
	icons  map[string]template.HTML
}

// Load reads the embedded files.
func Load() (*Set, error) {
	s := &Set{static: make(map[string]file), icons: make(map[string]template.HTML)}
	err := each("static", func(name string, content []byte) {
		sum := sha256.Sum256(content)
		s.static[name] = file{content, typeOf(name), hex.EncodeToString(sum[:6])}
	})
	if err != nil {
		return nil, err
	}
	err = each("icons", func(name string, content []byte) {
		// Our own embedded drawings, no text of anybody's.
		svg := strings.Replace(strings.TrimSpace(string(content)), "<svg ", `<svg class="icon" aria-hidden="true" focusable="false" `, 1)
		s.icons[strings.TrimSuffix(name, ".svg")] = template.HTML(svg)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func each(folder string, do func(name string, content []byte)) error {
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		content, err := files.ReadFile(path.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		do(entry.Name(), content)
	}
	return nil
}

func typeOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// URL returns the path of a static file with its version, which changes with
// the content, so that browsers may keep it for good. An unknown name is an
// error.
func (s *Set) URL(name string) (string, error) {
	f, ok := s.static[name]
	if !ok {
		return "", fmt.Errorf("no static file %q", name)
	}
	return Prefix + name + "?v=" + f.version, nil
}

// Icon returns an icon as an svg element that is hidden from screen readers.
// An unknown name is an error.
func (s *Set) Icon(name string) (template.HTML, error) {
	icon, ok := s.icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return icon, nil
}

// File writes a static file. It reports false, having written nothing, if
// there is none of that name. A request that names the current version may
// keep the answer for a year; any other has to ask again.
func (s *Set) File(w http.ResponseWriter, r *http.Request, name string) bool {
	f, ok := s.static[name]
	if !ok {
		return false
	}
	etag := `"` + f.version + `"`
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", etag)
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Length", strconv.Itoa(len(f.content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.content) // an error means that the browser has gone
	}
	return true
}
