package script

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// directives of Kamailio's preprocessor.
var directives = []string{
	"define", "trydef", "redefine", "undef", "ifdef", "ifndef", "else", "endif",
	"subst", "substdef", "include_file", "import_file",
}

// otherDirectives are Kamailio's that are not supported.
var otherDirectives = []string{"ifexp", "defexp", "defexps", "defenv", "defenvs", "trydefenv", "trydefenvs", "substdefs", "redefexp"}

// directive reads a line of the preprocessor as one token: its text is what follows
// "#!". Other comments, "#!KAMAILIO" among them, are none.
func (l *lexer) directive(t *token, line string) bool {
	if !strings.HasPrefix(line, "#!") {
		return false
	}
	word := line[2:]
	if i := strings.IndexFunc(word, func(c rune) bool { return c > 0x7f || !isLetter(byte(c)) }); i >= 0 {
		word = word[:i]
	}
	known := slices.Contains(directives, word) || slices.Contains(otherDirectives, word)
	if !known && (strings.TrimSpace(l.src[l.start:l.at]) != "" || word == "" || module.Nearest(word, directives) == "" || strings.HasPrefix(line[2+len(word):], "/")) {
		return false
	}
	t.kind, t.pos, t.width = tDirective, l.pos(), 2+len(word)
	from := l.at + 2
	l.toLineEnd()
	// A backslash at the end goes on with the next line.
	for l.at < len(l.src) && strings.HasSuffix(strings.TrimRight(l.src[from:l.at], "\r"), `\`) {
		l.step()
		l.toLineEnd()
	}
	t.text = l.src[from:l.at]
	return true
}

// define is a word that stands for a text.
type define struct {
	value string
	at    Pos
	busy  bool // its own text is being read, where it stands for itself
	given bool // by the command line
}

// subst is a replacement in texts.
type subst struct {
	re   *regexp.Regexp
	with string
	all  bool
}

// cond is an open #!ifdef.
type cond struct {
	at     Pos
	passed bool // #!else has come
}

const (
	maxIncludes = 10   // files, one within the other
	maxFiles    = 100  // files in all
	maxDefines  = 1000 // words
	maxSubsts   = 100  // replacements
	maxSubst    = 256  // bytes of what one puts in

	maxSubstText = 64 << 10 // bytes of a text in which something is replaced
	maxTokens    = 1 << 20  // what a script may come to when all is put in its place
	maxSource    = 4 << 20  // bytes of all files
)

// frame is a text that is being read: a file, or what a word stands for.
type frame struct {
	lexer
	def   *define // nil for a file
	use   token   // the word, where it stood
	first bool    // of a define: nothing was read of it yet
	path  string  // of a file
	conds []cond
}

// reader yields the tokens of a script with its includes and defines in place.
type reader struct {
	report *report
	read   func(path string) ([]byte, error)
	stack  []*frame
	defs   map[string]*define
	substs []subst
	tokens int
	bytes  int
	// foreign says that something was there that SER 0.9 does not know.
	foreign bool
}

func newReader(path, text string, r *report, read func(string) ([]byte, error)) *reader {
	d := &reader{report: r, read: read, defs: map[string]*define{}, bytes: len(text)}
	d.stack = []*frame{{lexer: newLexer(r.files[0], text), path: path}}
	return d
}

// defineAll defines what the command line does.
func (d *reader) defineAll(list []string) {
	for _, text := range list {
		d.defineLine("define", text, d.report.start())
		if name, _, _ := defineName(text); d.defs[name] != nil {
			d.defs[name].given = true
		}
	}
}

// CheckDefine says what is wrong with one of Options.Defines.
func CheckDefine(text string) error {
	name, value, ok := defineName(text)
	switch {
	case !ok || strings.ContainsAny(text, "\n\r"):
		return fmt.Errorf("%q is not of the form NAME or NAME=VALUE", text)
	case openQuote(strings.TrimPrefix(value, "=")) != "":
		return fmt.Errorf("the text of %s lacks its closing quote", name)
	}
	return nil
}

func (d *reader) top() *frame { return d.stack[len(d.stack)-1] }

// next returns the next token.
func (d *reader) next() token {
	for {
		f := d.top()
		t := f.next()
		d.foreign = d.foreign || f.marked || t.isForeign()
		switch t.kind {
		case tEOF:
			if len(d.stack) == 1 {
				d.unclosed(f)
				return t
			}
			d.pop()
			continue
		case tDirective:
			if f.def == nil {
				d.direct(f, t)
			}
			continue
		}
		if d.tokens++; d.tokens > maxTokens {
			if d.tokens == maxTokens+1 {
				d.report.add(t.pos, "the script comes to more than %d words", maxTokens)
			}
			d.stack = d.stack[:1]
			f = d.stack[0]
			f.at = len(f.src)
			continue
		}
		if f.def != nil {
			// What a word stands for is where the word is.
			t.pos, t.width = f.use.pos, f.use.width
			if f.first {
				t.glued, f.first = f.use.glued, false
			}
		}
		if d.expand(f, &t) {
			continue
		}
		if t.kind == tString {
			t.text = d.substitute(t.text)
		}
		return t
	}
}

func (d *reader) pop() {
	f := d.top()
	if f.def != nil {
		f.def.busy = false
	} else {
		d.unclosed(f)
	}
	d.stack = d.stack[:len(d.stack)-1]
}

// unclosed reports what #!endif is missing for.
func (d *reader) unclosed(f *frame) {
	for _, c := range f.conds {
		d.report.add(c.at, "this lacks its #!endif")
	}
	f.conds = nil
}

// expand puts the text of a define, or a file, in the place of a word.
func (d *reader) expand(f *frame, t *token) bool {
	if t.kind != tWord {
		return false
	}
	if t.text == "include_file" || t.text == "import_file" {
		l := f.lexer
		name := l.next()
		if name.kind != tString {
			return false // the parser says what is missing
		}
		f.lexer = l
		d.foreign = true
		name.pos.file = t.pos.file
		d.include(t.text, name.text, name.pos)
		return true
	}
	def := d.defs[t.text]
	if def == nil || def.busy || def.value == "" {
		return false
	}
	def.busy = true
	d.stack = append(d.stack, &frame{lexer: newLexer(t.pos.file, def.value), def: def, use: *t, first: true})
	return true
}

// define enters a word, as for a module that is loaded: MOD_tm.
func (d *reader) define(name string, at Pos) {
	if d.defs[name] == nil && len(d.defs) < maxDefines {
		d.defs[name] = &define{at: at}
	}
}

// direct does what a directive says.
func (d *reader) direct(f *frame, t token) {
	word, rest, _ := strings.Cut(strings.TrimRight(t.text, "\r"), " ")
	if i := strings.IndexByte(word, '\t'); i >= 0 {
		word, rest = word[:i], word[i+1:]+" "+rest
	}
	rest = strings.TrimSpace(rest)
	switch word {
	case "define", "trydef", "redefine", "undef":
		d.defineLine(word, rest, t.pos)
	case "ifdef", "ifndef":
		d.condition(f, word, rest, t.pos)
	case "else", "endif":
		d.alternate(f, word, t.pos)
	case "subst", "substdef":
		d.substLine(word, rest, t.pos)
	case "include_file", "import_file":
		inner := newLexer(f.file, rest)
		name := inner.next()
		if name.kind != tString {
			d.report.add(t.pos, "#!%s wants the path of a file in quotes", word)
			return
		}
		d.include(word, name.text, t.pos)
	default:
		if slices.Contains(otherDirectives, word) {
			d.report.add(t.pos, "#!%s is not supported", word)
			return
		}
		d.report.add(t.pos, "there is no directive %s (did you mean #!%s?)", quoted("#!"+word), module.Nearest(word, directives))
	}
}

// defineName takes the word off a line.
func defineName(line string) (name, rest string, ok bool) {
	i := 0
	for i < len(line) && isWordByte(line[i]) {
		i++
	}
	name, rest = line[:i], line[i:]
	return name, strings.TrimSpace(rest), name != "" && isLetter(name[0]) && (rest == "" || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '#' || rest[0] == '=')
}

func (d *reader) defineLine(word, line string, at Pos) {
	name, value, ok := defineName(line)
	value = strings.TrimPrefix(value, "=")
	if !ok {
		d.report.add(at, "#!%s wants a word: #!define WITH_NAT", word)
		return
	}
	if quote := openQuote(value); quote != "" && word != "undef" {
		d.report.add(at, "#!%s: the text lacks its closing %s", word, quote)
		d.report.silence(at, quote)
		return
	}
	old := d.defs[name]
	switch {
	case word == "undef":
		delete(d.defs, name)
		return
	case old != nil && word == "trydef":
		return
	case old != nil && word == "define" && old.value != joined(value):
		where := "at " + place(old.at, at)
		if old.given {
			where = "on the command line (-A)"
		}
		d.report.add(at, "%s is defined already, %s; #!redefine changes it, #!trydef leaves it", name, where)
		return
	case len(d.defs) >= maxDefines:
		d.report.add(at, "a script has at most %d defines", maxDefines)
		return
	}
	d.defs[name] = &define{value: joined(value), at: at}
}

// openQuote is the quote that a text begins with, if it does not end there again.
func openQuote(text string) string {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '"' && text[0] != '\'' || strings.Contains(text[1:], text[:1]) {
		return ""
	}
	return text[:1]
}

// joined makes one line of a value that goes over several.
func joined(value string) string {
	value = strings.ReplaceAll(strings.ReplaceAll(value, "\\\r\n", " "), "\\\n", " ")
	return strings.TrimSpace(value)
}

// place names a line, and its file if that is another one.
func place(p, from Pos) string {
	line := "line " + itoa(p.Line)
	if p.file != nil && p.file != from.file {
		return p.file.name + ", " + line
	}
	return line
}

// condition is #!ifdef and #!ifndef.
func (d *reader) condition(f *frame, word, line string, at Pos) {
	name, _, ok := defineName(line)
	if !ok {
		d.report.add(at, "#!%s wants a word: #!ifdef WITH_NAT", word)
	}
	f.conds = append(f.conds, cond{at: at})
	if (d.defs[name] != nil) != (word == "ifdef") {
		d.skipTo(f, true)
	}
}

// alternate is #!else and #!endif after lines that were read.
func (d *reader) alternate(f *frame, word string, at Pos) {
	n := len(f.conds) - 1
	if n < 0 {
		d.report.add(at, "#!%s without an #!ifdef before it", word)
		return
	}
	if word == "endif" {
		f.conds = f.conds[:n]
		return
	}
	if f.conds[n].passed {
		d.report.add(at, "a second #!else of the #!ifdef at line %d", f.conds[n].at.Line)
	}
	f.conds[n].passed = true
	d.skipTo(f, false)
}

// skipTo passes over the lines that do not count, up to the #!endif of the innermost
// condition, or to its #!else. What stands in them need not be well formed.
func (d *reader) skipTo(f *frame, stopAtElse bool) {
	nested := 0
	for f.at < len(f.src) {
		f.step() // the end of the line
		line := f.rest()
		trimmed := strings.TrimLeft(line, " \t")
		f.at += len(line) - len(trimmed)
		at := f.pos()
		f.toLineEnd()
		word, ok := strings.CutPrefix(trimmed, "#!")
		if !ok {
			continue
		}
		if i := strings.IndexFunc(word, func(c rune) bool { return c < 'a' || c > 'z' }); i >= 0 {
			word = word[:i]
		}
		n := len(f.conds) - 1
		switch {
		case word == "ifdef" || word == "ifndef" || word == "ifexp":
			nested++
		case word == "endif" && nested == 0:
			f.conds = f.conds[:n]
			return
		case word == "endif":
			nested--
		case word == "else" && nested == 0 && f.conds[n].passed:
			d.report.add(at, "a second #!else of the #!ifdef at line %d", f.conds[n].at.Line)
		case word == "else" && nested == 0 && stopAtElse:
			f.conds[n].passed = true
			return
		}
	}
}

// substLine is #!subst "/pattern/with/flags" and #!substdef "!WORD!value!flags"; the
// character after the quote parts the pieces.
func (d *reader) substLine(word, line string, at Pos) {
	if quote := openQuote(line); quote != "" {
		d.report.silence(at, quote)
	}
	if len(line) > 1 && (line[0] == '"' || line[0] == '\'') && line[len(line)-1] == line[0] {
		line = line[1 : len(line)-1]
	}
	var pieces []string
	if line != "" {
		pieces = strings.Split(line[1:], line[:1])
	}
	if len(pieces) != 3 || pieces[0] == "" || strings.Trim(pieces[2], "gi") != "" {
		d.report.add(at, `#!%s wants "/PATTERN/TEXT/", with g or i after it`, word)
		return
	}
	if len(d.substs) >= maxSubsts {
		d.report.add(at, "a script has at most %d #!subst", maxSubsts)
		return
	}
	if len(pieces[1]) > maxSubst {
		d.report.add(at, "#!%s: the text is longer than %d bytes", word, maxSubst)
		return
	}
	flags := ""
	if strings.Contains(pieces[2], "i") {
		flags = "(?i)"
	}
	re, err := module.Regexp(flags, pieces[0])
	if err != nil {
		d.report.add(at, "#!%s: the regular expression is not well formed", word)
		return
	}
	d.substs = append(d.substs, subst{re, dollars.ReplaceAllString(strings.ReplaceAll(pieces[1], "$", "$$"), "$${$1}"), strings.Contains(pieces[2], "g")})
	if word != "substdef" {
		return
	}
	if name, rest, ok := defineName(pieces[0]); ok && rest == "" {
		d.defineLine("redefine", name+" "+pieces[1], at)
	}
}

// dollars are POSIX's \1 in a replacement.
var dollars = regexp.MustCompile(`\\([0-9])`)

// substitute does the replacements in a text. What they add counts as text of the
// script, which bounds it.
func (d *reader) substitute(text string) string {
	for _, s := range d.substs {
		if d.bytes > maxSource || len(text) > maxSubstText {
			break
		}
		before := len(text)
		if s.all {
			text = s.re.ReplaceAllString(text, s.with)
		} else if m := s.re.FindStringSubmatchIndex(text); m != nil {
			text = text[:m[0]] + string(s.re.ExpandString(nil, s.with, text, m)) + text[m[1]:]
		}
		d.bytes += max(0, len(text)-before)
	}
	return text
}
