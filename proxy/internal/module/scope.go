package module

import "slices"

// MaxScriptVars is how many different $var(name) a script may have.
const MaxScriptVars = 256

// Scope gives the script's own variables, $var(name), their places in Ctx.Vars.
// One compilation has one.
type Scope struct {
	names []string
	more  map[string]Var    // those that modules bring
	other map[string]string // variables of modules that are not loaded, and whose they are
}

// Len is how many variables there are.
func (s *Scope) Len() int { return len(s.names) }

// slot returns the place of a variable, -1 if there are too many.
func (s *Scope) slot(name string) int {
	if i := slices.Index(s.names, name); i >= 0 {
		return i
	}
	if len(s.names) == MaxScriptVars {
		return -1
	}
	s.names = append(s.names, name)
	return len(s.names) - 1
}
