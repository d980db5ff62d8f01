package transport

import (
	"net/netip"
	"sync"
)

// handshakes counts the connections that are between their first byte and the end of
// their handshake: each costs tens of kilobytes and some milliseconds of a processor, so
// neither one source nor all together may have many at a time.
type handshakes struct {
	maxAll, maxSource int

	mu      sync.Mutex
	all     int
	sources map[netip.Addr]int
}

// enter takes a place; false if there is none, of all or, unless it is exempt, of the source.
func (h *handshakes) enter(addr netip.Addr, exempt bool) bool {
	source := sourceOf(addr)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all >= h.maxAll || !exempt && h.sources[source] >= h.maxSource {
		return false
	}
	h.all++
	h.sources[source]++
	return true
}

// leave gives the place back.
func (h *handshakes) leave(addr netip.Addr) {
	source := sourceOf(addr)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all--
	if h.sources[source]--; h.sources[source] <= 0 {
		delete(h.sources, source)
	}
}
