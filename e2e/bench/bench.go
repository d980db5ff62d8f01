package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/sipp"
)

const (
	// maxFailed is the share of failed calls beyond which a figure does not count.
	maxFailed = 0.001
	// heldShare is how close to the wanted rate SIPp must have come.
	heldShare = 0.98
	trial     = 3 * time.Second
)

// bench is one run: its servers, their callee and its rounds.
type bench struct {
	dir    string
	out    io.Writer
	rounds int
	load   time.Duration

	callee  int // SIP port of the callee, the same for all sides
	servers []*server
	rate    int
	loads   int // loads so far, for unique names
}

// result is one load through one server.
type result struct {
	cpu   time.Duration // of the server, while the load ran
	calls sipp.Counts
}

func (r result) perCall() float64 {
	return float64(r.cpu.Nanoseconds()) / 1000 / float64(max(r.calls.Successful, 1))
}

func (r result) failedShare() float64 {
	return float64(r.calls.Created-r.calls.Successful) / float64(max(r.calls.Created, 1))
}

func (b *bench) run(routers []router, ladder []int) error {
	var err error
	if b.callee, err = proc.FreePort("127.0.0.1", 0); err != nil {
		return err
	}
	defer b.stop()
	for _, r := range routers {
		dir := filepath.Join(b.dir, strings.ReplaceAll(r.name, " ", ""))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("folder of %s: %w", r.name, err)
		}
		s, err := r.start(dir, b.callee)
		if err != nil {
			return err
		}
		b.servers = append(b.servers, s)
	}
	if err := b.choose(ladder); err != nil {
		return err
	}
	rows, err := b.alternate()
	if err != nil {
		return err
	}
	return b.report(rows)
}

func (b *bench) stop() {
	for _, s := range b.servers {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(b.out, "note:", err)
		}
	}
}

// choose finds the highest rate of the ladder that every product holds in a short
// trial, which also warms the servers up, and keeps the cheapest server of each
// product.
func (b *bench) choose(ladder []int) error {
	for _, rate := range ladder {
		b.rate = rate
		best := map[string]*server{}
		cost := map[string]float64{}
		for _, s := range b.servers {
			r, err := b.callLoad(s, trial)
			if err != nil {
				return err
			}
			held := r.calls.Rate >= heldShare*float64(rate) && r.failedShare() <= maxFailed
			fmt.Fprintf(b.out, "trial %-14s %5d/s: %6.1f µs/call, %d of %d calls failed, %.0f/s reached\n",
				s.name, rate, r.perCall(), r.calls.Created-r.calls.Successful, r.calls.Created, r.calls.Rate)
			if c, seen := cost[s.product]; held && (!seen || r.perCall() < c) {
				best[s.product], cost[s.product] = s, r.perCall()
			}
		}
		if b.keep(best) {
			return nil
		}
		fmt.Fprintf(b.out, "%d calls/s are not held by both sides on this machine; trying less\n", rate)
	}
	return fmt.Errorf("no rate from %d down to %d calls/s is held", ladder[0], ladder[len(ladder)-1])
}

// keep stops all servers but the best of each product; false (and nothing
// stopped) if a product has none.
func (b *bench) keep(best map[string]*server) bool {
	for _, s := range b.servers {
		if best[s.product] == nil {
			return false
		}
	}
	kept := b.servers[:0]
	for _, s := range b.servers {
		if best[s.product] == s {
			kept = append(kept, s)
			continue
		}
		if err := s.Stop(); err != nil {
			fmt.Fprintln(b.out, "note:", err)
		}
	}
	b.servers = kept
	return true
}

// alternate runs the rounds: each side once a round, the first one changing.
func (b *bench) alternate() ([][]result, error) {
	var rows [][]result
	for round := range b.rounds {
		row := make([]result, len(b.servers))
		for i := range b.servers {
			side := (i + round) % len(b.servers)
			r, err := b.callLoad(b.servers[side], b.load)
			if err != nil {
				return nil, err
			}
			row[side] = r
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// callLoad sends record-routed calls through one server and reads its processor
// time before and after.
func (b *bench) callLoad(s *server, length time.Duration) (result, error) {
	b.loads++
	if err := s.register(b.callee); err != nil { // the binding may not expire in a long run
		return result{}, err
	}
	uas, err := sipp.Start(b.calleeJob())
	if err != nil {
		return result{}, err
	}
	defer uas.Kill()
	job, err := b.callerJob(s, length)
	if err != nil {
		return result{}, err
	}
	before, err := proc.CPU(s.PID())
	if err != nil {
		return result{}, err
	}
	uac, err := sipp.Start(job)
	if err != nil {
		return result{}, err
	}
	counts, err := uac.Finish()
	if err != nil {
		return result{}, err
	}
	after, err := proc.CPU(s.PID())
	if err != nil {
		return result{}, err
	}
	if !s.Running() {
		return result{}, fmt.Errorf("%s ended during the load:\n%s", s.name, s.Log.Tail(30))
	}
	return result{cpu: after - before, calls: counts}, nil
}

func (b *bench) calleeJob() sipp.Job {
	return sipp.Job{
		Scenario: "call_uas", Service: "bob", Port: b.callee, Dir: b.dir,
		Name: fmt.Sprintf("uas-%d", b.loads),
	}
}

func (b *bench) callerJob(s *server, length time.Duration) (sipp.Job, error) {
	port, err := proc.FreePort("127.0.0.1", 0)
	return sipp.Job{
		Scenario: "call_uac", Service: "bob", Domain: "127.0.0.1", Caller: "alice@127.0.0.1", Port: port, Dir: b.dir,
		Remote: fmt.Sprintf("127.0.0.1:%d", s.port), Rate: b.rate, Calls: b.rate * int(length/time.Second),
		// A call may stand through every retransmission of a lost message.
		Limit: 20000, Timeout: length + 20*time.Second, Name: fmt.Sprintf("uac-%d", b.loads),
	}, err
}
