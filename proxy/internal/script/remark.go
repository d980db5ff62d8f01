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
	name := strings.Trim(strings.TrimPrefix(x.text, "$"), "()")
	if slices.Contains(textVariables, name) || strings.HasPrefix(name, "hdr(") {
		k.warn(x.pos, "a text is true only where it reads as a number, not as 0: compare %s with $null or \"\"", x.text)
	}
}
