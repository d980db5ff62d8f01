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
	// foreign says that a word of it is none of SER 0.9's.
	foreign bool
	// mixed are the first | of each pair of parentheses that has && beside it.
	mixed []token
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
	// variable says that text is a pseudo-variable without quotes.
	variable bool
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
	pos  Pos
	kind module.Routes // of route[NAME], RequestRoute
	name string        // as it stands in the brackets, a number without leading zeros; "" for the main ones
	body []stmt
}

// title is the route as it is written.
func (r *route) title() string { return blockTitle(r.kind, r.name) }

// stmt is a statement: *ifStmt, *switchStmt, *whileStmt, *assignStmt, *call or *leaveStmt.
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

// switchStmt is switch; the bodies run on into each other.
type switchStmt struct {
	pos   Pos
	value expr
	cases []caseArm
}

// caseArm is a case, or the default, and what follows it.
type caseArm struct {
	pos   Pos
	value value
	other bool // it is the default
	// unread says that its value could not be read.
	unread bool
	body   []stmt
}

// whileStmt is while.
type whileStmt struct {
	pos  Pos
	cond expr
	body []stmt
}

// assignStmt is $name = value.
type assignStmt struct {
	pos   Pos
	name  string // as written, with the dollar sign
	value expr
}

// leaveStmt is break, drop, return or exit.
type leaveStmt struct {
	pos   Pos
	word  string
	code  int  // of return
	value expr // of return, in place of code; or nil
}

// call is a command of the language or a function of a module.
type call struct {
	pos    Pos
	name   string
	args   []value
	parens bool // it was written with parentheses
}

func (*ifStmt) stmt()     {}
func (*switchStmt) stmt() {}
func (*whileStmt) stmt()  {}
func (*assignStmt) stmt() {}
func (*leaveStmt) stmt()  {}
func (*call) stmt()       {}

// expr is a condition or a value: *conj, *disj, *not, *compare, *relation, *arith,
// *literal, *variable or *call.
type expr interface{ expr() }

// conj is a && b && …
type conj struct{ list []expr }

// disj is a || b || …
type disj struct{ list []expr }

// not is the negation.
type not struct{ x expr }

// compare compares a value of the message with a literal.
type compare struct {
	pos     Pos
	subject string // method, uri, src_ip …
	op      string // == != =~ < > <= >=
	value   value
}

// relation compares two values.
type relation struct {
	pos         Pos
	op          string // == != =~ !~ < > <= >=
	left, right expr
}

// arith reckons with two values, or joins two texts.
type arith struct {
	pos         Pos
	op          string // + - * / %
	left, right expr
}

// literal is a number or a text.
type literal struct{ value value }

// variable is a pseudo-variable.
type variable struct {
	pos  Pos
	text string // as written, with the dollar sign
}

func (*conj) expr()     {}
func (*disj) expr()     {}
func (*not) expr()      {}
func (*compare) expr()  {}
func (*relation) expr() {}
func (*arith) expr()    {}
func (*literal) expr()  {}
func (*variable) expr() {}
func (*call) expr()     {}
