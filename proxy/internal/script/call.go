package script

import (
	"errors"
	"fmt"

	"seraph/proxy/internal/module"
)

// call compiles a command of the language or a function of a module.
func (k *compiler) call(c *call) node {
	if cmd, ok := k.commands[c.name]; ok {
		return k.command(c, cmd)
	}
	list := k.funcs[c.name]
	if len(list) == 0 {
		if list = k.unknown(c); len(list) == 0 {
			return nil
		}
	}
	f := list[0]
	for _, other := range list {
		if len(c.args) >= other.Min && len(c.args) <= other.Max {
			f = other
			break
		}
	}
	if !c.parens {
		return k.wrong(c.pos, "%s is called with parentheses: %s()", c.name, c.name)
	}
	if !k.count(c, f.Min, f.Max) {
		return nil
	}
	k.block.weight += callWeight
	args, ok := make([]module.Arg, len(c.args)), true
	k.use(c.pos, c.name, f.Routes, f.MayWait)
	for i, a := range c.args {
		ok = k.argument(c, a, f.Dynamic) && ok
		args[i] = module.Arg{Kind: module.String, Str: a.text, Num: a.num}
		if a.number {
			args[i].Kind = module.Int
		}
		if f.Dynamic {
			args[i].Scope = k.prog.scope
		}
	}
	if !ok || !k.arms(c, args) {
		return nil
	}
	var run module.Call
	err := guarded(func() (err error) { run, err = f.Compile(args); return err })
	if err != nil {
		return k.wrongCall(argPos(c), c, err)
	}
	k.prog.calls[f.Name] = true
	return moduleCall(run)
}

// wrongCall reports what is wrong with an argument; of a text with several variables, each.
func (k *compiler) wrongCall(at Pos, c *call, err error) node {
	list := module.Errors{err}
	_ = errors.As(err, &list)
	for _, err := range list {
		k.wrong(at, "%s: %v", c.name, err)
	}
	return nil
}

// guarded runs what a module does while a script is compiled. A fault in it is an
// error: a script that is only checked must not take the router down.
func guarded(do func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("fault in the module: %v", fault)
		}
	}()
	return do()
}

// argPos is where a message about a call's arguments points.
func argPos(c *call) Pos {
	if len(c.args) == 1 {
		return c.args[0].pos
	}
	return c.pos
}

// count checks the number of arguments.
func (k *compiler) count(c *call, least, most int) bool {
	n := len(c.args)
	if n >= least && n <= most {
		return true
	}
	want := fmt.Sprintf("%d to %d arguments", least, most)
	switch {
	case most == 0:
		want = "no argument"
	case least == most && most == 1:
		want = "1 argument"
	case least == most:
		want = fmt.Sprintf("%d arguments", most)
	}
	k.wrong(c.pos, "%s takes %s, not %d", c.name, want, n)
	return false
}

// unknown says what might have been meant by a name that nothing has. A script that
// expands to a million such names is answered as soon as one with one. Functions of that
// name in a module that is not loaded are the result: what else is wrong with the call is
// then found all the same.
func (k *compiler) unknown(c *call) []boundFunc {
	if k.report.full {
		return nil
	}
	u, ok := k.unknowns[c.name]
	if !ok {
		u = k.meant(c.name)
		if k.unknowns == nil {
			k.unknowns = map[string]unknown{}
		}
		k.unknowns[c.name] = u
	}
	k.wrong(c.pos, "%s", u.text)
	return u.funcs
}

// unknown is what is said of a name that nothing has, and what has it in a module that is
// not loaded.
type unknown struct {
	text  string
	funcs []boundFunc
}

func (k *compiler) meant(name string) unknown {
	var names []string
	for _, m := range k.known {
		var u unknown
		for _, f := range m.Funcs() {
			if f.Name == name {
				u.funcs = append(u.funcs, boundFunc{f, m})
			}
			names = append(names, f.Name)
		}
		if len(u.funcs) > 0 {
			u.text = fmt.Sprintf("%s is a function of module %s, which is not loaded", name, m.Name())
			return u
		}
	}
	for name, cmd := range k.commands {
		if cmd.refused == "" {
			names = append(names, name)
		}
	}
	hint := k.report.didYouMean(name, sorted(names))
	if now, ok := formerNames[name]; ok {
		hint = fmt.Sprintf("; it is %s now", now)
	}
	return unknown{text: fmt.Sprintf("there is no function %s%s", quoted(name), hint)}
}

// argument checks one argument. A variable in the text of a function that takes none
// would stand there as it is written, which nobody means.
func (k *compiler) argument(c *call, a value, dynamic bool) bool {
	switch {
	case a.variable && !dynamic:
		k.wrong(a.pos, "%s takes no variables", c.name)
	case !a.quoted && !a.number && !a.variable:
		k.wrong(a.pos, "an argument of %s stands in quotes", c.name)
	case a.quoted && !dynamic:
		return k.plain(c, a)
	default:
		return true
	}
	return false
}

// plain demands a text without variables.
func (k *compiler) plain(c *call, a value) bool {
	f, _, err := module.ParseFormat(a.text, &module.Scope{})
	if err == nil && f != nil {
		k.wrong(a.pos, "%s takes no variables; what is written here would stand there as it is", c.name)
		return false
	}
	return true
}

// formerNames are functions of SER 0.8 under what they have been called since.
var formerNames = map[string]string{"t_on_negative": "t_on_failure"}

// armed are the functions that name a route for later, and its kind.
var armed = map[string]module.Routes{
	"t_on_failure": module.FailureRoute,
	"t_on_reply":   module.ReplyRoute,
	"t_on_branch":  module.BranchRoute,
}

// arms checks that the route which a function arms is there, and gives the function
// its number; 0 disarms.
func (k *compiler) arms(c *call, args []module.Arg) bool {
	kind, ok := armed[c.name]
	if !ok || len(args) == 0 {
		return true
	}
	name := routeName(args[0].Str)
	if args[0].Str == "" || name == "" {
		return true // the function itself says what is wrong with it
	}
	b := k.armed[kind][name]
	if b == nil {
		k.wrong(c.args[0].pos, "there is no %s%s", blockTitle(kind, name), k.routeMeant(name, k.armed[kind]))
		return false
	}
	b.called = true
	args[0] = module.Arg{Kind: module.Int, Str: itoa(b.number), Num: b.number}
	return true
}
