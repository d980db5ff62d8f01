package relay

// keepIdle is how many calls, branches, CANCELs and beginnings stay in their free lists whatever
// happens.
const keepIdle = 256

// trim gives back to the collector what a peak has left in the free lists.
func (e *Engine) trim() {
	e.strandedReplies.forget(e.Now())
	e.calls.Trim(keepIdle)
	e.branches.Trim(keepIdle)
	e.cancels.Trim(keepIdle)
	e.starts.Trim(keepIdle)
}
