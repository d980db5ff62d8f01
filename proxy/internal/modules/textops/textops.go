// Package textops is SER's module textops: questions about the text of a message,
// and edits of its header lines. README.md is its manual page.
package textops

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/seldom"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs. The zero value logs nothing.
type Config struct {
	Log *slog.Logger
	Now func() time.Time
}

// Module is textops.
type Module struct {
	log   *slog.Logger
	now   func() time.Time
	gate  seldom.Gate
	works sync.Pool // of *work
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Module{log: cfg.Log, now: cfg.Now}
}

// Name is "textops".
func (m *Module) Name() string { return "textops" }

// Params is empty.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const requests = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.LocalRoute
	first := piece{kind: group} // what has matched
	return []module.Func{
		{Name: "append_hf", Min: 1, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileAppend,
			Doc: "adds a header line, at the end or after another field"},
		{Name: "insert_hf", Min: 1, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileInsert,
			Doc: "adds a header line, at the begin or before another field"},
		{Name: "remove_hf", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileRemove,
			Doc: "removes all lines of a header field"},
		{Name: "is_present_hf", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compilePresent,
			Doc: "true if the message has a header field"},
		{Name: "append_to_reply", Min: 1, Max: 1, Routes: requests, Dynamic: true, Compile: compileToReply,
			Doc: "adds a header line to the replies that the router makes to this request"},
		{Name: "search", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileSearch(whole),
			Doc: "true if a regular expression matches in the message"},
		{Name: "search_hf", Min: 3, Max: 3, Routes: module.AnyRoute, Compile: compileSearchHF,
			Doc: "true if a regular expression matches in the value of a header field"},
		{Name: "search_body", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileSearch(body),
			Doc: "true if a regular expression matches in the body"},
		{Name: "subst", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileSubst,
			Doc: "replaces what a regular expression matches in the header lines, as sed does: '/re/replacement/flags'"},
		{Name: "subst_hf", Min: 3, Max: 3, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileSubstHF,
			Doc: "the same in the value of one header field"},
		{Name: "subst_uri", Min: 1, Max: 1, Routes: requests, Dynamic: true, Compile: compileSubstURI,
			Doc: "the same in the Request-URI"},
		{Name: "subst_user", Min: 1, Max: 1, Routes: requests, Dynamic: true, Compile: compileSubstUser,
			Doc: "the same in the user of the Request-URI"},
		{Name: "replace", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileReplace(false),
			Doc: "puts a text in the place of the first match of a regular expression in the header lines"},
		{Name: "replace_all", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileReplace(true),
			Doc: "puts it in the place of all matches"},
		{Name: "search_append", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: m.compileReplace(false, first),
			Doc: "puts a text behind the first match of a regular expression in the header lines"},
		{Name: "is_method", Min: 1, Max: 1, Routes: module.AnyRoute, Compile: compileMethod,
			Doc: "true if the method is one of a list, as in \"INVITE|ACK\""},
		{Name: "starts_with", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileTwo(bytes.HasPrefix),
			Doc: "true if a text begins with another"},
		{Name: "ends_with", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileTwo(bytes.HasSuffix),
			Doc: "true if a text ends with another"},
		{Name: "cmp_str", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileTwo(bytes.Equal),
			Doc: "true if two texts are the same"},
		{Name: "cmp_istr", Min: 2, Max: 2, Routes: module.AnyRoute, Dynamic: true, Compile: compileTwo(bytes.EqualFold),
			Doc: "true if two texts are the same, whatever their case"},
		{Name: "has_body", Max: 1, Routes: module.AnyRoute, Compile: compileHasBody,
			Doc: "true if the message has a body, of a type if one is given"},
	}
}

// fieldName checks the name of a header field.
func fieldName(name string) error {
	if name == "" {
		return errors.New("the name of the header field is empty")
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return fmt.Errorf("%q is no name of a header field", name)
		}
	}
	return nil
}

// lines are header lines, which may hold pseudo-variables.
type lines struct {
	text   []byte
	format *module.Format // nil where they hold none
}

// parseLines reads header lines. What variables bring stands within a line: they can
// neither end it nor be a part of the field's name.
func parseLines(a module.Arg) (*lines, error) {
	format, literal, err := a.Format()
	if err != nil {
		return nil, err
	}
	if format == nil {
		text, err := headerLines(literal)
		return &lines{text: text}, err
	}
	_, err = headerLines(format.Sample("("))
	if err != nil {
		return nil, err
	}
	return &lines{format: format}, nil
}

// in returns the lines in a run, nil if they are too long.
func (l *lines) in(c *module.Ctx) []byte {
	if l.format == nil {
		return l.text
	}
	b := l.format.Line(c)
	if b == nil {
		return nil
	}
	return c.Keep(append(bytes.TrimRight(b, "\r\n"), "\r\n"...))
}

// headerLines checks text that is to stand among the header lines, and ends it with
// CRLF, as most scripts do themselves.
func headerLines(text string) ([]byte, error) {
	body := strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	for line := range strings.SplitSeq(body, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q is no header line: it has no colon", line)
		}
		if err := fieldName(strings.TrimRight(name, " \t")); err != nil {
			return nil, err
		}
		for i := range len(value) {
			if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
				return nil, fmt.Errorf("header line %q holds a control character; lines end in \\r\\n", line)
			}
		}
		switch sip.ParseHeaderID([]byte(strings.TrimRight(name, " \t"))) {
		case sip.HdrContentLength, sip.HdrVia:
			return nil, fmt.Errorf("%s is written by the router itself", name)
		}
	}
	return []byte(body + "\r\n"), nil
}
