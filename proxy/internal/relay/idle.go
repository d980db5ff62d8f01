package relay

// keepIdle is how many calls, branches and CANCELs stay in their free lists whatever
// happens.
const keepIdle = 256

// idle counts what lies in a free list: how many, and the fewest since the last trim.
type idle struct{ n, low int }

func (i *idle) took() {
	i.n--
	i.low = min(i.low, i.n)
}

// surplus is how many go: half of those that nobody has needed since the last time.
func (i *idle) surplus() int {
	k := max((i.low-keepIdle+1)/2, 0)
	i.n -= k
	i.low = i.n
	return k
}

// trim gives back to the collector what a peak has left in the free lists.
func (e *Engine) trim() {
	e.strandedReplies.forget(e.Now())
	e.callMu.Lock()
	defer e.callMu.Unlock()
	for k := e.idleCalls.surplus(); k > 0; k-- {
		e.calls = e.calls.next
	}
	for k := e.idleBranches.surplus(); k > 0; k-- {
		e.branches = e.branches.next
	}
	for k := e.idleCancels.surplus(); k > 0; k-- {
		e.cancels = e.cancels.next
	}
}
