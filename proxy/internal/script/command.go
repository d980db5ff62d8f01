package script

import (
	"maps"
	"slices"

	"seraph/proxy/internal/module"
)

// command is a command of the language itself.
type command struct {
	min, max int
	routes   module.Routes
	mayWait  bool
	build    func(k *compiler, c *call) node
	refused  string // why it cannot be had
}

// Where the commands may stand: a request is changed until it is sent, and only
// the request route forwards without a transaction.
const (
	requests = module.RequestRoute | module.FailureRoute
	anyRoute = module.AnyRoute
	// uriRoutes are those that have a Request-URI of their own.
	uriRoutes = requests | module.BranchRoute | module.LocalRoute
)

// Why a command is refused.
const (
	noShell   = "is refused: the router runs no programs"
	noSend    = "is not supported: a copy without a Via of ours would have its replies go astray; use forward"
	onlyUDP   = "is not supported yet: forward goes over UDP"
	notYet    = "is not supported yet"
	oneSocket = "is not supported yet: the sending socket follows from the target; set advertised_address or listen … advertise for all messages"
)

// commandTable lists the commands. It is made anew for each compilation, which
// costs little and needs no state of the package.
func commandTable() map[string]command {
	t := map[string]command{
		"route":                  {min: 1, max: 1, routes: anyRoute, build: (*compiler).routeCommand},
		"log":                    {min: 1, max: 2, routes: anyRoute, build: (*compiler).logCommand},
		"error":                  {min: 2, max: 2, routes: anyRoute, build: (*compiler).errorCommand},
		"setflag":                {min: 1, max: 1, routes: anyRoute, build: (*compiler).flagCommand},
		"resetflag":              {min: 1, max: 1, routes: anyRoute, build: (*compiler).flagCommand},
		"isflagset":              {min: 1, max: 1, routes: anyRoute, build: (*compiler).flagCommand},
		"setbflag":               {min: 1, max: 1, routes: anyRoute, build: (*compiler).branchFlagCommand},
		"resetbflag":             {min: 1, max: 1, routes: anyRoute, build: (*compiler).branchFlagCommand},
		"isbflagset":             {min: 1, max: 1, routes: anyRoute, build: (*compiler).branchFlagCommand},
		"len_gt":                 {min: 1, max: 1, routes: anyRoute, build: (*compiler).lenCommand},
		"forward":                {max: 2, routes: module.RequestRoute, mayWait: true, build: (*compiler).forwardCommand},
		"append_branch":          {max: 2, routes: requests, build: (*compiler).branchCommand},
		"revert_uri":             {routes: requests, build: (*compiler).revertCommand},
		"isdsturiset":            {routes: anyRoute, build: (*compiler).nextCommand},
		"resetdsturi":            {routes: uriRoutes, build: (*compiler).nextCommand},
		"force_rport":            {routes: module.RequestRoute, build: (*compiler).rportCommand},
		"strempty":               {min: 1, max: 1, routes: anyRoute, build: (*compiler).emptyCommand},
		"set_reply_no_connect":   {routes: anyRoute, build: (*compiler).replyNoConnect},
		"set_forward_no_connect": {routes: anyRoute, build: (*compiler).forwardNoConnect},
		"force_tcp_alias":        {max: 1, routes: module.RequestRoute, build: (*compiler).aliasCommand},
	}
	for _, name := range []string{"prefix", "strip", "strip_tail", "rewriteuri", "rewritehost", "rewritehostport",
		"rewriteport", "rewriteuser", "rewriteuserpass"} {
		t[name] = command{min: 1, max: 1, routes: uriRoutes, build: (*compiler).uriCommand}
	}
	for name, of := range aliases {
		t[name] = t[of]
	}
	for name, why := range map[string]string{
		"exec": noShell, "send": noSend, "send_tcp": noSend,
		"forward_tcp": onlyUDP, "forward_tls": onlyUDP, "forward_sctp": onlyUDP,
		"set_advertised_address": oneSocket, "set_advertised_port": oneSocket, "force_send_socket": oneSocket,
	} {
		t[name] = command{refused: why}
	}
	return t
}

