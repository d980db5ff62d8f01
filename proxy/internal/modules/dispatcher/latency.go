package dispatcher

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"seraph/ctlproto"
)

// latency is how long a gateway takes to answer pings, in milliseconds.
type latency struct {
	// congestion and estimate are the same as below for those who pick, in whole
	// milliseconds; what was never measured is 0.
	congestion, estimate atomic.Int64

	mu             sync.Mutex
	n              int64
	average, m2    float64 // Welford's: the mean, and the sum of the squares of the distances from it
	expected, most float64 // moving by ds_latency_estimator_alpha; the largest
	timeouts       int64
}

// note takes one ping that took so long; one without an answer counts with all the time
// that it was waited for. alpha, in thousandths, is what of the estimate before stays.
func (l *latency) note(took time.Duration, answered bool, alpha int) {
	ms := float64(took) / float64(time.Millisecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	if !answered {
		l.timeouts++
	}
	before := ms - l.average
	l.average += before / float64(l.n)
	l.m2 += before * (ms - l.average)
	l.most = max(l.most, ms)
	if l.n == 1 {
		l.expected = ms
	} else {
		keep := float64(alpha) / 1000
		l.expected = l.expected*keep + ms*(1-keep)
	}
	l.estimate.Store(int64(math.Ceil(l.expected))) // what was measured is never 0
	l.congestion.Store(int64(max(0, l.expected-l.average)))
}

// list is it as Kamailio shows it; nil if nothing was measured.
func (l *latency) list() *ctlproto.DispatcherLatency {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n == 0 {
		return nil
	}
	round := func(ms float64) float64 { return math.Round(ms*1000) / 1000 }
	x := &ctlproto.DispatcherLatency{Average: round(l.average), Estimate: round(l.expected), Max: round(l.most), Timeouts: l.timeouts}
	if l.n > 1 {
		x.Deviation = round(math.Sqrt(l.m2 / float64(l.n-1)))
	}
	return x
}

// standing orders gateways for algorithm 13, the largest first. A priority above 0 falls by one
// for each time that the latency is as long as it, to 1 at the least (Kamailio's rule);
// else the latency itself decides. One that was not measured counts as the fastest.
func (d *destination) standing() int64 {
	ms := d.latency.estimate.Load()
	if d.congested {
		ms = d.latency.congestion.Load()
	}
	p := int64(d.priority)
	if p > 0 {
		return max(1, p-ms/p)
	}
	return min(p, 0) - ms
}

// byStanding are the indices of the first n destinations in the order of algorithm 13; those
// that stand alike take turns to be the first.
func (g *group) byStanding(dst []uint8, n int) []uint8 {
	var room [maxInSet]struct {
		standing int64
		away     bool
	}
	for i, d := range g.list[:n] {
		room[i].standing, room[i].away = d.standing(), !d.usable()
		dst = append(dst, uint8(i))
	}
	slices.SortStableFunc(dst, func(a, b uint8) int {
		x, y := &room[a], &room[b]
		switch {
		case x.away != y.away && y.away, x.away == y.away && x.standing > y.standing:
			return -1
		case *x == *y:
			return 0
		}
		return 1
	})
	alike := 1
	for alike < n && room[dst[alike]] == room[dst[0]] {
		alike++
	}
	rotate(dst[:alike], int(g.next.Add(1)-1)%alike)
	return dst
}

// rotate moves the first n of a list to its end.
func rotate(list []uint8, n int) {
	slices.Reverse(list[:n])
	slices.Reverse(list[n:])
	slices.Reverse(list)
}
