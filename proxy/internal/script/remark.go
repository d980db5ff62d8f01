package script

import (
	"context"
	"log/slog"
	"slices"
	"strings"
)

// The kinds of Problem beside what is wrong, which has none.
const (
	// Warning is what its author may have meant otherwise.
	Warning = "warning"
	// Note is what he may know: a setting that does nothing here.
	Note = "note"
)

// maxRemarks bounds the remarks on one script.
const maxRemarks = 1000

// Remarks returns what its author should know of a script that has no problems, in the order
// of the files and lines: each is of kind Warning or Note.
func (p *Program) Remarks() []Problem { return p.remarks }

// remark notes something that is no problem.
func (r *report) remark(kind string, at Pos, format string, args ...any) {
	if len(r.remarks) < maxRemarks {
		r.remarks = append(r.remarks, r.finding(kind, at, format, args...))
	}
}

func (k *compiler) warn(at Pos, format string, args ...any) {
	k.report.remark(Warning, at, format, args...)
}

func (k *compiler) note(at Pos, format string, args ...any) {
	k.report.remark(Note, at, format, args...)
}

// logRemarks writes the remarks into the log of a router that starts or reloads, notes as
// debugging.
func logRemarks(log *slog.Logger, list []Problem) {
	for _, p := range list {
		level := slog.LevelWarn
		if p.Kind == Note {
			level = slog.LevelDebug
		}
		log.Log(context.Background(), level, p.Message, "file", p.File, "line", p.Line)
	}
}

// textVariables are those whose value is a text that hardly ever is a number.
var textVariables = []string{"ru", "rd", "rz", "du", "ou", "od", "fu", "fd", "fn", "ft", "tu", "td", "tn", "tt", "si", "Ri", "pr", "proto",
	"rm", "ci", "ct", "cT", "ua", "rb", "ar", "rr", "rU", "oU", "fU", "tU", "au"}

// warnOfText says of a variable that stands alone as a condition, or after !, that its text
// makes it none.
func (k *compiler) warnOfText(x *variable) {
	if hasText(x) {
		k.warn(x.pos, "a text is true only where it reads as a number, not as 0: compare %s with $null or \"\"", x.text)
	}
}

// hasText reports whether a value is a variable whose text hardly ever is a number.
func hasText(x expr) bool {
	v, ok := x.(*variable)
	if !ok {
		return false
	}
	name := strings.Trim(strings.TrimPrefix(v.text, "$"), "()")
	return slices.Contains(textVariables, name) || strings.HasPrefix(name, "hdr(")
}

// warnOfCase says of case 0 that a text that is no number comes there, too.
func (k *compiler) warnOfCase(of expr, v value) {
	if v.number && v.num == 0 && hasText(of) {
		k.warn(v.pos, "a text that is no number counts as 0, and comes here: write case \"0\" if that text is meant")
	}
}

// mirrored are the operators that say the same with the sides changed.
var mirrored = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<="}

// warnOfNumber says of a comparison of a text with a constant number that a text that is no number counts as 0
// there, if that makes it true, or makes 0 != true of none. What && asks of the text by =~ beside it, the
// script has thought of.
func (k *compiler) warnOfNumber(x *relation) {
	text, number, op := x.left, x.right, x.op
	if _, ok := text.(*literal); ok {
		text, number, op = number, text, mirrored[op]
	}
	constant, ok := number.(*literal)
	if !ok || !hasText(text) || slices.Contains(k.matched, textOfVariable(text)) {
		return
	}
	n := literalValue(constant.value).AsNumber()
	takes := false
	switch op {
	case "<":
		takes = 0 < n
	case "<=":
		takes = 0 <= n
	case ">":
		takes = 0 > n
	case ">=":
		takes = 0 >= n
	case "": // == and != go by their left side
		takes = constant.value.number && n == 0 && (x.op == "==" || x.op == "!=")
	}
	if takes {
		at := text.(*variable)
		k.warn(at.pos, "a text that is no number counts as 0 here: write %s =~ \"^[0-9]+$\" && before it, or compare texts", at.text)
	}
}

// textOfVariable is a variable as it is written.
func textOfVariable(x expr) string {
	v, ok := x.(*variable)
	if !ok {
		return ""
	}
	return v.text
}

// appendMatched appends the variables that conditions of a list compare by =~; dst stays as it is.
func appendMatched(dst []string, list []expr) []string {
	dst = slices.Clip(dst)
	for _, x := range list {
		if r, ok := x.(*relation); ok && r.op == "=~" && len(dst) < maxRegexps && hasText(r.left) {
			dst = append(dst, textOfVariable(r.left))
		}
	}
	return dst
}
