// Package siputils is Kamailio's module siputils, with what SER has in its module
// uri: small questions about a message. README.md is its manual page.
package siputils

import (
	"errors"
	"fmt"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
)

// Config is what the module needs: nothing so far.
type Config struct{}

// Module is siputils.
type Module struct{}

// New makes the module.
func New(Config) *Module { return &Module{} }

// Name is "siputils".
func (m *Module) Name() string { return "siputils" }

// Params is empty.
func (m *Module) Params() []module.Param { return nil }

// Funcs lists the functions.
func (m *Module) Funcs() []module.Func {
	const requests = module.RequestRoute | module.FailureRoute | module.BranchRoute | module.LocalRoute
	return []module.Func{
		{Name: "has_totag", Routes: module.AnyRoute, Compile: question(hasToTag),
			Doc: "true if To has a tag, as within a dialog"},
		{Name: "is_request", Routes: module.AnyRoute, Compile: question(isRequest),
			Doc: "true if the message is a request"},
		{Name: "is_reply", Routes: module.AnyRoute, Compile: question(isReply),
			Doc: "true if the message is a response"},
		{Name: "is_first_hop", Routes: module.AnyRoute, Compile: question(isFirstHop),
			Doc: "true if nothing but the router is between the sender and here"},
		{Name: "is_user", Min: 1, Max: 1, Routes: requests, Compile: compileIsUser,
			Doc: "true if the authenticated user has this name"},
		{Name: "uri_param", Min: 1, Max: 2, Routes: requests, Compile: compileURIParam,
			Doc: "true if the Request-URI has a parameter, with a value if one is given"},
		{Name: "tel2sip", Routes: module.RequestRoute | module.FailureRoute | module.LocalRoute, Compile: module.NoArgs(telToSIP),
			Doc: "makes a SIP URI of From's domain of a telephone number in the Request-URI"},
		{Name: "options_reply", Routes: module.RequestRoute, Compile: module.NoArgs(optionsReply),
			Doc: "answers an OPTIONS that is meant for the router itself"},
	}
}

// question compiles to a function without arguments that is true or false.
func question(ask func(*module.Ctx) bool) func([]module.Arg) (module.Call, error) {
	return module.NoArgs(func(c *module.Ctx) int { return module.Truth(ask(c)) })
}

func hasToTag(c *module.Ctx) bool {
	to, err := c.Msg.To()
	return err == nil && to.Tag != nil
}

func isRequest(c *module.Ctx) bool { return c.Msg.IsRequest }

func isReply(c *module.Ctx) bool { return !c.Msg.IsRequest }

// isFirstHop tells by the Via of a request, and by the Record-Route of a response: the
// topmost is that of the last router before its sender.
func isFirstHop(c *module.Ctx) bool {
	if c.Msg.IsRequest {
		vias := c.Msg.Values(sip.HdrVia)
		return vias.Next() != nil && vias.Next() == nil
	}
	routes := c.Msg.Values(sip.HdrRecordRoute)
	top := routes.Next()
	if top == nil {
		return true
	}
	var a sip.NameAddr
	var u sip.URI
	return sip.ParseNameAddr(top, &a) == nil && sip.ParseURI(a.URI, &u) == nil && c.Engine.Myself(u.Host, u.Port)
}

// compileIsUser compiles is_user(name).
func compileIsUser(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if name == "" {
		return nil, errors.New("the user name is empty")
	}
	return func(c *module.Ctx) int { return module.Truth(sip.EqualFold(c.Auth.User, name)) }, nil
}

// compileURIParam compiles uri_param(name) and uri_param(name, value).
func compileURIParam(args []module.Arg) (module.Call, error) {
	name := args[0].Str
	if name == "" {
		return nil, errors.New("the name of the parameter is empty")
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == ';' || c == '=' || c == '?' || c >= 0x7f {
			return nil, fmt.Errorf("%q is no name of a parameter", name)
		}
	}
	return func(c *module.Ctx) int {
		u, err := c.URI()
		if err != nil {
			return module.False
		}
		value, has := u.Param(name)
		return module.Truth(has && (len(args) == 1 || sip.EqualFold(value, args[1].Str)))
	}, nil
}

// capabilities are the header lines of the answer to OPTIONS (RFC 3261 §11.2).
var capabilities = []byte("Accept: */*\r\nAccept-Language: en\r\n")

// optionsReply is options_reply: false if the request is no OPTIONS, or is for a user.
func optionsReply(c *module.Ctx) int {
	u, err := c.URI()
	if c.Msg.Method != sip.OPTIONS || err != nil || u.HasUser || c.Replied {
		return module.False
	}
	return module.Truth(c.ReplyStateless(&sip.Reply{Status: 200, Extra: capabilities}) == nil)
}
