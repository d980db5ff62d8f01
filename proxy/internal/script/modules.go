package script

import (
	"slices"
	"strconv"
	"strings"

	"seraph/proxy/internal/module"
)

// secondNames are modules that are another here: what SER has in uri, Kamailio has in
// siputils, and textopsx is what it has added to textops.
var secondNames = map[string]string{"uri": "siputils", "textopsx": "textops"}

// moduleNamed finds a module by any of its names; nil if it is not in the list.
func (k *compiler) moduleNamed(list []module.Module, name string) module.Module {
	if of, ok := secondNames[name]; ok {
		name = of
	}
	for _, m := range list {
		if m.Name() == name {
			return m
		}
	}
	return nil
}

// load brings the modules in, in the script's order.
func (k *compiler) load(list []load) {
	names := namesOf(k.known)
	k.funcs = map[string][]boundFunc{}
	for _, l := range list {
		name := l.name()
		if isBuiltIn(name) || k.moduleNamed(k.prog.modules, name) != nil {
			continue
		}
		m := k.moduleNamed(k.known, name)
		if m == nil {
			k.wrong(l.pos, "there is no module %s%s", quoted(name), k.report.didYouMean(name, names))
			continue
		}
		k.needs(l, m)
		k.prog.modules = append(k.prog.modules, m)
		k.loaded = append(k.loaded, l.pos)
		for _, f := range m.Funcs() {
			k.funcs[f.Name] = append(k.funcs[f.Name], boundFunc{f, m})
		}
		if v, ok := m.(module.VarModule); ok {
			k.prog.scope.Add(v.Vars())
		}
	}
	for _, m := range k.known {
		if v, ok := m.(module.VarModule); ok && !slices.Contains(k.prog.modules, m) {
			k.prog.scope.Elsewhere(m.Name(), v.Vars())
		}
	}
}

// needs refuses a module without those that it needs before it.
func (k *compiler) needs(l load, m module.Module) {
	d, ok := m.(module.Dependent)
	if !ok {
		return
	}
	for _, name := range d.Needs() {
		if k.moduleNamed(k.prog.modules, name) == nil {
			k.wrong(l.pos, "module %s needs module %s before it: loadmodule %q", m.Name(), name, name+".so")
		}
	}
}

// check has the modules say which of their values do not go together. Those that work already have
// other values than the script's, and of those that were refused one the rest says nothing.
func (k *compiler) check() {
	for i, m := range k.prog.modules {
		c, ok := m.(module.Checker)
		if !ok || k.refused[m.Name()] || slices.Contains(k.working, m) {
			continue
		}
		if err := guarded(c.Check); err != nil {
			k.wrong(k.loaded[i], "module %s: %s", m.Name(), err)
		}
	}
}

// param finds a module's parameter.
func (k *compiler) param(m module.Module, name string) (module.Param, bool) {
	for _, p := range m.Params() {
		if p.Name == name {
			return p, true
		}
	}
	return module.Param{}, false
}

// isOpen reports whether a modparam's value may be shown.
func (k *compiler) isOpen(moduleName, name string) bool {
	m := k.moduleNamed(k.known, moduleName)
	if m == nil {
		return opensBuiltIn(moduleName, name)
	}
	p, ok := k.param(m, name)
	return ok && !p.Secret
}

// modparam sets a parameter of one module, or of several: "auth|auth_db".
func (k *compiler) modparam(s modparam) {
	for at, name := range pieces(s.module.text) {
		pos := s.module.pos
		pos.Column += 1 + at
		switch m := k.moduleNamed(k.prog.modules, name); {
		case m != nil:
			k.refused[m.Name()] = !k.setParam(m, s) || k.refused[m.Name()]
		case isBuiltIn(name):
			k.setBuiltIn(name, s)
		case k.moduleNamed(k.known, name) != nil:
			k.wrong(pos, "module %s is not loaded: loadmodule %q comes before its modparam", name, name+".so")
			k.setParam(k.moduleNamed(k.known, name), s)
		default:
			k.wrong(pos, "there is no module %s%s", quoted(name), k.report.didYouMean(name, namesOf(k.prog.modules)))
		}
	}
}

func namesOf(list []module.Module) []string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.Name()
	}
	return names
}

// pieces yields the parts of a|b|c and their offsets.
func pieces(s string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		from := 0
		for i := 0; i <= len(s); i++ {
			if i == len(s) || s[i] == '|' {
				if !yield(from, s[from:i]) {
					return
				}
				from = i + 1
			}
		}
	}
}

// beforeMessages is said of a variable as a parameter.
const beforeMessages = "a parameter is a text or a number: it is set before there is a message, and no variable has a value then"

// setParam never puts the value into a message: it may be a password.
// It reports whether the module has it.
func (k *compiler) setParam(m module.Module, s modparam) bool {
	p, ok := k.param(m, s.param.text)
	if !ok {
		var names []string
		for _, p := range m.Params() {
			names = append(names, p.Name)
		}
		k.wrong(s.param.pos, "module %s has no parameter %s%s", m.Name(), quoted(s.param.text), k.report.didYouMean(s.param.text, names))
		return false
	}
	v := s.value
	switch {
	case v.variable:
		k.wrong(v.pos, beforeMessages)
		return false
	case p.Kind == module.String && !v.quoted:
		k.wrong(v.pos, "parameter %s of %s is a text: write it in quotes", p.Name, m.Name())
		return false
	case p.Kind == module.Int && !v.number:
		n, err := strconv.ParseInt(v.text, 10, 32)
		if word, ok := switches[strings.ToLower(v.text)]; ok && !v.quoted {
			n, err = int64(word), nil // yes, no
		}
		if err != nil {
			k.wrong(v.pos, "parameter %s of %s is a number", p.Name, m.Name())
			return false
		}
		v.num = int(n)
	}
	switch {
	case p.Idle != "":
		k.warn(s.param.pos, "parameter %s of %s has no effect: %s", p.Name, m.Name(), p.Idle)
	case p.Told != nil && p.Told(v.text, v.num) != "":
		k.warn(s.param.pos, "parameter %s of %s: %s", p.Name, m.Name(), p.Told(v.text, v.num))
	}
	k.prog.params = append(k.prog.params, Param{m.Name(), p.Name, v.text, v.num})
	if slices.Contains(k.working, m) {
		return true
	}
	err := guarded(func() error { return p.Set(v.text, v.num) })
	if err != nil {
		reason := err.Error()
		if p.Secret && v.text != "" {
			reason = strings.ReplaceAll(reason, v.text, masked)
		}
		if v.text == masked {
			reason = masked + " stands where --dump has left a password out: write it here"
		}
		k.wrong(v.pos, "parameter %s of %s: %s", p.Name, m.Name(), reason)
	}
	return err == nil
}
