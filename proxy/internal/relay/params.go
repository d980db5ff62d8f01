package relay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"seraph/proxy/internal/sip"
)

// A script may put parameters of its own into our Record-Route (module rr): so it finds in the
// requests within a dialog what it has seen in the first one. The MAC covers them, so that
// nobody but the script writes them, and paramsLength says how many bytes before it they are.

// paramsLength is the URI parameter of our Record-Route behind those of the script.
const paramsLength = "srx"

// maxParams bounds them, in bytes.
const maxParams = 256

// ErrParams says that a text is no parameters for our Record-Route.
var ErrParams = errors.New("a parameter of the Record-Route is written \";name=value\", with 256 bytes in all")

// takenParams are those that have a meaning of their own in a Record-Route (RFC 3261 §19.1.1),
// or are the router's.
var takenParams = []string{"lr", "r2", "ob", "transport", "maddr", "ttl", "user", "method", routeParam, vouchParam, paramsLength, "vsf", "vst"}

// CheckParams says what is wrong with parameters that are to go into our Record-Route.
func CheckParams(text []byte) error {
	if len(text) == 0 || len(text) > maxParams || text[0] != ';' {
		return ErrParams
	}
	for rest := text[1:]; rest != nil; {
		var one []byte
		var more bool
		if one, rest, more = bytes.Cut(rest, []byte{';'}); !more {
			rest = nil
		}
		name, value, has := bytes.Cut(one, []byte{'='})
		if len(name) == 0 || has && len(value) == 0 || !isParam(name) || !isParam(value) {
			return ErrParams
		}
		for _, taken := range takenParams {
			if sip.EqualFold(name, taken) {
				return fmt.Errorf("the parameter %s of the Record-Route is the router's own", taken)
			}
		}
	}
	return nil
}

// isParam reports whether b is made of what may stand in a name or value (paramchar, RFC 3261
// §25.1): a percent sign only before two digits.
func isParam(b []byte) bool {
	for i, c := range b {
		if c == '%' {
			var code [1]byte
			if _, err := hex.Decode(code[:], b[i+1:min(i+3, len(b))]); err != nil || i+3 > len(b) {
				return false
			}
			continue
		}
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') && bytes.IndexByte([]byte("-_.!~*'()[]/:&+$"), c) < 0 {
			return false
		}
	}
	return true
}

// AddParams puts parameters, which are copied, into the Record-Route that this request will bear,
// if it gets one; in a branch route into that branch's. What the Route of the dialog has
// brought stays. Those that are there already are not added again.
func (r *Request) AddParams(text []byte) error {
	if err := CheckParams(text); err != nil {
		return err
	}
	for _, own := range [...]string{r.Engine.cfg.Names.From, r.Engine.cfg.Names.To} {
		if hasParam(text, own) {
			return ErrParams
		}
	}
	if at := bytes.Index(r.params.added, text); at >= 0 && (at+len(text) == len(r.params.added) || r.params.added[at+len(text)] == ';') {
		return nil
	}
	if len(r.params.added)+len(text) > maxParams {
		return ErrParams
	}
	r.params.added = r.Keep(slices.Concat(r.params.added, text))
	return nil
}

// takeParams has the Record-Route of a request within a dialog bear what its Route has brought:
// whoever takes it for a new route set gets the old one.
func (r *Request) takeParams() {
	switch p := &r.params; {
	case !r.InDialog:
		p.given = nil
	case p.given == nil || bytes.HasPrefix(p.added, p.given): // or it was asked for twice
	case len(p.given)+len(p.added) > maxParams:
		p.added = p.given
	default:
		p.added = r.Keep(slices.Concat(p.given, p.added))
	}
}

// ParamsMatch reports whether an expression matches the script's parameters in the Route of a
// request within a dialog, each with the semicolon before it.
func (r *Request) ParamsMatch(re *regexp.Regexp) bool {
	return r.params.given != nil && re.Match(r.params.given)
}

// params are the script's parameters in our Record-Route.
type params struct {
	given []byte // in the Route of this request, which is within a dialog
	added []byte // in the Record-Route that it gets
}

// keepParams takes them along with the call.
func (c *Call) keepParams(p *params) {
	if p.given == nil && p.added == nil && (c.names == nil || c.names.params.added == nil) {
		return
	}
	if c.names == nil {
		c.names = &named{}
	}
	c.names.params = params{slices.Clone(p.given), slices.Clone(p.added)}
}

// splitParams cuts the script's parameters, with the semicolon before them, out of those of a
// Route of ours. nil if there are none; ok is false where they are not as long as they should be.
func splitParams(all []byte, length []byte) (given []byte, ok bool) {
	at := bytes.Index(all, []byte(";"+paramsLength+"="))
	n, isNumber := sip.ParseUint(length, maxParams)
	if at < 0 || !isNumber || n == 0 || int(n) > at {
		return nil, false
	}
	return all[at-int(n) : at : at], true
}
