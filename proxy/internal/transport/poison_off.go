//go:build !poison

package transport

// Poison reports whether buffers that are given back are overwritten, so that whoever
// kept a slice of one sees rubbish at once.
const Poison = false

func wipe([]byte) {}
