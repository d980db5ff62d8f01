package control

import (
	"context"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"seraph/ctlproto"
)

// callLimit bounds the context of a method that does not wait for a phone.
const callLimit = 30 * time.Second

// waitLimit bounds that of one that does. It is above what the user agent gives an INVITE
// (two hours): that, or the script's timers, end a request, not this.
const waitLimit = 3 * time.Hour

// goneEvery is how often a wait looks whether its caller is still there.
const goneEvery = time.Second

// caller is who has made a request, as far as a wait has to know. The zero value is
// one of whom nothing is known.
type caller struct {
	// gone reports whether whoever would read the answer has left.
	gone func() bool
	// idle gives back the caller's place among the requests at work.
	idle func()
}

// wait begins the wait of a method for somebody's final response. Its context ends with
// waitLimit, with the caller, or when the server stops; end is to be called after it.
// There are at most Limits.Waits of them, over all connections and pipes.
func (s *Server) wait(ctx context.Context, from caller) (_ context.Context, end func(), _ error) {
	select {
	case s.waits <- struct{}{}:
	default:
		return nil, nil, ctlproto.Errorf(ctlproto.CodeBusy, "%d requests wait for a phone's answer, no more are possible; try again later", cap(s.waits))
	}
	if from.idle != nil {
		from.idle()
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	stop := context.AfterFunc(s.stopping, cancel)
	if from.gone != nil {
		go watch(ctx, cancel, from.gone)
	}
	return ctx, func() { stop(); cancel(); <-s.waits }, nil
}

// watch ends a wait when nobody is left for whom it waits.
func watch(ctx context.Context, cancel context.CancelFunc, gone func() bool) {
	tick := time.NewTicker(goneEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if gone() {
				cancel()
			}
		case <-ctx.Done():
			return
		}
	}
}

// pendingResult is a result of which a call of somebody's hangs: hangUp is for the case
// that it cannot be delivered, as then nobody knows of the call.
type pendingResult struct {
	result any
	hangUp func()
}

// gone reports whether the peer has closed its connection, and not only its side of it,
// as who waits for its last answer does. Of what is no socket that cannot be known.
func (c *conn) gone() bool { return hungUp(c.nc) }

// hungUp reports whether the other end of a connection or pipe is closed.
func hungUp(end any) bool {
	file, ok := end.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return true // it is closed here
	}
	var polled [1]unix.PollFd
	err = raw.Control(func(fd uintptr) {
		polled[0].Fd = int32(fd)
		_, _ = unix.Poll(polled[:], 0) // on an error nothing is set: asked again
	})
	return err != nil || polled[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}
