package transport

// search is the search of one caller for a connection that may go. Which connections bindings name, and
// whether the operator trusts a peer, or that is a gateway, others know, who have locks of their own and
// may be slow: so that is asked between two looks at the table, while nobody waits for it.
type search struct {
	l      *Layer
	needed map[uint64]struct{}
	now    int64
	// bound are the connections that bindings named at boundAt, in Layer.Mono; nil until unsure says that
	// they are wanted.
	bound   map[uint64]struct{}
	boundAt int64
	unsure  bool
	ask     *conn          // that is to be asked for before the next look
	asked   map[*conn]bool // whether the peer of a connection is favoured
}

// search begins one.
func (l *Layer) search() *search { return &search{l: l, needed: l.needed(), now: l.Mono()} }

// mayGo reports whether a stranger may lose its connection, as far as the table can tell: nothing goes by it.
func (s *search) mayGo(c *conn) bool {
	_, carries := s.needed[c.flow.Conn]
	return !carries && s.now >= c.held.Load()
}

// look does something that looks for a connection in the table, until it has found one, or none of maxLook
// may go.
func (s *search) look(in func()) {
	for {
		s.ask, s.unsure = nil, false
		in()
		if s.unsure {
			s.bound, s.boundAt = s.l.named()
			continue
		}
		if s.ask == nil {
			return
		}
		if s.asked == nil {
			s.asked = make(map[*conn]bool)
		}
		s.asked[s.ask] = s.l.favours(s.ask)
	}
}

// verdict is what idlest does with a connection: take it, pass over it, or have it asked for first.
func (s *search) verdict(c *conn) (take, ask bool) {
	if !s.mayGo(c) {
		return false, false
	}
	if c.doubt != nil {
		dead, ask := s.dead(c)
		if s.unsure = ask; !dead {
			return false, ask
		}
	}
	favoured, known := s.asked[c]
	if !known && len(s.asked) < maxLook {
		s.ask = c
		return false, true
	}
	return known && !favoured, false
}
