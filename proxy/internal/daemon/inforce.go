package daemon

import (
	"maps"
	"slices"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/script"
)

// inForce is where the settings and parameters that are in force come from: the script that
// the router was started with, but for modules that a reload has loaded since, and for
// parameters that modules take while they work.
type inForce struct {
	start *script.Program
	later map[string]*script.Program // by module: the script whose parameters it has
	live  []script.Param             // set by a reload, of each parameter the last one
}

// loaded notes that a module, which no script before has loaded, has the parameters of p.
func (f *inForce) loaded(m module.Module, p *script.Program) {
	if f.later == nil {
		f.later = map[string]*script.Program{}
	}
	f.later[m.Name()] = p
}

// knows reports whether the script of the start or one since has loaded a module.
func (f *inForce) knows(m module.Module) bool { return f.started(m.Name()) || f.later[m.Name()] != nil }

// setLive notes that a reload has set a parameter.
func (f *inForce) setLive(p script.Param) {
	f.live = append(slices.DeleteFunc(f.live, func(x script.Param) bool { return same(x, p) }), p)
}

func same(a, b script.Param) bool { return a.Module == b.Module && a.Name == b.Name }

// started reports whether the router was started with a module.
func (f *inForce) started(name string) bool { return loads(f.start, name) }

func loads(p *script.Program, name string) bool {
	return slices.ContainsFunc(p.Modules(), func(m module.Module) bool { return m.Name() == name })
}

// finder finds a parameter and its module, which is nil for what is built in.
type finder func(script.Param) (module.Module, module.Param)

// waiting names what in p is not in force, first the modules that work and that p leaves out.
func (f *inForce) waiting(p *script.Program, find finder) []string {
	var list []string
	for _, m := range f.start.Modules() {
		if hasWork(m) && !loads(p, m.Name()) {
			list = append(list, "loadmodule "+m.Name())
		}
	}
	since := p.Since(f.start)
	for _, name := range since.Settings {
		if !slices.Contains(liveSettings, name) {
			list = append(list, name)
		}
	}
	list = addParams(list, p, since, find, func(module string) bool { return f.later[module] == nil })
	for _, name := range slices.Sorted(maps.Keys(f.later)) {
		list = addParams(list, p, p.Since(f.later[name]), find, func(module string) bool { return module == name })
	}
	for _, x := range f.live {
		if !slices.ContainsFunc(p.Params(), func(y script.Param) bool { return same(x, y) }) {
			list = add(list, x, p, find)
		}
	}
	return list
}

// addParams adds the parameters of some modules that differ between p and the script whose values
// are in force.
func addParams(list []string, p *script.Program, c script.Changes, find finder, of func(module string) bool) []string {
	for _, x := range c.Params {
		if _, param := find(x); of(x.Module) && !param.Live {
			list = add(list, x, p, find)
		}
	}
	for _, x := range c.Gone { // what it would be without the script, its module alone knows
		if _, param := find(x); of(x.Module) && param.Replace == nil {
			list = add(list, x, p, find)
		}
	}
	return list
}

// add names a parameter once, unless nothing goes by its value.
func add(list []string, x script.Param, p *script.Program, find finder) []string {
	m, param := find(x)
	name := x.Module + "." + x.Name
	if slices.Contains(list, name) || m != nil && idle(m, param, p) {
		return list
	}
	return append(list, name)
}

// idle reports whether nothing goes by the value of a parameter while p is in force: it never has
// an effect, or its module only has functions, which p does not load.
func idle(m module.Module, param module.Param, p *script.Program) bool {
	return param.Idle != "" || !loads(p, m.Name()) && !hasWork(m) && !param.AtStart
}
