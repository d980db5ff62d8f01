package relay

import (
	"errors"

	"seraph/proxy/internal/transport"
)

// noConnection is what a phone's branch counts as that no connection leads to: nobody is
// there, as if it had not registered. A server that refuses a connection is out of service
// (503).
const noConnection = 480

// noPhone reports whether a target that err keeps from being sent to is a phone which has
// no connection any more.
func noPhone(t *Target, err error) bool {
	return t.Phone && (errors.Is(err, transport.ErrFlowGone) || errors.Is(err, errLost))
}

// lost is what a branch counts as whose connection has failed.
func (b *Branch) lost() int {
	if b.phone {
		return noConnection
	}
	return 503
}

// compared is the status that other replies are compared with. What no phone has said counts
// as silence does, so that what another one says goes before.
func compared(status int, lost bool) int {
	if lost {
		return 408
	}
	return status
}

func (b *best) rank() int { return compared(b.status, b.lost) }

// noteUnreached takes a status of ours, to which there is no reply, into account; b is the
// branch that came to that, nil for a target that got none.
func (c *Call) noteUnreached(b *Branch, status int) {
	as := best{status: status, lost: status == noConnection}
	c.note(b, status, as.lost)
	if better(as.rank(), c.best.rank()) {
		c.dropBest()
		c.best = as
	}
}
