package script

import (
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// Changes is what differs between two scripts beside their routes.
type Changes struct {
	// Settings are the names of the settings that have another value and an effect.
	Settings []string
	// Params are the parameters that have another value, or one where they had none: of one that
	// stands several times, all values in the order of the script.
	Params []Param
	// Gone are those that have none any more.
	Gone []Param
	// Loaded are the modules that only the new script loads.
	Loaded []module.Module
}

// Since compares a script with the one before it.
func (p *Program) Since(old *Program) Changes {
	var c Changes
	before, after := old.settings(), p.settings()
	for _, name := range globalNames() {
		if before[name] != after[name] && settings[name].set != nil {
			c.Settings = append(c.Settings, name)
		}
	}
	c.Params, c.Gone = changedParams(old.params, p.params)
	for _, m := range p.modules {
		if !slices.Contains(old.modules, m) {
			c.Loaded = append(c.Loaded, m)
		}
	}
	return c
}

// settings are the values of each setting, as they are written.
func (p *Program) settings() map[string]string {
	values := map[string]string{}
	for _, g := range p.tree.globals {
		for _, v := range g.values {
			values[g.name] += v.text + "\n"
		}
	}
	return values
}

// changedParams compares what two scripts say of each parameter: one that is set more
// than once is the same only if all its values are.
func changedParams(old, now []Param) (changed, gone []Param) {
	name := func(p Param) string { return p.Module + "." + p.Name }
	all := func(list []Param) map[string]string {
		values := map[string]string{}
		for _, p := range list {
			values[name(p)] += p.Text + "\x00"
		}
		return values
	}
	before, after := all(old), all(now)
	seen := map[string]bool{}
	for _, p := range now {
		if n := name(p); before[n] != after[n] {
			changed = append(changed, p)
			seen[n] = true
		}
	}
	for _, p := range old { // once each
		if n := name(p); before[n] != after[n] && !seen[n] {
			gone = append(gone, p)
			seen[n] = true
		}
	}
	slices.SortStableFunc(changed, func(a, b Param) int { return strings.Compare(name(a), name(b)) })
	return changed, gone
}
