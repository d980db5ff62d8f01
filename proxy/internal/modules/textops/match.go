package textops

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

func whole(m *sip.Message) []byte { return m.Buf }

func body(m *sip.Message) []byte { return m.Body() }

// compileSearch compiles search(regex). As in SER, case does not matter, and ^ and $
// match at every line.
func compileSearch(part func(*sip.Message) []byte) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		re, err := module.Regexp(module.AnyCase, args[0].Str)
		if err != nil {
			return nil, fmt.Errorf("bad regular expression: %w", err)
		}
		match := re.Match
		if name, rest := lineStart(re.String()); name != "" {
			match = func(b []byte) bool { return matchLines(b, name, rest) }
		}
		return func(c *module.Ctx) int {
			text := part(c.Msg)
			c.Spend(len(text))
			return module.Truth(match(text))
		}, nil
	}
}

// compileSearchHF compiles search_hf(field, regex, which).
func compileSearchHF(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if err := fieldName(name); err != nil {
		return nil, err
	}
	re, err := module.Regexp(module.AnyCase, args[1].Str)
	if err != nil {
		return nil, fmt.Errorf("bad regular expression: %w", err)
	}
	which, err := whichLines(args[2].Str)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		var last *sip.Header
		for h := c.Msg.Named(name); h != nil; h = nextNamed(c.Msg, h, name) {
			last = h
			if which == 'l' {
				continue
			}
			c.Spend(len(c.Msg.Value(h)))
			if re.Match(c.Msg.Value(h)) {
				return module.True
			}
			if which == 'f' {
				return module.False
			}
		}
		return module.Truth(which == 'l' && last != nil && re.Match(c.Msg.Value(last)))
	}, nil
}

// whichLines reads which lines of a field are meant.
func whichLines(text string) (byte, error) {
	if text != "a" && text != "f" && text != "l" {
		return 0, fmt.Errorf("%q says nothing of which lines: it is \"a\" for all, \"f\" for the first or \"l\" for the last one", text)
	}
	return text[0], nil
}

// lineStart finds out that an expression matches only where a line begins with some
// text, as "^User-Agent:.*x" does. It returns that text, and the expression for what
// begins there. Most searches are such, and looking at a few line starts is several
// times faster than trying the expression everywhere.
func lineStart(expr string) (text string, at *regexp.Regexp) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || len(tree.Sub) < 2 || tree.Sub[0].Op != syntax.OpBeginLine || tree.Sub[1].Op != syntax.OpLiteral {
		return "", nil
	}
	for _, r := range tree.Sub[1].Rune {
		if r >= 0x80 {
			return "", nil
		}
	}
	text = string(tree.Sub[1].Rune)
	tree.Sub[0] = &syntax.Regexp{Op: syntax.OpBeginText}
	at, err = regexp.Compile(tree.String())
	if err != nil {
		return "", nil
	}
	return text, at
}

// matchLines reports whether at matches at the begin of a line that begins with text.
func matchLines(b []byte, text string, at *regexp.Regexp) bool {
	for {
		if len(b) >= len(text) && sip.EqualFold(b[:len(text)], text) && at.Match(b) {
			return true
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return false
		}
		b = b[end+1:]
	}
}

// compileMethod compiles is_method("A|B"). Of a response it is the method of the
// CSeq.
func compileMethod(args []module.Arg) (module.Call, error) {
	var known uint32 // a bit for each sip.Method
	var others []string
	for name := range strings.SplitSeq(args[0].Str, "|") {
		name = strings.TrimSpace(name)
		if err := fieldName(name); err != nil { // a method is a token as well
			return nil, fmt.Errorf("%q is no list of methods such as \"INVITE|ACK\"", args[0].Str)
		}
		if id := sip.ParseMethod([]byte(name)); id != sip.MethodOther {
			known |= 1 << id
			continue
		}
		if id := sip.ParseMethod([]byte(strings.ToUpper(name))); id != sip.MethodOther {
			return nil, fmt.Errorf("methods are written in capital letters: %s", id)
		}
		others = append(others, name)
	}
	return func(c *module.Ctx) int {
		if c.Msg.Method != sip.MethodOther {
			return module.Truth(known&(1<<c.Msg.Method) != 0)
		}
		cseq, err := c.Msg.CSeq()
		for _, name := range others {
			if err == nil && string(cseq.MethodText) == name {
				return module.True
			}
		}
		return module.False
	}, nil
}

// compileHasBody compiles has_body() and has_body(type).
func compileHasBody(args []module.Arg) (module.Call, error) {
	if len(args) == 0 {
		return func(c *module.Ctx) int { return module.Truth(len(c.Msg.Body()) > 0) }, nil
	}
	want := args[0].Str
	if kind, sub, ok := strings.Cut(want, "/"); !ok || fieldName(kind) != nil || fieldName(sub) != nil {
		return nil, errors.New("the type of the body is to be like \"application/sdp\"")
	}
	return func(c *module.Ctx) int {
		value := c.Msg.HeaderValue(sip.HdrContentType)
		kind, _, _ := sip.NextParam(value) // up to the first ';', blanks off
		return module.Truth(len(c.Msg.Body()) > 0 && sip.EqualFold(kind, want))
	}, nil
}
