package control

import "time"

// idleAtLeast is how long a connection has been idle that gives way to another one.
const idleAtLeast = 5 * time.Second

// makeRoom closes the connection that has been idle for longest, if one is: it is no feed,
// and nothing of it is at work. So connections that somebody has forgotten do not keep
// everybody else out. False if there is none. The server is locked.
func (s *Server) makeRoom() bool {
	var idlest *conn
	for c := range s.conns {
		if len(c.slots) == 0 && c.currentFeed() == nil && (idlest == nil || c.used.Load() < idlest.used.Load()) {
			idlest = c
		}
	}
	if idlest == nil || time.Now().UnixNano()-idlest.used.Load() < int64(idleAtLeast) {
		return false
	}
	delete(s.conns, idlest)
	idlest.close()
	return true
}
