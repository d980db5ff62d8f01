// Package module says what a module of the routing language is: a name, the
// parameters that modparam sets, and the functions that a script calls. Modules
// are values made by their package's New; package modules lists them, and
// nothing registers itself.
package module

import (
	"context"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// Module is what a script's loadmodule brings in.
type Module interface {
	// Name is the name in loadmodule and modparam, such as "usrloc".
	Name() string
	// Params lists the parameters.
	Params() []Param
	// Funcs lists the functions.
	Funcs() []Func
}

// Checker is a module whose parameters can contradict each other, or what the script calls.
// Check opens and changes nothing; the compiler calls it once all parameters are set and all
// routes compiled, so that -c and a reload refuse what could not be started. An error says what
// would be right.
type Checker interface{ Check() error }

// Dependent is a module that needs others, which the script must load before it.
type Dependent interface{ Needs() []string }

// Initializer is a module that prepares itself once all parameters of the script are set and
// checked, and before the first message. An error ends the start.
type Initializer interface{ Init() error }

// Runner is a module with work of its own. Run returns when ctx ends.
type Runner interface{ Run(ctx context.Context) }

// Kind is the type of a parameter's or an argument's value.
type Kind uint8

// The types of the language. A number may be written as a string ("16").
const (
	String Kind = iota
	Int
)

// Param is one parameter of a module.
type Param struct {
	Name string
	Kind Kind
	// Set takes the value: str for String, num for Int. An error is reported at
	// the modparam statement and says what would be right.
	Set func(str string, num int) error
	Doc string // one line for the module index
	// Secret says that the value holds a password and is masked wherever it is shown.
	Secret bool
	// Idle says why the value has no effect, where it has none: whoever sets it is told.
	Idle string
	// Told says what whoever sets this value should know, "" for nothing: where it means
	// something else than in SER or Kamailio. nil where no value does.
	Told func(str string, num int) string
	// Live says that Set may be called while the module works, so that a reload of
	// the script takes the change. All others take it at the next start.
	Live bool
	// AtStart says that it is not the module which goes by the value but what the router makes
	// once, at its start, such as sockets and timers, whether the script loads the module or
	// not: a reload that loads the module brings no other value into force.
	AtStart bool
	// Replace is, of a Live parameter that may stand several times, what a reload calls in place
	// of Set: with all values of the new script, none if it has none any more.
	Replace func(values []string) error
}

// Routes is a set of the kinds of route blocks.
type Routes uint8

// The kinds of route blocks in which a function may stand.
const (
	RequestRoute Routes = 1 << iota
	FailureRoute
	ReplyRoute
	BranchRoute
	LocalRoute // event_route[tm:local-request]

	AnyRoute = RequestRoute | FailureRoute | ReplyRoute | BranchRoute | LocalRoute
)

// Call is a function bound to its arguments. It returns a value above 0 for
// true, below 0 for false, and 0 to end the script (SER's convention).
type Call func(c *Ctx) int

// Func is one function that a script may call.
type Func struct {
	Name     string
	Min, Max int // number of arguments
	Routes   Routes
	// MayWait says that a call may wait for a database or a resolver. The
	// compiler refuses it in reply routes, which never wait.
	MayWait bool
	// Compile checks the arguments, which are literals, and binds them. An error
	// is reported at the call and says what would be right. It changes nothing of the
	// module: a reload of the script compiles while the module works.
	Compile func(args []Arg) (Call, error)
	Doc     string // one line for the module index
	// Dynamic says that the texts among the arguments may hold pseudo-variables:
	// Compile reads such a text by Arg.Format.
	Dynamic bool
}

// Arg is one argument of a call in a script.
type Arg struct {
	Kind Kind
	Str  string // the text; of a number, as written
	Num  int
	// Scope is where the script's own variables live, for Format; nil where the
	// function takes no variables.
	Scope *Scope
}

// Ctx is one run of a route block. It lives with its worker and is used again;
// a module keeps nothing of it.
type Ctx struct {
	relay.Request
	Route Routes // the kind of block that runs

	// ReturnCode is what the last call returned, SER's $retcode.
	ReturnCode int
	// Depth counts the route blocks that are entered and not left.
	Depth int
	// Steps counts what the run has done, so that no script keeps a worker for ever.
	Steps int
	// Constant says of the value that $name = … is about to set that it stands in the script itself: it is the
	// script's word, whatever it says. What a run has made may be what a user has said.
	Constant bool
	// Looped says that the log has heard of a loop that max_while_loops ended.
	Looped bool
	// Vars are the script's own variables by their place in its Scope.
	Vars []Value

	scratch []byte             // where values are put together before they are kept
	lines   [maxFormats][]byte // the same for texts that are made of values
	formats int                // how many of them are being written
	users   bool               // a variable in the one that is written is a user's word: Value.Users
	uri     sip.URI
}

// What a Call returns.
const (
	Stop  = 0
	True  = 1
	False = -1
)

// Truth is True or False.
func Truth(yes bool) int {
	if yes {
		return True
	}
	return False
}
