package msilo

import (
	"strings"

	"seraph/proxy/internal/module"
)

// words is the value of a parameter that may hold pseudo-variables. They are those of
// the MESSAGE that m_store works on.
type words struct {
	text   string // where there is no variable
	format *module.Format
}

func parseWords(text string) (w words, err error) {
	w.format, w.text, err = module.ParseFormat(text, nil)
	return w, err
}

func (w words) empty() bool { return w.text == "" && w.format == nil }

// sample is the value with mark in the place of each variable, for checks.
func (w words) sample(mark string) string {
	if w.format == nil {
		return w.text
	}
	return w.format.Sample(mark)
}

// body is the value for a request.
func (w words) body(c *module.Ctx) string {
	if w.format == nil {
		return w.text
	}
	return string(w.format.Text(c, ""))
}

// lines is the value for a request as header lines: what the variables bring ends no
// line, and is UTF-8.
func (w words) lines(c *module.Ctx) string {
	if w.format == nil {
		return w.text
	}
	return strings.ToValidUTF8(string(w.format.Line(c)), "\uFFFD")
}
