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
	// Read reads the files that a script includes. Nothing includes files yet.
	Read func(path string) ([]byte, error)
	Log  *slog.Logger // nil discards
}

// Compile reads, checks and compiles a script; name is the file's in problems.
// It sets the parameters of the modules that the script loads, but starts
// nothing. There is a Program if there are no problems. Settings that have no
// effect here, and routes that nothing calls, are logged.
func Compile(name string, text []byte, opt Options) (*Program, []Problem) {
	log := opt.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if len(text) > MaxSize {
		r := newReport(name, "")
		r.add(Pos{1, 1}, "the script is larger than %d bytes", MaxSize)
		return nil, r.problems()
	}
	src := string(text)
	k := &compiler{
		report: newReport(name, src),
		log:    log.With("file", name),
		known:  opt.Modules,
		prog:   &Program{log: log},
		routes: map[int]*block{},
	}
	k.compile(parse(src, k.report))
	if problems := k.report.problems(); len(problems) > 0 {
		return nil, problems
	}
	return k.prog, nil
}

// compiler turns the tree into a Program.
type compiler struct {
	report *report
	log    *slog.Logger
	known  []module.Module
	prog   *Program

	funcs    map[string][]boundFunc
	commands map[string]command
	routes   map[int]*block // route[N]; 0 is the main route
	block    *block         // the one that is being compiled
	tries    int            // how many regular expressions were compiled
}

// boundFunc is a function and the module that has it.
type boundFunc struct {
	module.Func
	owner module.Module
}

func (k *compiler) compile(f *file) {
	k.report.hide = hider{open: k.isOpen}
	k.commands = commandTable()
	for _, g := range f.globals {
		k.global(g)
	}
	k.finishGlobals()
	k.load(f.loads)
	for _, m := range f.modparams {
		k.modparam(m)
	}
	for i, b := range k.declare(f.routes) {
		k.block = b
		b.run = k.statements(f.routes[i].body)
	}
	k.reach()
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

func (k *compiler) statement(s stmt) node {
	switch s := s.(type) {
	case *ifStmt:
		conds, bodies := make([]node, len(s.arms)), make([]node, len(s.arms))
		for i, a := range s.arms {
			conds[i], bodies[i] = k.condition(a.cond), k.statements(a.body)
		}
		return choose(conds, bodies, k.statements(s.els))
	case *leaveStmt:
		return leaving(s.word, s.code)
	case *call:
		return k.call(s)
	}
	return nil
}

func (k *compiler) condition(x expr) node {
	switch x := x.(type) {
	case *all:
		return conjunction(k.conditions(x.list))
	case *anyOf:
		return disjunction(k.conditions(x.list))
	case *not:
		return negation(k.condition(x.x))
	case *constant:
		if x.num == 0 {
			return constantly(no)
		}
		return constantly(yes)
	case *compare:
		return k.compare(x)
	case *call:
		return k.call(x)
	}
	return nil
}

func (k *compiler) conditions(list []expr) []node {
	nodes := make([]node, len(list))
	for i, x := range list {
		nodes[i] = k.condition(x)
	}
	return nodes
}

var _ relay.Hooks = (*Program)(nil)
