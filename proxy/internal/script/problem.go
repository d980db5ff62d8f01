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
	Kind         string // Warning or Note; "" for what is wrong
}

// Error returns "file:line:column: message", a kind before the message, and below it the
// line and the caret.
func (p Problem) Error() string {
	s := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Kind != "" {
		s += p.Kind + ": "
	}
	s += p.Message
	if p.Caret == "" {
		return s
	}
	return s + "\n    " + strings.ReplaceAll(p.Caret, "\n", "\n    ")
}

const (
	// maxProblems bounds the report of one run, in memory: each may take a kilobyte, and a
	// kilobyte of substdefs makes a million wrong words. No script that somebody wrote has so
	// many.
	maxProblems = 20000
	// maxOnLine bounds the problems of one line, each of which shows a part of it.
	maxOnLine = 100
	// maxHints bounds the problems that come with the nearest known name, for which hundreds
	// are compared.
	maxHints = 1000
	// maxMessage is the longest message of a problem, in bytes. Of one that is longer, as it
	// repeats what stands in the script, the middle is left out.
	maxMessage = 400
	// maxShown is the longest piece of a line that a problem shows, in bytes.
	maxShown = 160
)

// Pos is a place in a file, from line 1 and column 1.
type Pos struct {
	Line, Column int
	file         *source
}

// source is a file of the script: the one that was named, or one that it includes.
type source struct {
	name  string
	order int // in which it was first read, from 0
	lines []string
	// known says that a route, a loadmodule or a modparam was read in it, so that it is
	// a script and no other file whose text is nobody's business.
	known bool
}

// found is a problem and its place.
type found struct {
	at      Pos
	message string
	kind    string
}

// report collects the problems of a script.
type report struct {
	files []*source
	found []found
	// remarks are what is no problem.
	remarks []found
	seen    map[found]bool // the same
	lines   map[Pos]int    // how many a line has, by its first column
	full    bool
	hide    hider
	// guarded keeps to itself what stands in files that are no scripts.
	guarded bool
	veiled  map[Pos]bool // lines that are not shown, by their first column
	// silenced are lines that nothing is said of, by their first column.
	silenced map[Pos]bool
}

func newReport(name, text string) *report {
	r := &report{}
	r.open(name, text)
	return r
}

// open enters a file.
func (r *report) open(name, text string) *source {
	s := &source{name: name, order: len(r.files), lines: strings.Split(text, "\n")}
	r.files = append(r.files, s)
	return s
}

// start is the begin of the script.
func (r *report) start() Pos { return Pos{1, 1, r.files[0]} }

// finding is a message and its place.
func (r *report) finding(kind string, at Pos, format string, args ...any) found {
	if at.file == nil {
		at.file = r.files[0]
	}
	return found{at, shortened(fmt.Sprintf(format, args...)), kind}
}

// add notes a problem; the same one at the same place counts once.
func (r *report) add(at Pos, format string, args ...any) {
	if at.file == nil {
		at.file = r.files[0]
	}
	if r.full || r.silenced[Pos{at.Line, 1, at.file}] {
		return
	}
	p := r.finding("", at, format, args...)
	if r.seen[p] {
		return
	}
	line := Pos{at.Line, 1, at.file}
	if r.lines[line] > maxOnLine {
		return
	}
	if len(r.found) >= maxProblems {
		r.full = true
		return
	}
	if r.seen == nil {
		r.seen, r.lines = map[found]bool{}, map[Pos]int{}
	}
	if r.lines[line]++; r.lines[line] > maxOnLine {
		p.message = fmt.Sprintf("over %d problems in this line; the others are not shown", maxOnLine)
	}
	r.seen[p] = true
	r.found = append(r.found, p)
}

// veil keeps a line out of what problems show.
func (r *report) veil(at Pos) {
	if r.veiled == nil {
		r.veiled = map[Pos]bool{}
	}
	at.Column = 1
	r.veiled[at] = true
}

// silence keeps to itself the lines after at up to the one that has the quote: the rest of a
// text that was to go on over the end of its line, perhaps of a password. What would be said
// of them as statements would tell it. A line that begins a statement ends that: there the
// quote was forgotten.
func (r *report) silence(at Pos, quote string) {
	if at.file == nil {
		at.file = r.files[0]
	}
	if r.silenced == nil {
		r.silenced = map[Pos]bool{}
	}
	if strings.Contains(at.file.lines[at.Line-1], "://") {
		r.veil(at) // a password that has no end here
	}
	for line := at.Line + 1; line <= len(at.file.lines) && !beginsStatement(at.file.lines[line-1]); line++ {
		r.silenced[Pos{line, 1, at.file}] = true
		r.veil(Pos{line, 1, at.file})
		if strings.Contains(at.file.lines[line-1], quote) {
			return
		}
	}
}

// beginsStatement reports whether a line has the first word of a statement outside the routes.
func beginsStatement(line string) bool {
	word := strings.TrimLeft(line, " \t")
	end := strings.IndexFunc(word, func(c rune) bool { return c > 0x7f || !isWordByte(byte(c)) })
	return end > 0 && slices.Contains(topWords, word[:end])
}

// problems returns what was found in the order of the files and lines, with carets.
func (r *report) problems() []Problem {
	list := r.listed(r.found)
	if r.full {
		list = append(list, Problem{File: r.files[0].name, Line: len(r.files[0].lines), Column: 1,
			Message: fmt.Sprintf("over %d problems; the others are not shown", maxProblems)})
	}
	return list
}

// listed are findings in the order of the files and lines, with carets.
func (r *report) listed(all []found) []Problem {
	slices.SortStableFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.at.file.order, b.at.file.order), cmp.Compare(a.at.Line, b.at.Line), cmp.Compare(a.at.Column, b.at.Column))
	})
	var list []Problem
	hidden := map[*source]bool{}
	for _, f := range all {
		if r.guarded && !f.at.file.known {
			if !hidden[f.at.file] {
				list = append(list, Problem{File: f.at.file.name, Line: 1, Column: 1, Message: "this is no routing script: nothing of it is shown", Kind: f.kind})
			}
			hidden[f.at.file] = true
			continue
		}
		list = append(list, Problem{f.at.file.name, f.at.Line, f.at.Column, f.message, r.caret(f.at), f.kind})
	}
	return list
}

// caret returns the line with the mark under it. Of a long line it shows the
// part around the column.
func (r *report) caret(p Pos) string {
	lines := p.file.lines
	if p.Line < 1 || p.Line > len(lines) || r.veiled[Pos{p.Line, 1, p.file}] {
		return ""
	}
	text, at := r.hide.mask(lines[p.Line-1], p.Column-1)
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

// shortened leaves out the middle of a message that is too long.
func shortened(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	const part = (maxMessage - len("…")) / 2
	return strings.ToValidUTF8(s[:part], "") + "…" + strings.ToValidUTF8(s[len(s)-part:], "")
}

// quoted is a word of the script in a message.
func quoted(s string) string {
	const longest = 60
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return fmt.Sprintf("%q", strings.ToValidUTF8(s, "?"))
}
