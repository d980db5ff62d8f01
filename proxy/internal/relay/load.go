package relay

import "sync/atomic"

// Load counts the calls that a host has at a time (module dispatcher). Whoever holds one
// of them gives it back once, by Release.
type Load struct{ calls atomic.Int64 }

// Calls is how many there are now.
func (l *Load) Calls() int64 { return l.calls.Load() }

// take counts one more; false if there are most already. 0 is no limit.
func (l *Load) take(most int64) bool {
	for {
		n := l.calls.Load()
		if most > 0 && n >= most {
			return false
		}
		if l.calls.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release counts one less. nil counts nothing.
func (l *Load) Release() {
	if l != nil {
		l.calls.Add(-1)
	}
}

// TakeLoad counts the request as a call of l, unless that has most calls already; 0 is no
// limit. What the request was counted as before, it is no more. The dialog table takes the
// count over when the request is sent on; if it does not, the count ends with the request.
func (r *Request) TakeLoad(l *Load, most int64) bool {
	r.DropLoad()
	if !l.take(most) {
		return false
	}
	r.load = l
	return true
}

// DropLoad gives back what TakeLoad has counted.
func (r *Request) DropLoad() {
	r.load.Release()
	r.load = nil
}

// HandLoad hands what TakeLoad has counted over to the caller, nil if that is nothing.
func (r *Request) HandLoad() *Load {
	l := r.load
	r.load = nil
	return l
}

// moves reports whether a tracked INVITE is counted elsewhere from now on: another host
// was picked, or a failure route tries something else than the host that is counted. Who
// answers a challenge stays where he is.
func (r *Request) moves() bool {
	return r.load != nil || r.route == inFailure && !r.authorized
}
