package textops

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"seraph/proxy/internal/module"
)

// maxMatches is how many places one call may replace; a message that has more is left as it is.
const maxMatches = 1024

// substitution is what replaces the matches of a regular expression, SER's '/re/repl/flags'.
type substitution struct {
	re   *regexp.Regexp
	crlf bool // it begins with the end of a line
	all  bool // every match, not only the first
	with []piece
}

// piece is a part of the replacement: text, a variable, what a group has matched, or the Request-URI.
type piece struct {
	kind  pieceKind
	text  string
	value *module.Format // of variable
	group int
}

type pieceKind uint8

const (
	literal pieceKind = iota
	variable
	group
	requestURI
)

// parseSubst reads an expression as sed has it: the first character is the delimiter, which a
// backslash makes an ordinary one.
func parseSubst(a module.Arg) (*substitution, error) {
	text := a.Str
	if text == "" || strings.IndexByte(" \t\r\n\\", text[0]) >= 0 || isAlnum(text[0]) || text[0] >= 0x80 {
		return nil, fmt.Errorf("%q is no substitution such as \"/regular expression/replacement/flags\"", text)
	}
	delim := text[0]
	expr, rest, ok := cutAt(text[1:], delim)
	if !ok {
		return nil, fmt.Errorf("the regular expression does not end: a second %q is missing", string(delim))
	}
	with, flags, ok := cutAt(rest, delim)
	if !ok {
		return nil, fmt.Errorf("the replacement does not end: a third %q is missing", string(delim))
	}
	s, options := &substitution{}, map[byte]bool{}
	for i := range len(flags) {
		if strings.IndexByte("igs", flags[i]) < 0 {
			return nil, fmt.Errorf("%q is no flag: there are i (case does not matter), g (all matches) and s (a match may go on in the next line)", string(flags[i]))
		}
		options[flags[i]] = true
	}
	s.all = options['g']
	var err error
	expr = ordinary(expr, delim)
	if s.re, err = compilePOSIX(expr, options['i'], options['s']); err != nil {
		return nil, err
	}
	s.crlf = beginsCRLF(expr)
	if err := s.parseWith(with, delim, a.Scope); err != nil {
		return nil, err
	}
	return s, nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// cutAt cuts a text at the first delimiter without a backslash before it.
func cutAt(text string, delim byte) (before, after string, ok bool) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case delim:
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// ordinary makes the delimiters with a backslash ordinary characters of the expression.
func ordinary(expr string, delim byte) string {
	var b strings.Builder
	for i := 0; i < len(expr); i++ {
		switch {
		case expr[i] != '\\' || i+1 == len(expr):
			b.WriteByte(expr[i])
		case expr[i+1] == delim:
			b.WriteString(regexp.QuoteMeta(string(delim)))
			i++
		default:
			b.WriteString(expr[i : i+2])
			i++
		}
	}
	return b.String()
}

// compilePOSIX compiles an expression whose matches are replaced. As in SER the longest of
// the matches that begin first counts. Unless lines is set, ^ and $ match at every line, and
// neither a dot nor [^x] goes beyond one.
func compilePOSIX(expr string, fold, lines bool) (*regexp.Regexp, error) {
	options := "(?m"
	if lines {
		options = "(?s"
	}
	if fold {
		options += "i"
	}
	re, err := module.Regexp(options+")", expr)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %w", err)
	}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err == nil {
		beforeCRLF(tree)
		re, err = regexp.Compile(tree.String())
	}
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %w", err)
	}
	re.Longest()
	return re, nil
}

// beginsCRLF reports whether all that an expression matches begins with the end of a line.
func beginsCRLF(expr string) bool {
	return strings.HasPrefix(expr, `\r\n`) || strings.HasPrefix(expr, "\r\n")
}

// beforeCRLF has the $ of lines match before CRLF, too. The CR is none of the match's, see leaveCR.
func beforeCRLF(tree *syntax.Regexp) {
	if tree.Op == syntax.OpEndLine {
		end, cr := *tree, &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{'\r'}}
		*tree = syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{{Op: syntax.OpQuest, Sub: []*syntax.Regexp{cr}}, &end}}
		return
	}
	for _, sub := range tree.Sub {
		beforeCRLF(sub)
	}
}

