package module

// Registry is the list of modules that a script may load.
type Registry struct{ list []Module }

// NewRegistry makes a registry of these modules.
func NewRegistry(list ...Module) *Registry { return &Registry{list} }

// All returns the modules in the order in which they were given.
func (r *Registry) All() []Module { return r.list }

// Module returns the module called name, nil if there is none.
func (r *Registry) Module(name string) Module {
	for _, m := range r.list {
		if m.Name() == name {
			return m
		}
	}
	return nil
}

// Names returns the names of all modules.
func (r *Registry) Names() []string {
	names := make([]string, len(r.list))
	for i, m := range r.list {
		names[i] = m.Name()
	}
	return names
}
