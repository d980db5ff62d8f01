package group

import (
	"fmt"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{{Name: "is_user_in", Min: 2, Max: 2, Routes: module.RequestRoute | module.FailureRoute | module.LocalRoute,
		Compile: m.compileIsUserIn, Doc: "true if the user of From, To, the Request-URI or the credentials has a permission"}}
}

// maxGroup is the longest name of a group, as the column's.
const maxGroup = 64

// who names where the user of a question stands.
type who uint8

const (
	inFrom who = iota + 1
	inTo
	inRequestURI
	inCredentials
)

var places = map[string]who{"from": inFrom, "to": inTo, "request-uri": inRequestURI, "credentials": inCredentials}

// compileIsUserIn compiles is_user_in(who, group).
func (m *Module) compileIsUserIn(args []module.Arg) (module.Call, error) {
	place, ok := places[strings.ToLower(args[0].Str)] // SER's scripts write it in any case
	if !ok {
		return nil, fmt.Errorf("%q is none of \"From\", \"To\", \"Request-URI\" and \"Credentials\"", args[0].Str)
	}
	group := args[1].Str
	if group == "" || len(group) > maxGroup {
		return nil, fmt.Errorf("the name of a group has 1 to %d characters", maxGroup)
	}
	for i := range len(group) {
		if c := group[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return nil, fmt.Errorf("the name of a group has letters, digits, \"-\", \"_\" and \".\" only, not %q", c)
		}
	}
	return func(c *module.Ctx) int {
		var room [512]byte
		b, ok := place.append(room[:0], c)
		if !ok {
			return module.False
		}
		b = append(append(b, ' '), group...)
		if _, ok := (*m.list.Load())[string(b)]; !ok {
			return module.False
		}
		return module.True
	}, nil
}

// append appends the canonical address of the user to dst; false if there is none.
func (w who) append(dst []byte, c *module.Ctx) ([]byte, bool) {
	var u *sip.URI
	var err error
	switch w {
	case inFrom:
		u, err = c.Msg.FromURI()
	case inTo:
		u, err = c.Msg.ToURI()
	case inRequestURI:
		u, err = c.URI()
	default: // who was authenticated before
		if len(c.Auth.User) == 0 {
			return dst, false
		}
		return append(append(append(dst, c.Auth.User...), '@'), c.Auth.Domain...), true
	}
	if err != nil {
		return dst, false
	}
	return canonical(dst, u)
}

func canonical(dst []byte, u *sip.URI) ([]byte, bool) {
	if !u.HasUser || u.Host == nil {
		return dst, false
	}
	b, err := aor.AppendCanonical(dst, u.User, u.Host)
	return b, err == nil
}
