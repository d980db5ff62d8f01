package module

import (
	"maps"
	"slices"

	"seraph/proxy/internal/sip"
)

// VariableNames lists the names of the pseudo-variables.
func VariableNames() []string { return slices.Sorted(maps.Keys(variables)) }

// VariableDoc returns the line that says what a variable is, and how one that has
// something in parentheses is written.
func VariableDoc(name string) (doc, form string) {
	if d := variables[name]; d != nil {
		return d.doc, d.arg
	}
	return "", ""
}

// variables are the pseudo-variables, named as in Kamailio.
var variables = map[string]*variable{
	"null": {get: func(*Ctx, *Variable) Value { return Value{} }, doc: "no value: compared with ==, or assigned to remove"},
	"var":  {get: getVar, set: setVar, arg: "a name: $var(x)", doc: "the script's own variable, for one run of one kind of route"},
	"avp":  {get: func(c *Ctx, v *Variable) Value { return c.AVP(v.arg) }, set: setAVP, arg: "a name: $avp(x)", doc: "a value that goes with the transaction, into its branch, failure and reply routes"},
	"hdr":  {get: getHeader, arg: "the name of a header field: $hdr(Subject)", doc: "the first line of a header field, as received"},

	"ru": {get: getURI, set: setURI, doc: "the present Request-URI", takes: `a whole URI such as "sip:bob@example.org"`},
	"rU": {get: ruri(uriUser), set: setUser, doc: "its user", takes: `the user part of a URI, such as "bob"`},
	"rd": {get: getHost, set: setHost, doc: "its host", takes: `a host, and possibly a port, such as "example.org" or "192.0.2.1:5060"`},
	"rp": {get: ruri(uriPort), set: setPort, doc: "its port, 5060 if it has none", takes: "a port from 1 to 65535, or $null"},
	"rz": {get: ruri(uriScheme), doc: "its scheme"},
	"du": {get: getNext, set: setNext, doc: "the URI that the request is sent to in place of the Request-URI; of a phone that `lookup()` has found behind a NAT, where that is", takes: `a whole SIP URI such as "sip:192.0.2.1:5060", or $null`},
	"ou": {get: original(uriWhole), doc: "the Request-URI as received"},
	"oU": {get: original(uriUser), doc: "its user"},
	"od": {get: original(uriHost), doc: "its host"},

	"fu": {get: from(uriWhole), doc: "the URI in From"},
	"fU": {get: from(uriUser), doc: "its user"},
	"fd": {get: from(uriHost), doc: "its host"},
	"fn": {get: func(c *Ctx, _ *Variable) Value { return nameOf(c.Msg.From()) }, doc: "the display name in From"},
	"ft": {get: func(c *Ctx, _ *Variable) Value { return tagOf(c.Msg.From()) }, doc: "the tag of From"},
	"tu": {get: to(uriWhole), doc: "the URI in To"},
	"tU": {get: to(uriUser), doc: "its user"},
	"td": {get: to(uriHost), doc: "its host"},
	"tn": {get: func(c *Ctx, _ *Variable) Value { return nameOf(c.Msg.To()) }, doc: "the display name in To"},
	"tt": {get: func(c *Ctx, _ *Variable) Value { return tagOf(c.Msg.To()) }, doc: "the tag of To"},

	"si":    {get: func(c *Ctx, _ *Variable) Value { return c.address(c.From.Remote.Addr()) }, doc: "the address that the message came from"},
	"sp":    {get: func(c *Ctx, _ *Variable) Value { return port(c.From.Remote) }, doc: "the port that it came from"},
	"Ri":    {get: func(c *Ctx, _ *Variable) Value { return c.address(c.From.Local.Addr()) }, doc: "the address of ours that it came to"},
	"Rp":    {get: func(c *Ctx, _ *Variable) Value { return port(c.From.Local) }, doc: "the port of ours that it came to"},
	"pr":    {get: getProto, doc: "the protocol that it came by: udp, tcp, tls, ws, wss or local"},
	"proto": {get: getProto, doc: "the same"},

	"rm": {get: getMethod, doc: "the method; of a response, that of its CSeq"},
	"ci": {get: func(c *Ctx, _ *Variable) Value { return Text(c.Msg.CallID()) }, doc: "the Call-ID"},
	"cs": {get: getCSeq, doc: "the number of CSeq"},
	"ct": {get: field(sip.HdrContact), doc: "the first line of Contact"},
	"cT": {get: field(sip.HdrContentType), doc: "the Content-Type"},
	"ua": {get: field(sip.HdrUserAgent), doc: "the User-Agent"},
	"rb": {get: getBody, doc: "the body"},
	"bs": {get: func(c *Ctx, _ *Variable) Value { return Number(int64(len(c.Msg.Body()))) }, doc: "the length of the body"},
	"ml": {get: func(c *Ctx, _ *Variable) Value { return Number(int64(len(c.Msg.Buf))) }, doc: "the length of the message"},
	"mf": {get: func(c *Ctx, _ *Variable) Value { return Number(int64(c.Flags)) }, doc: "the flags, as a number"},
	"au": {get: func(c *Ctx, _ *Variable) Value { return Text(emptyNil(c.Auth.User)) }, doc: "the authenticated user"},
	"ar": {get: func(c *Ctx, _ *Variable) Value { return Text(emptyNil(c.Auth.Domain)) }, doc: "the domain of that user"},

	"rs":           {get: getStatus, doc: "the status of a response"},
	"rr":           {get: getReason, doc: "its reason phrase"},
	"T_reply_code": {get: getFinal, doc: "the status of a response; in a failure route, that of the best one"},
	"T_branch_idx": {get: func(c *Ctx, _ *Variable) Value { return Number(int64(c.BranchIndex)) }, doc: "in a branch route, the number of the branch, from 0"},
	"rc":           {get: getReturnCode, doc: "what the last call returned"},
	"retcode":      {get: getReturnCode, doc: "the same"},
	"Ts":           {get: getTime, doc: "the time, in seconds since 1970"},
}

func emptyNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func getVar(c *Ctx, v *Variable) Value {
	if v.slot >= len(c.Vars) {
		return Value{}
	}
	return c.Vars[v.slot]
}

func setVar(c *Ctx, v *Variable, x Value) bool {
	if v.slot >= len(c.Vars) {
		return false
	}
	c.Vars[v.slot] = x
	return true
}

func setAVP(c *Ctx, v *Variable, x Value) bool { return c.SetAVP(v.arg, x) }

func getHeader(c *Ctx, v *Variable) Value {
	h := c.Msg.Named(v.arg)
	if h == nil {
		return Value{}
	}
	return Text(c.Msg.Value(h))
}

func field(id sip.HeaderID) func(*Ctx, *Variable) Value {
	return func(c *Ctx, _ *Variable) Value { return Text(emptyNil(c.Msg.HeaderValue(id))) }
}

func getProto(c *Ctx, _ *Variable) Value {
	c.scratch = append(c.scratch[:0], c.From.Proto.String()...)
	return c.kept(c.scratch)
}

func getMethod(c *Ctx, _ *Variable) Value {
	if c.Msg.IsRequest {
		return Text(c.Msg.MethodText())
	}
	if s, err := c.Msg.CSeq(); err == nil {
		return Text(s.MethodText)
	}
	return Value{}
}

func getCSeq(c *Ctx, _ *Variable) Value {
	if s, err := c.Msg.CSeq(); err == nil {
		return Number(int64(s.Number))
	}
	return Value{}
}

func getBody(c *Ctx, _ *Variable) Value { return Text(emptyNil(c.Msg.Body())) }

func getStatus(c *Ctx, _ *Variable) Value {
	if c.Msg.IsRequest {
		return Value{}
	}
	return Number(int64(c.Msg.Status))
}

func getReason(c *Ctx, _ *Variable) Value {
	if c.Msg.IsRequest {
		return Value{}
	}
	return Text(c.Msg.Reason())
}

func getFinal(c *Ctx, _ *Variable) Value {
	if c.Final == 0 {
		return Value{}
	}
	return Number(int64(c.Final))
}

func getReturnCode(c *Ctx, _ *Variable) Value { return Number(int64(c.ReturnCode)) }

func getTime(c *Ctx, _ *Variable) Value { return Number(c.Engine.Now().Unix()) }
