package module

// Var is a pseudo-variable that a module brings, such as $sht(table=>key).
type Var struct {
	Name string // without the dollar sign
	Form string // what stands in the parentheses, as in "a table and a key: $sht(a=>x)"
	Doc  string // one line for the reference
	// Bind checks what stands in the parentheses, which may hold variables of its own (ParseFormat).
	// An error is reported at the variable and says what would be right.
	Bind func(arg string, s *Scope) (BoundVar, error)
}

// BoundVar is a Var with its argument.
type BoundVar struct {
	Get func(c *Ctx) Value
	// Set returns false for a value that cannot stand there. It is nil for a variable that can
	// only be read.
	Set func(c *Ctx, x Value) bool
}

// VarModule is a module with pseudo-variables of its own. They can be used in scripts that load it.
type VarModule interface{ Vars() []Var }

// Add makes the variables of a module known to a script.
func (s *Scope) Add(list []Var) {
	if s.more == nil {
		s.more = map[string]Var{}
	}
	for _, v := range list {
		s.more[v.Name] = v
	}
}

// Elsewhere notes the variables of a module that the script does not load.
func (s *Scope) Elsewhere(module string, list []Var) {
	if s.other == nil {
		s.other = map[string]string{}
	}
	for _, v := range list {
		s.other[v.Name] = module
	}
}

// elsewhere is the module that is not loaded and has a variable; "" without one.
func (s *Scope) elsewhere(name string) string {
	if s == nil {
		return ""
	}
	return s.other[name]
}

// moduleVariable finds a variable that a module brings; nil if there is none.
func moduleVariable(name, arg string, s *Scope) (*Variable, error) {
	if s == nil {
		return nil, nil
	}
	def, ok := s.more[name]
	if !ok {
		return nil, nil
	}
	if arg == "" {
		return nil, wants(name, def.Form)
	}
	b, err := def.Bind(arg, s)
	if err != nil {
		return nil, err
	}
	d := &variable{get: func(c *Ctx, _ *Variable) Value { return b.Get(c) }, arg: def.Form, doc: def.Doc}
	if b.Set != nil {
		d.set = func(c *Ctx, _ *Variable, x Value) bool { return b.Set(c, x) }
	}
	return &Variable{name: name, arg: arg, def: d, ofModule: true}, nil
}
