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
		{Name: "www_challenge", Min: 2, Max: 2, Routes: routes, Dynamic: true, Compile: m.compileChallenge(always(false)),
			Doc: "answers 401 with a digest challenge"},
		{Name: "proxy_challenge", Min: 2, Max: 2, Routes: routes, Dynamic: true, Compile: m.compileChallenge(always(true)),
			Doc: "answers 407 with a digest challenge"},
		{Name: "auth_challenge", Min: 2, Max: 2, Routes: routes, Dynamic: true, Compile: m.compileChallenge(asProxy),
			Doc: "www_challenge of a REGISTER, proxy_challenge of all others"},
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

// Realm reads the realm of a function: a domain, or "" for that of the address that the request speaks
// for. What is returned finds it in a run. Variables may stand in it; what they bring, often
// a stranger's own words, has to be a domain of ours, or ok is false.
func (m *Module) Realm(a module.Arg) (func(c *module.Ctx) (realm string, ok bool), error) {
	format, literal, err := a.Format()
	if err != nil {
		return nil, err
	}
	if format == nil {
		realm, err := realmArg(literal)
		return func(*module.Ctx) (string, bool) { return realm, true }, err
	}
	return func(c *module.Ctx) (string, bool) {
		realm, err := aor.ParseDomain(string(format.Line(c)))
		return realm, err == nil && m.local([]byte(realm))
	}, nil
}

func always(proxy bool) func(*module.Ctx) bool { return func(*module.Ctx) bool { return proxy } }

// asProxy reports whether a request is to bear Proxy-Authorization: whoever asks for a binding speaks
// to the registrar, others to the proxy.
func asProxy(c *module.Ctx) bool { return c.Msg.Method != sip.REGISTER }

// compileChallenge compiles www_challenge(realm, qop), proxy_challenge and auth_challenge.
func (m *Module) compileChallenge(proxy func(*module.Ctx) bool) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		realm, err := m.Realm(args[0])
		if err != nil {
			return nil, err
		}
		qop, err := args[1].Int(0, 1)
		if err != nil {
			return nil, fmt.Errorf("qop is \"1\", or \"0\" for phones that know none: %w", err)
		}
		return func(c *module.Ctx) int {
			domain, ok := realm(c)
			if !ok {
				return m.foreign(c)
			}
			return m.send(c, domain, qop == 1, proxy(c))
		}, nil
	}
}

// What Check looks at, as Kamailio numbers it.
const (
	CheckUser    = 1 // From, and To of a REGISTER, are the addresses of who was authenticated
	SkipCallerID = 2 // … but in requests that may hide who calls
)

// userMismatch is what Check returns for an address of somebody else.
const userMismatch = -8

// Check is the body of auth_db's auth_check: Authorize by the header that fits the method, and then
// whether the request speaks for who was authenticated.
func (m *Module) Check(c *module.Ctx, realm string, flags int) int {
	result := m.Authorize(c, realm, asProxy(c))
	if result != module.True || flags&CheckUser == 0 {
		return result
	}
	method := c.Msg.Method
	if flags&SkipCallerID != 0 && (method == sip.INVITE || method == sip.BYE || method == sip.PRACK || method == sip.UPDATE || method == sip.MESSAGE) {
		return module.True
	}
	mine := checkFrom(c) == module.True
	if method == sip.REGISTER || method == sip.PUBLISH {
		mine = mine && checkTo(c) == module.True
	}
	if method == sip.PUBLISH {
		u, err := c.Msg.URI()
		mine = mine && speaksFor(c, u, err) == module.True
	}
	if !mine {
		return userMismatch
	}
	return module.True
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
				c.Msg.RemoveLine(h)
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
	if err != nil || !c.Auth.Owns(u) {
		return module.False
	}
	return module.True
}
