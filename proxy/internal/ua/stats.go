package ua

import "sync/atomic"

// stats counts what the agent did.
type stats struct {
	dialogs                                  atomic.Int64 // there now, early ones included
	invites, answered, failed, spare         atomic.Int64
	refers, refersAccepted, notifies         atomic.Int64
	byesSent, byesReceived, unknown, refused atomic.Int64
	messages                                 atomic.Int64
}

// Dialogs returns how many dialogs there are, early ones included.
func (a *Agent) Dialogs() int64 { return a.stats.dialogs.Load() }

// Statistics calls yield for each counter of the group "ua". All but "dialogs"
// only rise.
func (a *Agent) Statistics(yield func(group, name string, value int64)) {
	for _, s := range []struct {
		name  string
		value *atomic.Int64
	}{
		{"dialogs", &a.stats.dialogs},                // dialogs now
		{"invites", &a.stats.invites},                // INVITEs made
		{"answered", &a.stats.answered},              // of these, answered with a 2xx
		{"failed", &a.stats.failed},                  // of these, ended without one
		{"spare_answers", &a.stats.spare},            // 2xx that nobody wanted: ACKed and BYEd
		{"refers", &a.stats.refers},                  // REFERs sent
		{"refers_accepted", &a.stats.refersAccepted}, // of these, answered with a 2xx
		{"notifies", &a.stats.notifies},              // NOTIFYs taken
		{"byes_sent", &a.stats.byesSent},
		{"byes_received", &a.stats.byesReceived},
		{"unknown_dialog", &a.stats.unknown}, // requests for no dialog of ours: 481
		{"refused", &a.stats.refused},        // INVITEs not made: too many dialogs
		{"messages", &a.stats.messages},      // MESSAGEs made
	} {
		yield("ua", s.name, s.value.Load())
	}
}
