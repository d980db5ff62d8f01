package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/sql/aor"
)

// maxText is the length in bytes of a parameter that has no limit of its own.
const maxText = 1024

// params are the parameters of one call, given by name or by order. The
// readers note the first problem, which err returns; a method reads all that
// it needs, asks err, and only then acts.
type params struct {
	names   []string
	values  map[string]json.RawMessage
	rest    []json.RawMessage // by order: what follows the named ones
	problem *ctlproto.Error
	domains func() []string // those that the router serves, sorted; nil = none
}

// parseParams matches raw with the names that a method knows. A last name that
// ends in "…" takes all remaining values.
func parseParams(raw json.RawMessage, names ...string) *params {
	p := &params{values: make(map[string]json.RawMessage, len(names))}
	variadic := false
	for _, name := range names {
		name, more := strings.CutSuffix(name, "…")
		variadic = variadic || more
		p.names = append(p.names, name)
	}
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0 || string(raw) == "null":
	case raw[0] == '{':
		p.byName(raw)
	case raw[0] == '[':
		p.byOrder(raw, variadic)
	default:
		p.wrong("", "want an object (by name) or an array (by order)")
	}
	return p
}

func (p *params) byName(raw json.RawMessage) {
	if err := json.Unmarshal(raw, &p.values); err != nil {
		p.wrong("", err.Error())
		return
	}
	var unknown []string
	for name := range p.values {
		if !slices.Contains(p.names, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return
	}
	slices.Sort(unknown) // the same one is named each time
	problem := "unknown parameter"
	if near := module.Nearest(unknown[0], p.names); near != "" {
		problem += fmt.Sprintf("; did you mean %q?", near)
	} else if len(p.names) == 0 {
		problem += "; the method takes none"
	} else {
		problem += "; known are " + strings.Join(p.names, ", ")
	}
	p.wrong(shorten(unknown[0]), problem)
}

func (p *params) byOrder(raw json.RawMessage, variadic bool) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		p.wrong("", err.Error())
		return
	}
	if len(list) > len(p.names) {
		switch {
		case len(p.names) == 0:
			p.wrong("", "the method takes none")
			return
		case !variadic:
			p.wrong("", fmt.Sprintf("%d given, at most %d are known: %s", len(list), len(p.names), strings.Join(p.names, " ")))
			return
		}
		p.rest = list[len(p.names):]
	}
	for i, value := range list[:min(len(list), len(p.names))] {
		p.values[p.names[i]] = value
	}
}

// wrong notes a problem, unless there is one already.
func (p *params) wrong(field, problem string) {
	if p.problem == nil {
		p.problem = ctlproto.InvalidParam(field, problem)
	}
}

// err is the first problem, nil if there is none.
func (p *params) err() *ctlproto.Error { return p.problem }

// given returns a parameter's value, nil if it is absent or null.
func (p *params) given(name string) json.RawMessage {
	value := p.values[name]
	if string(value) == "null" {
		return nil
	}
	return value
}

// text reads an optional string of at most limit bytes, "" if absent. A number
// stands for its own digits: tools send whatever looks like one as one.
func (p *params) text(name string, limit int) string {
	value := p.given(name)
	if value == nil {
		return ""
	}
	s, ok := textOf(value)
	switch {
	case !ok:
		p.wrong(name, "want a string")
	case len(s) > limit:
		p.wrong(name, fmt.Sprintf("%d bytes long, at most %d are possible", len(s), limit))
	default:
		return s
	}
	return ""
}

// line reads an optional text without control characters.
func (p *params) line(name string, limit int) string {
	s := p.text(name, limit)
	if i := strings.IndexFunc(s, unicode.IsControl); i >= 0 {
		p.wrong(name, fmt.Sprintf("control character at byte %d", i))
		return ""
	}
	return s
}

// required reads a text without control characters that must not be empty.
func (p *params) required(name string, limit int) string {
	s := p.line(name, limit)
	if s == "" {
		p.wrong(name, "missing")
	}
	return s
}

