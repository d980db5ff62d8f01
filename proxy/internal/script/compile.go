package script

import (
	"log/slog"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// Options is what a script is compiled with.
type Options struct {
	// Modules are the modules that it may load. Compile sets their parameters, so
	// each compilation needs modules of its own.
	Modules []module.Module
	// Defines are words that are defined before the first line, as NAME or NAME=VALUE (Kamailio's -A).
	Defines []string
	// Read reads the files that a script includes; nil refuses them.
	Read func(path string) ([]byte, error)
	Log  *slog.Logger // nil discards
	// Working are modules that work already: their parameters are not set. What the
	// script says of them stands in Program.Params.
	Working []module.Module
	// Guarded shows nothing of files that do not look like scripts; of the text itself
	// neither, unless it was Given by who will see the problems.
	Guarded, Given bool
}

// Compile reads, checks and compiles a script; name is the file's in problems.
// It sets the parameters of the modules that the script loads, but starts
// nothing. There is a Program if there are no problems. What its author should know,
// such as routes that nothing calls, stands in Program.Remarks and is logged.
func Compile(name string, text []byte, opt Options) (*Program, []Problem) {
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if len(text) > MaxSize {
		r := newReport(name, "")
		r.add(r.start(), "the script is larger than %d bytes", MaxSize)
		return nil, r.problems()
	}
	src := string(text)
	r := newReport(name, src)
	r.guarded, r.files[0].known = opt.Guarded, opt.Given
	k := &compiler{
		report:  r,
		known:   opt.Modules,
		working: opt.Working,
		prog:    &Program{log: log, scope: &module.Scope{}, calls: map[string]bool{}},
		routes:  map[string]*block{},
	}
	tokens := newReader(name, src, r, opt.Read)
	tokens.defineAll(opt.Defines)
	k.compile(parse(tokens))
	if problems := k.report.problems(); len(problems) > 0 {
		return nil, problems
	}
	k.prog.remarks = k.report.listed(k.report.remarks)
	logRemarks(log, k.prog.remarks)
	return k.prog, nil
}

// compiler turns the tree into a Program.
type compiler struct {
	report *report
	known  []module.Module
	// working are the modules whose parameters are not set.
	working []module.Module
	prog    *Program
	loaded  []Pos           // where each module of the program is loaded
	refused map[string]bool // modules of which a parameter was refused

	funcs    map[string][]boundFunc
	commands map[string]command
	routes   map[string]*block // route[NAME]; "" is the main route
	armed    map[module.Routes]armTable
	block    *block // the one that is being compiled
	custom   map[string]*customSetting
	loops    int                // how many switches and loops are around what is being compiled
	tries    int                // how many regular expressions were compiled
	unknowns map[string]unknown // what was said of names that nothing has
	foreign  bool               // the script shows that it is none of SER 0.9's
	drops    []blockDrop
	matched  []string // the variables that && asks about by =~ around what is being compiled
	naming   bool     // the next value of listen is a socket's name
}

// boundFunc is a function and the module that has it.
type boundFunc struct {
	module.Func
	owner module.Module
}

func (k *compiler) compile(f *file) {
	k.prog.tree, k.foreign = f, f.isForeign()
	k.report.hide = hider{open: k.isOpen}
	k.commands = commandTable()
	k.refuseMixed(f.mixed)
	for _, g := range f.globals {
		k.global(g)
	}
	k.finishGlobals()
	k.prog.scope.Add([]module.Var{k.selection()})
	k.load(f.loads)
	k.refused = map[string]bool{}
	for _, m := range f.modparams {
		k.modparam(m)
	}
	k.prog.secret = k.secrets(f.modparams)
	for i, b := range k.declare(f.routes) {
		k.block = b
		b.run = k.statements(f.routes[i].body)
	}
	k.check()
	k.reach()
	k.tellDrops()
	k.tellUnread()
	k.prog.budget = maxSteps
	for _, b := range k.blocks() {
		k.prog.budget += b.weight
	}
	k.long()
}

// wrong reports a problem and is no node.
func (k *compiler) wrong(at Pos, format string, args ...any) node {
	k.report.add(at, format, args...)
	return nil
}

// statements compiles a list. Where a statement has a problem there is no node,
// but no program either.
func (k *compiler) statements(list []stmt) node {
	nodes := make([]node, 0, len(list))
	for _, s := range list {
		nodes = append(nodes, k.statement(s))
	}
	return sequence(nodes)
}

// What a statement, and a call of a module's function, counts as steps.
const (
	stepWeight = 1
	callWeight = 20
)

func (k *compiler) statement(s stmt) node {
	k.block.weight += stepWeight
	if k.report.full {
		return nil // there is no program, and nobody reads more
	}
	switch s := s.(type) {
	case *ifStmt:
		conds, bodies := make([]node, len(s.arms)), make([]node, len(s.arms))
		for i, a := range s.arms {
			conds[i], bodies[i] = k.condition(a.cond), k.statements(a.body)
		}
		return choose(conds, bodies, k.statements(s.els))
	case *switchStmt:
		return k.switching(s)
	case *whileStmt:
		return k.loop(s)
	case *assignStmt:
		return k.assign(s)
	case *leaveStmt:
		return k.leave(s)
	case *call:
		return k.call(s)
	}
	return nil
}

func (k *compiler) condition(x expr) node {
	k.block.weight += stepWeight
	if k.report.full {
		return nil
	}
	switch x := x.(type) {
	case *conj:
		return k.conjoined(x.list)
	case *disj:
		return disjunction(k.conditions(x.list))
	case *not:
		return k.negated(x)
	case *compare:
		return k.compare(x)
	case *relation:
		return k.relation(x)
	case *call:
		return k.call(x)
	}
	return k.counted(x, func(n int64) bool { return n > 0 })
}

// negated is what stands after !: of a value the question whether it counts as 0.
func (k *compiler) negated(x *not) node {
	if isValue(x.x) {
		return k.counted(x.x, func(n int64) bool { return n == 0 })
	}
	return negation(k.condition(x.x))
}

// conjoined compiles what stands on both sides of &&.
func (k *compiler) conjoined(list []expr) node {
	outer := k.matched
	k.matched = appendMatched(outer, list)
	node := conjunction(k.conditions(list))
	k.matched = outer
	return node
}

// conditions compiles what stands beside && and || and after while, where a value is true
// unless it counts as 0.
func (k *compiler) conditions(list []expr) []node {
	nodes := make([]node, len(list))
	for i, x := range list {
		if isValue(x) {
			nodes[i] = k.counted(x, func(n int64) bool { return n != 0 })
			continue
		}
		nodes[i] = k.condition(x)
	}
	return nodes
}

// isValue tells values from conditions.
func isValue(x expr) bool {
	switch x.(type) {
	case *variable, *arith, *literal:
		return true
	}
	return false
}

// counted is a value as a condition: holds says of which numbers it is true.
func (k *compiler) counted(x expr, holds func(n int64) bool) node {
	if l, ok := x.(*literal); ok {
		if l.value.quoted {
			return k.wrong(l.value.pos, "a text is no condition: compare it with something")
		}
		return truth(func(*module.Ctx) bool { return holds(int64(l.value.num)) })
	}
	v := k.value(x)
	if x, ok := x.(*variable); ok {
		k.warnOfText(x)
	}
	return truth(func(c *module.Ctx) bool { return holds(v(c).Count()) })
}

var _ relay.Hooks = (*Program)(nil)
