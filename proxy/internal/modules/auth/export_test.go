package auth

// Unknown is how many names are known to be nobody's.
func Unknown(m *Module) int {
	n := 0
	for i := range m.cache.shards {
		n += len(m.cache.shards[i].unknown)
	}
	return n
}
