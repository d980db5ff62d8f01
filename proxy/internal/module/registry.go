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

// maxWord is the longest word that Nearest compares with others; no name is so long.
const maxWord = 64

// Nearest returns the candidate that is most like word, "" if none is within a
// third of its length, or if it is longer than any name.
func Nearest(word string, candidates []string) string {
	if len(word) > maxWord {
		return ""
	}
	best, limit := "", len(word)/3+2
	for _, c := range candidates {
		if len(c) > maxWord {
			continue
		}
		if d := distance(word, c); d < limit {
			best, limit = c, d
		}
	}
	return best
}

// distance is the number of letters to change, add or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost++
			}
			corner = row[j+1]
			row[j+1] = min(cost, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