// aliases are the second names of commands.
var aliases = map[string]string{
	"sethost": "rewritehost", "sethostport": "rewritehostport", "setport": "rewriteport",
	"setuser": "rewriteuser", "setuserpass": "rewriteuserpass", "seturi": "rewriteuri",
	"add_rport": "force_rport", "forward_udp": "forward", "add_tcp_alias": "force_tcp_alias",
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

func subjectNames() []string { return slices.Sorted(maps.Keys(subjects)) }

// command compiles a command.
func (k *compiler) command(c *call, cmd command) node {
	if cmd.refused != "" {
		return k.wrong(c.pos, "%s %s", c.name, cmd.refused)
	}
	if !k.count(c, cmd.min, cmd.max) {
		return nil
	}
	k.use(c.pos, c.name, cmd.routes, cmd.mayWait)
	return cmd.build(k, c)
}

// number demands a number from least to most; it may stand in quotes.
func (k *compiler) number(c *call, v value, least, most int) (int, bool) {
	n, ok := v.num, v.number
	if v.quoted {
		n, ok = atoi(v.text)
	}
	if !ok && !v.quoted && !v.variable {
		k.wrong(v.pos, "%s takes a number from %d to %d; %s is none, and not defined", c.name, least, most, quoted(v.text))
		return 0, false
	}
	if !ok || n < least || n > most {
		k.wrong(v.pos, "%s takes a number from %d to %d", c.name, least, most)
		return 0, false
	}
	return n, true
}

// text demands a string in quotes.
func (k *compiler) text(c *call, v value) (string, bool) {
	if !v.quoted {
		k.wrong(v.pos, "%s takes a text in quotes", c.name)
		return "", false
	}
	return v.text, true
}

// routeCommand is route(NAME).
func (k *compiler) routeCommand(c *call) node {
	v := c.args[0]
	if v.variable {
		return k.wrong(v.pos, "route takes the name of a route, not a variable")
	}
	name := routeName(v.text)
	b := k.routes[name]
	if b == nil {
		if name == "" {
			name = v.text
		}
		return k.wrong(v.pos, "there is no route[%s]%s", name, k.routeMeant(name, k.routes))
	}
	k.block.calls = append(k.block.calls, routeCall{c.pos, b})
	return k.prog.enter(b)
}

// routeMeant names the route that a name is most like; numbers are all alike.
func (k *compiler) routeMeant(name string, t armTable) string {
	if _, number := atoi(name); number || len(name) < 3 {
		return ""
	}
	return k.report.didYouMean(name, slices.Sorted(maps.Keys(t)))
}

// flagCommand is setflag, resetflag and isflagset.
func (k *compiler) flagCommand(c *call) node {
	n, ok := k.number(c, c.args[0], 0, 31)
	bit := uint32(1) << n
	switch {
	case !ok:
		return nil
	case c.name == "setflag":
		return func(c *module.Ctx) result { c.Flags |= bit; return done(c) }
	case c.name == "resetflag":
		return func(c *module.Ctx) result { c.Flags &^= bit; return done(c) }
	}
	return func(c *module.Ctx) result {
		if c.Flags&bit != 0 {
			return done(c)
		}
		return failed(c)
	}
}

// branchFlagCommand is setbflag, resetbflag and isbflagset, of the branch that the
// Request-URI is; in a reply route, of the one that the response is of.
func (k *compiler) branchFlagCommand(c *call) node {
	n, ok := k.number(c, c.args[0], 0, 31)
	bit := uint32(1) << n
	switch {
	case !ok:
		return nil
	case c.name == "setbflag":
		return func(c *module.Ctx) result { c.Main.Flags |= bit; return done(c) }
	case c.name == "resetbflag":
		return func(c *module.Ctx) result { c.Main.Flags &^= bit; return done(c) }
	}
	return func(c *module.Ctx) result {
		if c.Main.Flags&bit != 0 {
			return done(c)
		}
		return failed(c)
	}
}

// lenCommand is len_gt(N): the message has N bytes or more.
func (k *compiler) lenCommand(c *call) node {
	n, ok := k.length(c.args[0])
	if !ok {
		return nil
	}
	return truth(func(c *module.Ctx) bool { return len(c.Msg.Buf) >= n })
}

func (k *compiler) rportCommand(*call) node {
	return func(c *module.Ctx) result { c.ForceRPort(); return done(c) }
}

func (k *compiler) revertCommand(*call) node {
	return func(c *module.Ctx) result { c.RevertURI(); return done(c) }
}
