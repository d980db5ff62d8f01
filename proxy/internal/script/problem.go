package script

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is one thing that is wrong with a script, and where.
type Problem struct {
	File         string
	Line, Column int    // from 1; a column is a byte, a tab counts as one
	Message      string // what is wrong, and what would be right
	Caret        string // the line as written, passwords masked, and under it a ^ below the column
}

// Error returns "file:line:column: message", and below it the line and the caret.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if p.Caret == "" {
		return s
	}
	return s + "\n    " + strings.ReplaceAll(p.Caret, "\n", "\n    ")
}

const (
	// maxProblems bounds the report of one run.
	maxProblems = 100
	// maxShown is the longest piece of a line that a problem shows, in bytes.
	maxShown = 160
)

// Pos is a place in a file, from line 1 and column 1.
type Pos struct{ Line, Column int }

// report collects the problems of one file.
type report struct {
	file  string
	lines []string
	found []Problem
	full  bool
	hide  hider
}

func newReport(file, text string) *report {
	return &report{file: file, lines: strings.Split(text, "\n")}
}

// add notes a problem; the same one at the same place counts once.
func (r *report) add(at Pos, format string, args ...any) {
	p := Problem{File: r.file, Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)}
	if slices.Contains(r.found, p) {
		return
	}
	if len(r.found) >= maxProblems {
		r.full = true
		return
	}
	r.found = append(r.found, p)
}

// problems returns what was found in the order of the lines, with carets.
func (r *report) problems() []Problem {
	slices.SortStableFunc(r.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for i := range r.found {
		r.found[i].Caret = r.caret(r.found[i].Line, r.found[i].Column)
	}
	if r.full {
		r.found = append(r.found, Problem{File: r.file, Line: len(r.lines), Column: 1,
			Message: fmt.Sprintf("over %d problems; the others are not shown", maxProblems)})
	}
	return r.found
}

// caret returns the line with the mark under it. Of a long line it shows the
// part around the column.
func (r *report) caret(line, column int) string {
	if line < 1 || line > len(r.lines) {
		return ""
	}
	text, at := r.hide.mask(r.lines[line-1], column-1)
	text = strings.TrimRight(text, "\r")
	at = min(at, len(text))
	if len(text) > maxShown {
		from := max(0, min(at-maxShown/2, len(text)-maxShown))
		text, at = text[from:from+maxShown], at-from
	}
	var mark strings.Builder
	for _, c := range text[:at] {
		if c == '\t' {
			mark.WriteByte('\t')
		} else {
			mark.WriteByte(' ')
		}
	}
	mark.WriteByte('^')
	return printable(text) + "\n" + mark.String()
}

// printable replaces what would disturb a terminal or a page by question marks.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if c == utf8.RuneError || c < ' ' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			return '?'
		}
		return c
	}, s)
}

// quoted is a word of the script in a message.
func quoted(s string) string {
	const longest = 60
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "?"))
}
