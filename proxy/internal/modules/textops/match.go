package textops

import (
	"errors"
	"fmt"
	"regexp"
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
		re, err := regexp.Compile("(?im)" + args[0].Str)
		if err != nil {
			return nil, fmt.Errorf("bad regular expression: %w", err)
		}
		return func(c *module.Ctx) int { return truth(re.Match(part(c.Msg))) }, nil
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
			return truth(known&(1<<c.Msg.Method) != 0)
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
		return func(c *module.Ctx) int { return truth(len(c.Msg.Body()) > 0) }, nil
	}
	want := args[0].Str
	if kind, sub, ok := strings.Cut(want, "/"); !ok || fieldName(kind) != nil || fieldName(sub) != nil {
		return nil, errors.New("the type of the body is to be like \"application/sdp\"")
	}
	return func(c *module.Ctx) int {
		value := c.Msg.HeaderValue(sip.HdrContentType)
		kind, _, _ := sip.NextParam(value) // up to the first ';', blanks off
		return truth(len(c.Msg.Body()) > 0 && sip.EqualFold(kind, want))
	}, nil
}
