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

// loaded notes that a module has the parameters of p.
func (f *inForce) loaded(m module.Module, p *script.Program) {
	if f.later == nil {
		f.later = map[string]*script.Program{}
	}
	f.later[m.Name()] = p
	f.live = slices.DeleteFunc(f.live, func(x script.Param) bool { return x.Module == m.Name() })
}

// setLive notes that a reload has set a parameter.
func (f *inForce) setLive(p script.Param) {
	f.live = append(slices.DeleteFunc(f.live, func(x script.Param) bool { return same(x, p) }), p)
}

func same(a, b script.Param) bool { return a.Module == b.Module && a.Name == b.Name }

// started reports whether the router was started with a module.
func (f *inForce) started(name string) bool {
	return slices.ContainsFunc(f.start.Modules(), func(m module.Module) bool { return m.Name() == name })
}

// waiting names what in p is not in force, first the modules that work and that p leaves out.
func (f *inForce) waiting(p *script.Program, live func(script.Param) (module.Param, bool)) []string {
	var list []string
	for _, m := range f.start.Modules() {
		if hasWork(m) && !slices.ContainsFunc(p.Modules(), func(o module.Module) bool { return o.Name() == m.Name() }) {
			list = append(list, "loadmodule "+m.Name())
		}
	}
	since := p.Since(f.start)
	for _, name := range since.Settings {
		if !slices.Contains(liveSettings, name) {
			list = append(list, name)
		}
	}
	add := func(x script.Param) {
		if name := x.Module + "." + x.Name; !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	compare := func(c script.Changes, of func(module string) bool) {
		for _, x := range c.Params {
			if _, takes := live(x); of(x.Module) && !takes {
				add(x)
			}
		}
		for _, x := range c.Gone { // what it would be without the script, its module alone knows
			if param, _ := live(x); of(x.Module) && param.Replace == nil {
				add(x)
			}
		}
	}
	compare(since, func(module string) bool { return f.later[module] == nil })
	for _, name := range slices.Sorted(maps.Keys(f.later)) {
		compare(p.Since(f.later[name]), func(module string) bool { return module == name })
	}
	for _, x := range f.live {
		if !slices.ContainsFunc(p.Params(), func(y script.Param) bool { return same(x, y) }) {
			add(x)
		}
	}
	return list
}
