package stand

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"seraph/e2e/proc"
)

// after is what happens with a router when its test is over.
type after struct {
	wanted bool     // it is to be looked at until nothing is left in it
	more   []string // statistics beside the usual ones that have to become 0
	handed bool     // to who does that
}

// late are the routers that are still looked at, and what was found.
var late struct {
	sync.WaitGroup
	mu    sync.Mutex
	found []string
}

// NothingLeft demands that the router holds no transaction, no dialog of its own and no
// click-to-dial attempt, and that the statistics named beside are 0, once their time is
// over, which is half a minute after the test for most. The test ends meanwhile: the
// router goes on by itself, idle, and Late tells what was found. A router on MariaDB,
// whose server ends with the test, is looked at where everything runs (make test-all);
// what is left in a router does not depend on its database.
func (s *Stand) NothingLeft(more ...string) {
	s.t.Helper()
	switch {
	case OnKamailio():
	case Everything():
		s.NothingLeftNow(more...)
	case s.MariaDB() == nil:
		s.after.wanted, s.after.more = true, more
	}
}

// patience is leakDeadline for a router whose phones are gone: what it still has to say to
// them takes another 64·T1 to fail.
const patience = 2 * leakDeadline

// handOver leaves the router to a goroutine of its own.
func (s *Stand) handOver() {
	s.after.handed = true
	name, socket, dir, more := s.t.Name(), s.CtlSocket(), s.Dir, s.after.more
	programs := []*proc.Process{s.portal, s.Proxy}
	late.Go(func() {
		err := outlive(socket, more)
		for _, p := range programs {
			if p == nil {
				continue
			}
			err = errors.Join(err, p.Stop())
			for _, word := range crashes {
				if p.Log.Contains(word) {
					err = errors.Join(err, fmt.Errorf("%s wrote %q", p.Name, word))
				}
			}
		}
		if err == nil {
			_ = os.RemoveAll(dir)
			return
		}
		late.mu.Lock()
		defer late.mu.Unlock()
		late.found = append(late.found, fmt.Sprintf("%s, after its end: %v (files in %s)", name, err, dir))
	})
}

// outlive waits until nothing is left in the router behind a control socket.
func outlive(socket string, more []string) error {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		err := leftBehind(socket, more)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-tick.C
	}
}

func leftBehind(socket string, more []string) error {
	c, err := dialControl(nil, socket)
	if err != nil {
		return err
	}
	defer c.Close()
	var lines []string
	if err := c.Call(&lines, "stats.get_statistics", []string{"all"}); err != nil {
		return err
	}
	stats, err := parseStatistics(lines)
	if err != nil {
		return err
	}
	return left(stats, more)
}

// Late waits for the routers that outlived their tests and returns what was wrong with
// them.
func Late() []string {
	late.Wait()
	return late.found
}