// parseWith reads the replacement.
func (s *substitution) parseWith(text string, delim byte, scope *module.Scope) error {
	start := 0
	var run strings.Builder
	flush := func() error {
		list, err := textPieces(run.String(), scope)
		run.Reset()
		s.with = append(s.with, list...)
		return err
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		run.WriteString(text[start:i])
		i++
		if i == len(text) {
			return errors.New(`the replacement ends in a single backslash: write \\`)
		}
		start = i + 1
		switch c := text[i]; {
		case c == delim || c == '\\':
			run.WriteByte(c)
		case c == 'r':
			run.WriteByte('\r')
		case c == 'n':
			run.WriteByte('\n')
		case c == 't':
			run.WriteByte('\t')
		case c == 'u' || c >= '0' && c <= '9':
			if err := flush(); err != nil {
				return err
			}
			p := piece{kind: requestURI}
			if c != 'u' {
				p = piece{kind: group, group: int(c - '0')}
			}
			if most := s.re.NumSubexp(); p.group > most {
				return fmt.Errorf(`the replacement has \%d, and the regular expression %d groups`, p.group, most)
			}
			s.with = append(s.with, p)
		default:
			return fmt.Errorf(`the replacement has \%c: there are \0 to \9, \u, \r, \n, \t and \\`, c)
		}
	}
	run.WriteString(text[start:])
	return flush()
}

// textPieces are those of a text in which variables may stand.
func textPieces(text string, scope *module.Scope) (list []piece, err error) {
	f, plain, err := module.ParseFormat(text, scope)
	switch {
	case err != nil:
		return nil, err
	case f == nil && plain != "":
		return []piece{{text: plain}}, nil
	case f == nil:
		return nil, nil
	}
	for text, v := range f.Pieces() {
		if v != nil {
			list = append(list, piece{kind: variable, value: v})
		} else {
			list = append(list, piece{text: text})
		}
	}
	return list, nil
}

// append appends what takes the place of the match at loc; false if the draft would be longer
// than most. What variables bring cannot end a line.
func (s *substitution) append(d *draft, c *module.Ctx, src *source, loc []int, most int) bool {
	for i := range s.with {
		switch p := &s.with[i]; p.kind {
		case literal:
			d.names(len(p.text))
			d.b = append(d.b, p.text...)
		case variable:
			d.b = p.value.AppendLine(d.b, c)
		case requestURI:
			d.b = append(d.b, c.Main.URI...)
		case group:
			if from, to := loc[2*p.group], loc[2*p.group+1]; from >= 0 {
				src.append(d, from, to)
			}
		}
		if len(d.b) > most {
			return false
		}
	}
	return true
}

// errMany refuses to change a message in more places than maxMatches.
var errMany = errors.New("there are too many matches")

// find returns where in b the matches are: all of them where the substitution is for all, else the
// first n.
func (s *substitution) find(c *module.Ctx, b []byte, n int) ([][]int, error) {
	c.Spend(len(b))
	if s.all {
		n = maxMatches + 1
	}
	list := s.re.FindAllSubmatchIndex(b, n)
	if len(list) > maxMatches && s.all {
		return nil, errMany
	}
	for _, loc := range list {
		leaveCR(b, loc)
	}
	return list, nil
}

// leaveCR takes the CR of a line end out of a match that ends before its LF: who writes "$"
// means the end of the line.
func leaveCR(b []byte, loc []int) {
	end := loc[1]
	if end == 0 || end == len(b) || b[end-1] != '\r' || b[end] != '\n' {
		return
	}
	for i := range loc {
		loc[i] = min(loc[i], end-1)
	}
}

// in is the text with its matches replaced, nil if there are none or it grows by more than
// module.MaxText.
func (s *substitution) in(c *module.Ctx, text []byte) []byte {
	list, err := s.find(c, text, 1)
	if err != nil || list == nil {
		return nil
	}
	src, most := source{b: text}, len(text)+module.MaxText
	d, at := draft{b: make([]byte, 0, len(text)+64)}, 0
	for _, loc := range list {
		d.b = append(d.b, text[at:loc[0]]...)
		if !s.append(&d, c, &src, loc, most) {
			return nil
		}
		at = loc[1]
	}
	c.Spend(len(d.b))
	return append(d.b, text[at:]...)
}