// address reads a required address of record. A bare name is a user of the only domain
// that the router serves.
func (p *params) address(name string) aor.AOR {
	s := p.required(name, maxText)
	if p.problem != nil {
		return aor.AOR{}
	}
	a, err := p.parseAddress(s)
	if err != nil {
		p.wrong(name, err.Error())
	}
	return a
}

// onlyOne is the domain of bare names: the only one of those that the router serves.
func onlyOne(domains []string) string {
	if len(domains) == 1 {
		return domains[0]
	}
	return ""
}

func (p *params) parseAddress(s string) (aor.AOR, error) {
	var list []string
	if p.domains != nil {
		list = p.domains()
	}
	return orDomains(aor.Parse, s, list)
}

// orDomains parses a text whose domain may be left out if the router serves just one. If it
// serves several, the error names them.
func orDomains[T any](parse func(s, domain string) (T, error), s string, list []string) (T, error) {
	a, err := parse(s, onlyOne(list))
	if err == nil || len(list) < 2 {
		return a, err
	}
	if _, other := parse(s, list[0]); other != nil {
		return a, err // it is not the domain that is missing
	}
	name := shorten(s)
	return a, fmt.Errorf("%q has no domain, and the router serves several; write %s@DOMAIN with one of: %s", name, name, someOf(list))
}

// someOf names the first ones of a list.
func someOf(list []string) string {
	const most = 8
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

// number reads an optional number, or a string that holds one.
func (p *params) number(name string, otherwise, lowest, highest float64) float64 {
	value := p.given(name)
	if value == nil {
		return otherwise
	}
	s, ok := textOf(value)
	n, err := strconv.ParseFloat(s, 64)
	switch {
	case !ok || err != nil || math.IsNaN(n):
		p.wrong(name, "want a number")
	case n < lowest || n > highest:
		p.wrong(name, fmt.Sprintf("%s is not from %s to %s", shorten(s), plain(lowest), plain(highest)))
	default:
		return n
	}
	return otherwise
}

// plain writes a number without an exponent.
func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// integer is number for whole numbers.
func (p *params) integer(name string, otherwise, lowest, highest int64) int64 {
	n := p.number(name, float64(otherwise), float64(lowest), float64(highest))
	if n != math.Trunc(n) {
		p.wrong(name, "want a whole number")
		return otherwise
	}
	return int64(n)
}

// list reads strings: by name an array or one string, by order an array or all
// values that are left.
func (p *params) list(name string, most int) []string {
	value := p.given(name)
	if value == nil {
		return nil
	}
	values := append([]json.RawMessage{value}, p.rest...)
	if value[0] == '[' {
		if len(p.rest) > 0 {
			p.wrong(name, "an array and further values; give one of them")
			return nil
		}
		if err := json.Unmarshal(value, &values); err != nil {
			p.wrong(name, "want an array of strings")
			return nil
		}
	}
	if len(values) > most {
		p.wrong(name, fmt.Sprintf("%d given, at most %d are possible", len(values), most))
		return nil
	}
	texts := make([]string, len(values))
	for i, value := range values {
		s, ok := textOf(value)
		if !ok || len(s) > maxText {
			p.wrongElement(name, i, fmt.Sprintf("want a string of at most %d bytes", maxText))
			return nil
		}
		texts[i] = s
	}
	return texts
}

// wrongElement notes a problem with one element of a list, counted from 0.
func (p *params) wrongElement(name string, index int, problem string) {
	if p.problem != nil {
		return
	}
	p.problem = ctlproto.InvalidParam(fmt.Sprintf("%s[%d]", name, index), problem)
	p.problem.Data = ctlproto.ParamProblem{Field: name, Problem: problem, Index: &index}
}

// textOf is the text of a JSON string or number.
func textOf(value json.RawMessage) (string, bool) {
	switch c := value[0]; {
	case c == '"':
		var s string
		err := json.Unmarshal(value, &s)
		return s, err == nil
	case c == '-' || '0' <= c && c <= '9':
		return string(value), true
	}
	return "", false
}

// shorten is as much of a stranger's text as a message can bear.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
