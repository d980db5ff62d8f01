package main

import (
	"fmt"
	"runtime"
	"slices"
)

// report prints the table, the command lines and the ratio.
func (b *bench) report(rows [][]result) error {
	fmt.Fprintf(b.out, "\ncall relayed statefully, record-routed, UDP: INVITE 100 180 200 ACK BYE 200, %d calls/s, %v a round, %d processors\n",
		b.rate, b.load, runtime.NumCPU())
	fmt.Fprintf(b.out, "%-6s %-14s %8s %8s %8s %12s %10s\n", "round", "router", "calls", "failed", "retrans", "CPU µs/call", "calls/s")
	var tooMany error
	for i, row := range rows {
		for side, r := range row {
			failed := r.calls.Created - r.calls.Successful
			fmt.Fprintf(b.out, "%-6d %-14s %8d %8d %8d %12.1f %10.0f\n", i+1, b.servers[side].name,
				r.calls.Created, failed, r.calls.Retransmissions, r.perCall(), r.calls.Rate)
			if r.failedShare() > maxFailed {
				tooMany = fmt.Errorf("no ratio: %s failed %d of %d calls in round %d",
					b.servers[side].name, failed, r.calls.Created, i+1)
			}
		}
	}
	b.reportCommands()
	if tooMany != nil {
		return tooMany
	}
	if len(b.servers) != 2 {
		return nil // one side alone has no ratio
	}
	mean, spread := ratio(rows)
	fmt.Fprintf(b.out, "RATIO call %.2f spread %.2f\n", mean, spread)
	return nil
}

func (b *bench) reportCommands() {
	fmt.Fprintln(b.out, "\ncommand lines:")
	for _, s := range b.servers {
		fmt.Fprintln(b.out, " ", s.commandLine)
	}
	fmt.Fprintln(b.out, " ", b.calleeJob().CommandLine())
	if job, err := b.callerJob(b.servers[0], b.load); err == nil {
		fmt.Fprintln(b.out, " ", job.CommandLine())
	}
	fmt.Fprintln(b.out)
}

// ratio is the mean over the rounds of side 0 : side 1, and (max−min)/mean.
func ratio(rows [][]result) (mean, spread float64) {
	var ratios []float64
	for _, row := range rows {
		r := row[0].perCall() / row[1].perCall()
		ratios = append(ratios, r)
		mean += r / float64(len(rows))
	}
	return mean, (slices.Max(ratios) - slices.Min(ratios)) / mean
}
