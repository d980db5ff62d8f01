// Package uacredirect is Kamailio's module uac_redirect: it follows the contacts of 3xx
// replies. README.md is its manual page.
package uacredirect

import (
	"fmt"
	"regexp"
	"strings"

	"seraph/proxy/internal/module"
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
			Doc: "regular expression of contacts that are followed, whatever deny_filter says"},
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

// accepts asks the filters about a contact.
func (m *Module) accepts(uri []byte) bool {
	switch {
	case m.only != nil && m.only.Match(uri):
		return true
	case m.denied != nil && m.denied.Match(uri):
		return false
	}
	return !m.deny
}
