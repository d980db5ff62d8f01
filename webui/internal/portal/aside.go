package portal

import (
	"context"
	"sync"
	"time"
)

// Bounds of an Aside.
const (
	asideWait = 250 * time.Millisecond // that a page waits for a note
	asideTime = 10 * time.Second       // for the note itself
	asideMost = 64                     // notes at once
)

// Aside makes small notes in the database that a page causes but does not need: when its
// reader was last seen. A database that is locked delays the note, not the page. The zero
// Aside is ready. It is safe for concurrent use.
type Aside struct {
	mu      sync.Mutex
	running map[string]struct{}
}

// Do has note made and returns when it is, but soon at the latest. While one with the same
// key is being made, or very many are, it does nothing: the next page makes it.
func (a *Aside) Do(key string, note func(ctx context.Context)) {
	if !a.begin(key) {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer a.end(key)
		ctx, cancel := context.WithTimeout(context.Background(), asideTime) // not the browser's: it may leave
		defer cancel()
		note(ctx)
	}()
	timer := time.NewTimer(asideWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

func (a *Aside) begin(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, already := a.running[key]; already || len(a.running) >= asideMost {
		return false
	}
	if a.running == nil {
		a.running = make(map[string]struct{})
	}
	a.running[key] = struct{}{}
	return true
}

func (a *Aside) end(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.running, key)
}
