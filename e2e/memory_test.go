package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/sipp"
	"seraph/e2e/stand"
)

// memory is what the router holds once it has come to rest.
type memory struct{ bytes, objects, mallocs, goroutines, descriptors int64 }

// poolSize is the most connections that the router has to a database server.
const poolSize = 16

// atRest waits until no call is left, and takes the lowest of many looks: each look makes some
// garbage, so that a collection lies among them.
func atRest(t *testing.T, s *stand.Stand) memory {
	t.Helper()
	s.NothingLeftNow()
	var low memory
	for i := range 600 {
		stats := s.Statistics()
		m := memory{bytes: stats["core:heap_bytes"], objects: stats["core:heap_objects"], mallocs: stats["core:mallocs"], goroutines: stats["core:goroutines"]}
		if i == 0 {
			low = m
		}
		low.bytes, low.objects = min(low.bytes, m.bytes), min(low.objects, m.objects)
		low.goroutines = min(low.goroutines, m.goroutines)
	}
	low.descriptors = descriptors(t, s.Proxy.PID())
	return low
}

// descriptors counts what a process has open, but for the files of an SQLite database: it has some
// for each connection of the pool, which is bounded and keeps them for a while.
func descriptors(t *testing.T, pid int) (n int64) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err != nil || !strings.Contains(filepath.Base(to), ".db") {
			n++
		}
	}
	return n
}

// TestMemoryIsFlat: many calls, accounted, tracked and record-routed, leave nothing: neither
// bytes nor objects, goroutines or descriptors. SERAPH_E2E=all makes 100,000 of them.
func TestMemoryIsFlat(t *testing.T) {
	calls := 6000
	if os.Getenv("SERAPH_E2E") == "all" {
		calls = 100000
	}
	t.Setenv("GOGC", "100") // of its own accord the router collects so seldom that what is garbage would count
	s := stand.Start(t, stand.Options{Script: defaultScript(t, `modparam("tm", "retr_timer1", 100)`)})
	name := newUser(s)
	bob := s.Peer(peer.Config{Name: name, Password: stand.Password(name)}).Registered()
	port := bob.LocalPort()
	bob.Close()
	// The scenarios that take repeated messages: where the machine stands still for longer than
	// retr_timer1, some come twice.
	uas, err := sipp.Start(sipp.Job{Scenario: "call_uas_lossy", Service: name, Port: port, Dir: s.Dir, Name: "uas",
		Args: []string{"-default_behaviors", "all,-abortunexp"}})
	if err != nil {
		t.Fatal(err)
	}
	defer uas.Kill()
	load := func(n int) {
		t.Helper()
		uac, err := sipp.Start(sipp.Job{Scenario: "call_uac_lossy", Remote: s.Address(), Service: name, Domain: stand.Domain,
			Caller: "walter@elsewhere.example", Rate: 500, Calls: n, Limit: 2000, Timeout: time.Duration(n/100) * time.Second,
			Dir: s.Dir, Name: fmt.Sprintf("uac-%d", n)})
		if err != nil {
			t.Fatal(err)
		}
		counts, err := uac.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if counts.Successful != n || counts.Failed != 0 {
			t.Fatalf("%d of %d calls succeeded, %d failed\n%s", counts.Successful, n, counts.Failed, uac.Log.Tail(5))
		}
	}
	load(5000) // free lists and tables grow to what this rate needs
	before := atRest(t, s)
	load(calls)
	after := atRest(t, s)
	t.Logf("before %+v, after %d calls %+v", before, calls, after)
	// What grows with the peak, not with the number of calls (free lists, what is remembered
	// for a minute), is the same for 100,000 calls as for 6,000.
	if grown := after.objects - before.objects; grown > 10000 {
		t.Errorf("%d heap objects are left of %d calls", grown, calls)
	}
	if grown := after.bytes - before.bytes; grown > 4<<20+before.bytes/4 {
		t.Errorf("the heap grew from %d to %d bytes", before.bytes, after.bytes)
	}
	slack := int64(4)
	if s.MariaDB() != nil {
		slack += poolSize // each connection has a descriptor and a goroutine, and stays a while
	}
	if after.goroutines > before.goroutines+slack || after.descriptors > before.descriptors+slack {
		t.Errorf("goroutines went from %d to %d, descriptors from %d to %d", before.goroutines, after.goroutines, before.descriptors, after.descriptors)
	}
}
