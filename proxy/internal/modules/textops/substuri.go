package textops

import (
	"bytes"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// compileSubstURI compiles subst_uri(expression). A URI whose host or port has become another
// leads elsewhere, as with rewriteuri; where only the user has changed, what lookup has found
// stays.
func compileSubstURI(args []module.Arg) (module.Call, error) {
	s, err := parseSubst(args[0])
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		text := s.in(c, c.Main.URI)
		if text == nil {
			return module.False
		}
		before, known := placeOf(c)
		if c.SetURI(text) != nil {
			return module.False
		}
		if now, ok := placeOf(c); !known || !ok || !samePlace(&before, &now) {
			c.NamedBy(c.Main.OwnersWord() && known && ok && isLeft(&before, &now))
		}
		return module.True
	}, nil
}

// samePlace reports whether two URIs differ in the user at most.
func samePlace(a, b *sip.URI) bool {
	return a.Scheme == b.Scheme && a.Host != nil && bytes.EqualFold(a.Host, b.Host) && a.Port == b.Port && bytes.Equal(a.Params, b.Params)
}

// isLeft reports whether the host that a URI leads to stood in the one before, as its host or its maddr.
func isLeft(before, now *sip.URI) bool {
	to := relay.HostOf(now)
	return sip.SameHost(to, before.Host) || sip.SameHost(to, relay.HostOf(before))
}

// placeOf is the present Request-URI; its texts last as long as the request.
func placeOf(c *module.Ctx) (u sip.URI, ok bool) {
	present, err := c.URI()
	if err != nil {
		return u, false
	}
	return *present, true
}

// compileSubstUser compiles subst_user(expression).
func compileSubstUser(args []module.Arg) (module.Call, error) {
	s, err := parseSubst(args[0])
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		u, err := c.URI()
		if err != nil {
			return module.False
		}
		text := s.in(c, u.User)
		return module.Truth(text != nil && c.SetUser(text))
	}, nil
}
