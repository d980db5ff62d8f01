package uac

import (
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// field is From or To.
type field struct {
	id   sip.HeaderID
	side relay.Header
	avp  string // says that it was replaced
	name string
}

var (
	fromField = field{sip.HdrFrom, relay.From, "uac:from", "From"}
	toField   = field{sip.HdrTo, relay.To, "uac:to", "To"}
)

// compileReplace compiles uac_replace_from([display,] uri). An empty display takes the
// name away, an empty uri keeps the URI.
func (m *Module) compileReplace(f field) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		display, both := text{}, len(args) == 2
		uri, err := newText(args[len(args)-1])
		if err == nil && both {
			display, err = newText(args[0])
		}
		if err != nil {
			return nil, err
		}
		if uri.format == nil && !(uri.literal == "" && both) && !goodURI([]byte(uri.literal)) {
			return nil, fmt.Errorf("%q is no URI", uri.literal)
		}
		return func(c *module.Ctx) int { return m.replace(c, f, display.value(c), uri.value(c), both) }, nil
	}
}

// text is an argument that may hold pseudo-variables.
type text struct {
	literal string
	format  *module.Format
}

func newText(a module.Arg) (text, error) {
	f, literal, err := a.Format()
	return text{literal, f}, err
}

func (t *text) value(c *module.Ctx) []byte {
	if t.format == nil {
		return []byte(t.literal)
	}
	return t.format.Line(c)
}

func goodURI(b []byte) bool {
	var u sip.URI
	var a sip.NameAddr
	return sip.ParseURI(b, &u) == nil && sip.ParseNameAddr(append(append([]byte("<"), b...), '>'), &a) == nil && len(a.Params) == 0
}

// replace is uac_replace_from and uac_replace_to. The tag and the other parameters stay.
func (m *Module) replace(c *module.Ctx, f field, display, uri []byte, both bool) int {
	if c.Route&(module.RequestRoute|module.FailureRoute|module.BranchRoute) == 0 || c.AVP(f.avp).Kind != module.NullValue || c.Renamed(f.side) {
		return module.False
	}
	h := c.Msg.Header(f.id)
	var a sip.NameAddr
	if h == nil || sip.ParseNameAddr(c.Msg.Value(h), &a) != nil {
		return module.False
	}
	if len(uri) == 0 && both {
		uri = a.URI
	}
	if !goodURI(uri) {
		return module.False
	}
	var b []byte
	if !both && len(a.Display) > 0 {
		b = append(append(b, a.Display...), ' ')
	} else if len(display) > 0 {
		b = appendQuoted(b, display)
	}
	b = append(append(append(b, '<'), uri...), '>')
	if c.Route != module.BranchRoute && !c.SetAVP(f.avp, module.Number(1)) {
		return module.False
	}
	if !m.keep(c, f, relay.AppendNameAddr(nil, &a), b) {
		c.SetAVP(f.avp, module.Value{})
		return module.False
	}
	if len(a.Params) > 0 {
		b = append(append(b, ';'), a.Params...)
	}
	c.Msg.ReplaceValue(h, b)
	return module.True
}

// appendQuoted appends a display name as a quoted string; one that is quoted already
// stays as it is.
func appendQuoted(dst, name []byte) []byte {
	if n := len(name); n >= 2 && name[0] == '"' && name[n-1] == '"' {
		name = name[1 : n-1]
	}
	dst = append(dst, '"')
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c < ' ' && c != '\t' || c == 0x7f:
			dst = append(dst, ' ')
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"', ' ')
}
