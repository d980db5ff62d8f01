package auth

import (
	"bytes"
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const routes = module.RequestRoute
	return []module.Func{
		{Name: "www_challenge", Min: 2, Max: 2, Routes: routes, Compile: m.compileChallenge(false),
			Doc: "answers 401 with a digest challenge"},
		{Name: "proxy_challenge", Min: 2, Max: 2, Routes: routes, Compile: m.compileChallenge(true),
			Doc: "answers 407 with a digest challenge"},
		{Name: "consume_credentials", Routes: routes, Compile: module.NoArgs(consume),
			Doc: "takes the credentials that were accepted out of the request"},
		{Name: "check_to", Routes: routes, Compile: module.NoArgs(checkTo),
			Doc: "true if To is the address of who was authenticated"},
		{Name: "check_from", Routes: routes, Compile: module.NoArgs(checkFrom),
			Doc: "true if From is the address of who was authenticated"},
	}
}

// realmArg checks a realm as a script writes it and makes it canonical; "" stays.
func realmArg(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	realm, err := aor.ParseDomain(text)
	if err != nil {
		return "", fmt.Errorf("the realm is a domain of ours, because the stored hashes are made with it: %w", err)
	}
	return realm, nil
}

// compileChallenge compiles www_challenge(realm, qop) and proxy_challenge.
func (m *Module) compileChallenge(proxy bool) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		realm, err := realmArg(args[0].Str)
		if err != nil {
			return nil, err
		}
		qop, err := args[1].Int(0, 1)
		if err != nil {
			return nil, fmt.Errorf("qop is \"1\", or \"0\" for phones that know none: %w", err)
		}
		return func(c *module.Ctx) int { return m.send(c, realm, qop == 1, proxy) }, nil
	}
}

// consume is consume_credentials. Credentials for our realm go; those for others,
// further along, stay.
func consume(c *module.Ctx) int {
	if c.Local != nil || c.Msg.Method == sip.ACK {
		return module.True
	}
	if len(c.Auth.Domain) == 0 {
		return module.False
	}
	result := module.False
	var cr sip.Credentials
	for _, id := range [...]sip.HeaderID{sip.HdrAuthorization, sip.HdrProxyAuthorization} {
		for h := c.Msg.Header(id); h != nil; h = c.Msg.Next(h) {
			if sip.ParseCredentials(c.Msg.Value(h), &cr) == nil && bytes.EqualFold(cr.Realm, c.Auth.Domain) {
				c.Msg.Delete(h.Start, h.End-h.Start)
				result = module.True
			}
		}
	}
	return result
}

func checkTo(c *module.Ctx) int {
	u, err := c.Msg.ToURI()
	return speaksFor(c, u, err)
}

func checkFrom(c *module.Ctx) int {
	u, err := c.Msg.FromURI()
	return speaksFor(c, u, err)
}

// speaksFor is true if an address is that of who was authenticated. The router's own
// user agent speaks for whom it says, and an ACK cannot say.
func speaksFor(c *module.Ctx, u *sip.URI, err error) int {
	if c.Local != nil || c.Msg.Method == sip.ACK {
		return module.True
	}
	if err != nil || len(c.Auth.User) == 0 || !u.HasUser || u.Host == nil {
		return module.False
	}
	var room [512]byte
	b, err := aor.AppendCanonical(room[:0], u.User, u.Host)
	at := len(c.Auth.User)
	if err != nil || len(b) != at+1+len(c.Auth.Domain) || !bytes.Equal(b[:at], c.Auth.User) || b[at] != '@' ||
		!bytes.Equal(b[at+1:], c.Auth.Domain) {
		return module.False
	}
	return module.True
}
