package script

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// include goes on with another file. Its path is relative to the file that names it.
// A file that is not there is no problem for import_file.
func (d *reader) include(word, path string, at Pos) {
	from, depth := "", 0
	for _, f := range d.stack {
		if f.def == nil {
			from = f.path
			depth++
		}
	}
	if path == "" {
		d.report.add(at, "%s wants the path of a file", word)
		return
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	switch {
	case d.report.guarded && !filepath.IsAbs(path):
		d.report.add(at, "%s is relative to nothing: the script has no folder", quoted(path))
		return
	case d.read == nil:
		d.report.add(at, "files cannot be included here")
		return
	case depth > maxIncludes:
		d.report.add(at, "files include each other more than %d deep", maxIncludes)
		return
	case len(d.report.files) > maxFiles:
		d.report.add(at, "a script has at most %d files", maxFiles)
		return
	}
	for _, f := range d.stack {
		if f.def == nil && f.path == path {
			d.report.add(at, "%s includes itself", quoted(path))
			return
		}
	}
	text, err := d.read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && word == "import_file":
		return
	case err != nil:
		d.report.add(at, "cannot be read: %v", err)
		return
	}
	if d.bytes += len(text); len(text) > MaxSize || d.bytes > maxSource {
		d.report.add(at, "%s is too large: a file has at most %d bytes, a script %d", quoted(path), MaxSize, maxSource)
		return
	}
	src := d.report.open(path, string(text))
	d.stack = append(d.stack, &frame{lexer: newLexer(src, string(text)), path: path})
}
