// Package uacredirect is Kamailio's module uac_redirect: it follows the contacts of 3xx
// replies. README.md is its manual page.
package uacredirect

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is uac_redirect.
type Module struct {
	deny         bool // what neither filter matches
	denied, only *regexp.Regexp
}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "uac_redirect".
func (m *Module) Name() string { return "uac_redirect" }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	return []module.Param{
		{Name: "default_filter", Kind: module.String, Set: m.setDefault,
			Doc: "what becomes of a contact that no filter matches: accept (default) or deny"},
		{Name: "accept_filter", Kind: module.String, Set: filter(&m.only),
			Doc: "regular expression of contacts that are followed, whatever deny_filter says, to a gateway too where it names the host"},
		{Name: "deny_filter", Kind: module.String, Set: filter(&m.denied),
			Doc: "regular expression of contacts that are not followed"},
	}
}

func (m *Module) setDefault(s string, _ int) error {
	switch s {
	case "accept", "deny":
		m.deny = s == "deny"
		return nil
	}
	return fmt.Errorf("%q is neither accept nor deny", s)
}

func filter(to **regexp.Regexp) func(string, int) error {
	return func(s string, _ int) error {
		re, err := module.Regexp(module.AnyCase, s)
		if err != nil {
			return fmt.Errorf("bad regular expression: %w", err)
		}
		*to = re
		return nil
	}
}

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	return []module.Func{
		{Name: "get_redirects", Min: 1, Max: 1, Routes: module.FailureRoute, Compile: m.compileRedirects,
			Doc: "adds the contacts of the 3xx replies as branches"},
	}
}

// mostContacts bounds a number of contacts.
const mostContacts = 16

// compileRedirects compiles get_redirects(max): "*" for all, a number for so many in all,
// "4:2" for so many in all and of each branch.
func (m *Module) compileRedirects(args []module.Arg) (module.Call, error) {
	total, branch, both := strings.Cut(args[0].Str, ":")
	most, err := number(total)
	if err != nil {
		return nil, err
	}
	per := 0
	if both {
		if per, err = number(branch); err != nil {
			return nil, err
		}
	}
	return func(c *module.Ctx) int {
		if _, err := c.Redirects(most, per, m.accepts); err != nil {
			return module.False
		}
		return module.True
	}, nil
}

// number reads one of the two numbers; "*" and nothing at all are 0, no limit.
func number(s string) (int, error) {
	if s == "*" || s == "" {
		return 0, nil
	}
	n, err := module.Arg{Kind: module.String, Str: s}.Int(1, mostContacts)
	if err != nil {
		return 0, fmt.Errorf("number of contacts: %w; \"*\" is all", err)
	}
	return n, nil
}

// accepts asks the filters about a contact: whether it is followed, and whether accept_filter has
// named its host.
func (m *Module) accepts(uri []byte) (follow, named bool) {
	switch {
	case m.only != nil && m.only.Match(uri):
		return true, names(m.only, uri)
	case m.denied != nil && m.denied.Match(uri):
		return false, false
	}
	return !m.deny, false
}

// others are hosts that no script names, of either kind.
var others = [][]byte{[]byte("nobodys.invalid"), []byte("192.0.2.254")}

// names reports whether what a filter matches in a URI holds the whole host: of a part of it, and of
// the user or the parameters beside it, anybody can write what a filter looks for. A filter that any
// host would do for, such as ".*", names none.
func names(filter *regexp.Regexp, uri []byte) bool {
	var u sip.URI
	if sip.ParseURI(uri, &u) != nil {
		return false
	}
	if _, elsewhere := u.Param("maddr"); elsewhere {
		return false
	}
	before := byte(':')
	if u.HasUser {
		before = '@'
	}
	start := bytes.IndexByte(uri, before) + 1
	for _, other := range others {
		if holds(filter, slices.Concat(uri[:start], other, uri[start+len(u.Host):]), start, len(other)) {
			return false
		}
	}
	return holds(filter, uri, start, len(u.Host))
}

// holds reports whether what a filter matches in a URI holds all of a piece of it.
func holds(filter *regexp.Regexp, uri []byte, start, n int) bool {
	return slices.ContainsFunc(filter.FindAllIndex(uri, -1), func(at []int) bool { return at[0] <= start && at[1] >= start+n })
}
