package main

import (
	"fmt"
	"runtime"
	"slices"
)

// report prints the table and the command lines; it returns the line with the
// ratio, "" if only one side was measured.
func (b *bench) report(rows [][]result) (string, error) {
	fmt.Fprintf(b.out, "\n%s, %d %ss/s, %v a round, %d processors\n", b.title, b.rate, b.noun, b.length, runtime.NumCPU())
	fmt.Fprintf(b.out, "%-6s %-14s %8s %8s %8s %12s %10s\n", "round", "router", "done", "failed", "retrans", "CPU µs each", "a second")
	var tooMany error
	for i, row := range rows {
		for side, r := range row {
			failed := r.calls.Created - r.calls.Successful
			fmt.Fprintf(b.out, "%-6d %-14s %8d %8d %8d %12.1f %10.0f\n", i+1, b.servers[side].name,
				r.calls.Created, failed, r.calls.Retransmissions, r.perUnit(), r.calls.Rate)
			if r.failedShare() > maxFailed {
				tooMany = fmt.Errorf("no ratio of %s: %s failed %d of %d in round %d",
					b.name, b.servers[side].name, failed, r.calls.Created, i+1)
			}
		}
	}
	for _, s := range b.servers {
		if s.first.calls.Created > 0 {
			fmt.Fprintf(b.out, "%-6s %-14s %8d %8d %8d %12.1f\n", "first", s.name, s.first.calls.Created,
				s.first.calls.Created-s.first.calls.Successful, s.first.calls.Retransmissions, s.first.perUnit())
		}
	}
	b.reportCommands()
	if tooMany != nil {
		return "", tooMany
	}
	if len(b.servers) < 2 || b.servers[0].product != "seraph" {
		return "", nil // one side alone has no ratio
	}
	for i := 2; i < len(b.servers); i++ {
		mean, spread := ratio(rows, i)
		fmt.Fprintf(b.out, "%s beside %s: %.2f spread %.2f\n", b.name, b.servers[i].name, mean, spread)
	}
	mean, spread := ratio(rows, 1)
	return fmt.Sprintf("RATIO %s %.2f spread %.2f", b.name, mean, spread), nil
}

func (b *bench) reportCommands() {
	fmt.Fprintln(b.out, "\ncommand lines:")
	for _, s := range b.servers {
		fmt.Fprintln(b.out, " ", s.commandLine)
	}
	for _, job := range b.jobs(b, b.servers[0]) {
		fmt.Fprintln(b.out, " ", job.CommandLine())
	}
	fmt.Fprintln(b.out)
}

// ratio is the mean over the rounds of side 0 : another side, and (max−min)/mean.
func ratio(rows [][]result, other int) (mean, spread float64) {
	var ratios []float64
	for _, row := range rows {
		r := row[0].perUnit() / row[other].perUnit()
		ratios = append(ratios, r)
		mean += r / float64(len(rows))
	}
	return mean, (slices.Max(ratios) - slices.Min(ratios)) / mean
}
