package script

import (
	"path"
	"strings"

	"seraph/proxy/internal/module"
)

// file is a script as a tree. It holds what could be read even where there are problems.
type file struct {
	globals   []global
	loads     []load
	modparams []modparam
	routes    []*route
}

// global is a setting: name = values.
type global struct {
	pos    Pos
	name   string
	values []value
}

// value is a literal.
type value struct {
	pos    Pos
	text   string
	num    int
	number bool // num counts
	quoted bool
}

// load is a loadmodule statement.
type load struct {
	pos  Pos
	path string
}

// name is the module's: the base name of the path without ".so".
func (l load) name() string { return strings.TrimSuffix(path.Base(l.path), ".so") }

// modparam is a modparam statement.
type modparam struct {
	module, param value
	value         value
}

// route is a block of statements.
type route struct {
	pos    Pos
	kind   module.Routes // of route[N], RequestRoute
	number int
	body   []stmt
}

// title is the route as it is written.
func (r *route) title() string { return blockTitle(r.kind, r.number) }

// stmt is a statement: *ifStmt, *call or *leaveStmt.
type stmt interface{ stmt() }

// ifStmt is if, any number of else if, and else.
type ifStmt struct {
	arms []arm
	els  []stmt
}

// arm is a condition and what is done where it holds.
type arm struct {
	cond expr
	body []stmt
}

// leaveStmt is break, drop, return or exit.
type leaveStmt struct {
	pos  Pos
	word string
	code int // of return
}

// call is a command of the language or a function of a module.
type call struct {
	pos    Pos
	name   string
	args   []value
	parens bool // it was written with parentheses
}

func (*ifStmt) stmt()    {}
func (*leaveStmt) stmt() {}
func (*call) stmt()      {}

// expr is a condition: *all, *anyOf, *not, *compare, *constant or *call.
type expr interface{ expr() }

// all is a && b && …
type all struct{ list []expr }

// anyOf is a || b || …
type anyOf struct{ list []expr }

// not is the negation.
type not struct{ x expr }

// compare compares a value of the message with a literal.
type compare struct {
	pos     Pos
	subject string // method, uri, src_ip …
	op      string // == != =~ < > <= >=
	value   value
}

// constant is a number as a condition: true unless 0.
type constant struct{ num int }

func (*all) expr()      {}
func (*anyOf) expr()    {}
func (*not) expr()      {}
func (*compare) expr()  {}
func (*constant) expr() {}
func (*call) expr()     {}
