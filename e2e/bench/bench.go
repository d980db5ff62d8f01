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

// unit is a unit of work whose cost is measured.
type unit struct {
	name   string // in the last line
	title  string // of the table
	noun   string // of the figures, in the singular
	answer string // the status of a REGISTER without credentials
	// load sends the work through a server at the rate and reads the server's
	// processor time before and after.
	load func(b *bench, s *server, length time.Duration) (result, error)
	// jobs are what load runs, for the report.
	jobs func(b *bench, s *server) []sipp.Job
}

// bench is the run of one unit: its servers, their callee and its rounds.
type bench struct {
	unit
	dir    string
	out    io.Writer
	rounds int
	length time.Duration // of the load of a round

	callee  int // SIP port of the callee, the same for all sides
	servers []*server
	rate    int
	loads   int // loads so far, for unique names
}

// result is one load through one server. SIPp counts whatever it does as calls.
type result struct {
	cpu   time.Duration // of the server, while the load ran
	calls sipp.Counts
}

// perUnit is the processor time of one unit of work in microseconds.
func (r result) perUnit() float64 {
	return float64(r.cpu.Nanoseconds()) / 1000 / float64(max(r.calls.Successful, 1))
}

func (r result) failedShare() float64 {
	return float64(r.calls.Created-r.calls.Successful) / float64(max(r.calls.Created, 1))
}

// run measures and prints the table; it returns the line with the ratio, "" if
// only one side was measured.
func (b *bench) run(routers []router, ladder []int) (string, error) {
	var err error
	if b.callee, err = proc.FreePort("127.0.0.1", 0); err != nil {
		return "", err
	}
	defer b.stop()
	for _, r := range routers {
		dir := filepath.Join(b.dir, strings.ReplaceAll(r.name, " ", ""))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", fmt.Errorf("folder of %s: %w", r.name, err)
		}
		s, err := r.start(dir, b.callee, b.answer)
		if err != nil {
			return "", err
		}
		b.servers = append(b.servers, s)
	}
	if err := b.choose(ladder); err != nil {
		return "", err
	}
	rows, err := b.alternate()
	if err != nil {
		return "", err
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
			r, err := b.load(b, s, trial)
			if err != nil {
				return err
			}
			held := r.calls.Rate >= heldShare*float64(rate) && r.failedShare() <= maxFailed
			fmt.Fprintf(b.out, "trial %-14s %5d/s: %6.1f µs/%s, %d of %d failed, %.0f/s reached\n",
				s.name, rate, r.perUnit(), b.noun, r.calls.Created-r.calls.Successful, r.calls.Created, r.calls.Rate)
			if c, seen := cost[s.product]; held && (!seen || r.perUnit() < c) {
				best[s.product], cost[s.product] = s, r.perUnit()
			}
		}
		if b.keep(best) {
			return nil
		}
		fmt.Fprintf(b.out, "%d %ss/s are not held by both sides on this machine; trying less\n", rate, b.noun)
	}
	return fmt.Errorf("no rate from %d down to %d %ss/s is held", ladder[0], ladder[len(ladder)-1], b.noun)
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
			r, err := b.load(b, b.servers[side], b.length)
			if err != nil {
				return nil, err
			}
			row[side] = r
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// measure runs a client through one server and reads the processor time of the
// server before and after.
func measure(s *server, job sipp.Job) (result, error) {
	before, err := proc.CPU(s.PID())
	if err != nil {
		return result{}, err
	}
	client, err := sipp.Start(job)
	if err != nil {
		return result{}, err
	}
	counts, err := client.Finish()
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
