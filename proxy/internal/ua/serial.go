package ua

import "sync"

// Serial runs functions one after another, in the order in which they were
// posted. It has a goroutine only while there is something to run. The zero
// value is ready.
type Serial struct {
	mu      sync.Mutex
	waiting []func()
	running bool
}

// Post queues f. It never blocks and may be called from within a function that
// runs here, and under any lock that these functions do not take.
func (s *Serial) Post(f func()) { s.Offer(f, 0) }

// Offer is Post unless limit functions wait already; limit 0 is none. It reports
// whether f was taken.
func (s *Serial) Offer(f func(), limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit > 0 && len(s.waiting) >= limit {
		return false
	}
	s.waiting = append(s.waiting, f)
	if !s.running {
		s.running = true
		go s.run()
	}
	return true
}

func (s *Serial) run() {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.running, s.waiting = false, nil
			s.mu.Unlock()
			return
		}
		batch := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		for _, f := range batch {
			f()
		}
	}
}
