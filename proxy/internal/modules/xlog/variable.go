package xlog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// part is a piece of a line: text, or a pseudo-variable.
type part struct {
	text   string
	name   string // of the variable, "" for text
	header string // the field of $hdr
}

// variables are the pseudo-variables, named as in Kamailio.
var variables = []string{
	"ru", "rU", "rd", "fu", "fU", "fd", "ft", "tu", "tU", "td", "tt",
	"si", "sp", "pr", "rm", "ci", "cs", "ua", "rs", "rr", "hdr",
}

// parse cuts a line into its parts. $name and $(name) are variables, $hdr(field) is
// a header field, $$ is a dollar sign.
func parse(text string) ([]part, error) {
	var parts []part
	for text != "" {
		i := strings.IndexByte(text, '$')
		if i < 0 {
			return append(parts, part{text: text}), nil
		}
		if i > 0 {
			parts = append(parts, part{text: text[:i]})
		}
		text = text[i+1:]
		if strings.HasPrefix(text, "$") {
			parts, text = append(parts, part{text: "$"}), text[1:]
			continue
		}
		var p part
		var err error
		if p, text, err = parseVariable(text); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	return parts, nil
}

// parseVariable reads what follows a dollar sign.
func parseVariable(text string) (p part, rest string, err error) {
	if inner, ok := strings.CutPrefix(text, "("); ok {
		p, rest, err = parseVariable(inner)
		if err != nil {
			return p, rest, err
		}
		if rest, ok = strings.CutPrefix(rest, ")"); !ok {
			return p, rest, fmt.Errorf("$(%s is not closed", p.name)
		}
		return p, rest, nil
	}
	n := 0
	for n < len(text) && (text[n] >= 'a' && text[n] <= 'z' || text[n] >= 'A' && text[n] <= 'Z') {
		n++
	}
	p.name, rest = text[:n], text[n:]
	if !slices.Contains(variables, p.name) {
		return p, rest, fmt.Errorf("there is no variable $%s; a dollar sign itself is $$, and there are $%s", p.name, strings.Join(variables, " $"))
	}
	if p.name != "hdr" {
		return p, rest, nil
	}
	end := strings.IndexByte(rest, ')')
	if !strings.HasPrefix(rest, "(") || end < 2 {
		return p, rest, errors.New("$hdr wants the name of a header field: $hdr(Subject)")
	}
	p.header = rest[1:end]
	return p, rest[end+1:], nil
}

const null = "<null>"

// append appends the value of the part, <null> for a variable without one.
func (p *part) append(dst []byte, c *module.Ctx) []byte {
	if p.name == "" {
		return append(dst, p.text...)
	}
	n := len(dst)
	if dst = p.appendValue(dst, c); len(dst) == n {
		dst = append(dst, null...)
	}
	return dst
}

func (p *part) appendValue(dst []byte, c *module.Ctx) []byte {
	m := c.Msg
	switch p.name {
	case "ru", "rU", "rd":
		return appendURI(dst, c.Main.URI, p.name[1])
	case "fu", "fU", "fd", "ft":
		a, err := m.From()
		return appendAddress(dst, a, err, p.name[1])
	case "tu", "tU", "td", "tt":
		a, err := m.To()
		return appendAddress(dst, a, err, p.name[1])
	case "si":
		if a := c.From.Remote.Addr(); a.IsValid() {
			return a.AppendTo(dst)
		}
		return dst
	case "sp":
		return sip.AppendUint(dst, uint64(c.From.Remote.Port()))
	case "pr":
		return append(dst, c.From.Proto.String()...)
	case "rm":
		return appendMethod(dst, m)
	case "ci":
		return append(dst, m.CallID()...)
	case "cs":
		if cseq, err := m.CSeq(); err == nil {
			return sip.AppendUint(dst, uint64(cseq.Number))
		}
		return dst
	case "ua":
		return append(dst, m.HeaderValue(sip.HdrUserAgent)...)
	case "rs":
		if m.IsRequest {
			return dst
		}
		return sip.AppendUint(dst, uint64(m.Status))
	case "rr":
		if m.IsRequest {
			return dst
		}
		return append(dst, m.Reason()...)
	}
	if h := m.Named(p.header); h != nil {
		return append(dst, m.Value(h)...)
	}
	return dst
}

// appendMethod appends the method, of a response that of its CSeq.
func appendMethod(dst []byte, m *sip.Message) []byte {
	if cseq, err := m.CSeq(); err == nil {
		return append(dst, cseq.MethodText...)
	}
	return dst
}

func appendAddress(dst []byte, a *sip.NameAddr, err error, part byte) []byte {
	switch {
	case err != nil:
		return dst
	case part == 't':
		return append(dst, a.Tag...)
	}
	return appendURI(dst, a.URI, part)
}

// appendURI appends a URI (u), its user (U) or its host (d).
func appendURI(dst, uri []byte, part byte) []byte {
	var u sip.URI
	switch {
	case part == 'u':
		return append(dst, uri...)
	case sip.ParseURI(uri, &u) != nil:
		return dst
	case part == 'U':
		return append(dst, u.User...)
	}
	return append(dst, u.Host...)
}
