package txn

import (
	"errors"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// LocalReplies takes the responses to a request that the router's own user
// agent made. The cell is locked; msg is valid during the call only.
type LocalReplies interface{ LocalReply(status int, msg []byte) }

// Rerouter is an owner that knows another way for a reply whose connection has closed
// (RFC 3261 §18.2.2). It is asked under the cell's lock.
type Rerouter interface {
	Reroute(gone transport.Flow, reply []byte) (transport.Flow, bool)
}

type serverState uint8

const (
	serverTrying serverState = iota // no reply yet; for an INVITE the same as proceeding
	serverProceeding
	serverCompleted
	serverConfirmed
	serverAccepted
	serverDone
)

// Server is a server transaction, INVITE or not (RFC 3261 §17.2, RFC 6026 §7.1).
type Server struct {
	cell  *Cell
	table *Table
	key   Key

	invite bool
	state  serverState
	status int // of the last reply
	flow   transport.Flow
	local  LocalReplies
	last   *Buffer // the last reply, for retransmissions
	g      time.Duration

	timerG Timer // retransmission of a final reply
	end    Timer // H, I, J or L
}

// Start enters the transaction of the request m in the table. Replies go to
// flow, or to local if that is not nil. If the table has the transaction
// already, that one is returned, referred to, and x stays unused.
func (x *Server) Start(t *Table, c *Cell, k Key, m *sip.Message, flow transport.Flow, local LocalReplies) *Server {
	*x = Server{cell: c, table: t, key: k, invite: m.Method == sip.INVITE, flow: flow, local: local}
	x.timerG.Init(c, x)
	x.end.Init(c, x)
	return t.insert(x)
}

// Cell returns the transaction's cell.
func (x *Server) Cell() *Cell { return x.cell }

// Owner returns who owns the transaction's memory.
func (x *Server) Owner() Owner { return x.cell.owner }

// Status returns the status of the last reply, 0 before the first.
func (x *Server) Status() int { return x.status }

// Retransmitted handles a repetition of the request (RFC 3261 §17.2.1 and
// §17.2.2) whose replies would go to flow. A client that lost its connection and
// repeats the request on another one gets the replies there from now on, if it has
// the same address. The cell is locked.
func (x *Server) Retransmitted(flow transport.Flow, out Out) {
	if x.local == nil && x.flow.Proto == flow.Proto && flow.Proto.Stream() && flow.Remote.Addr() == x.flow.Remote.Addr() {
		x.flow = flow
	}
	switch x.state {
	case serverProceeding, serverCompleted:
		if x.last != nil {
			_ = out.Send(x.flow, x.last.B)
		}
	}
}

// Ack handles the ACK of a final reply that is not a 2xx. The cell is locked.
func (x *Server) Ack() {
	if x.state != serverCompleted || !x.invite {
		return
	}
	x.state = serverConfirmed
	x.timerG.Disarm()
	x.drop()
	if x.flow.Proto.Reliable() {
		x.finish()
		return
	}
	x.end.Arm(x.table.cfg.T4) // Timer I
}

// Reply sends a reply with this status; msg is copied where it is needed again.
// A second final reply is not sent, but for a further 2xx to an INVITE (RFC 6026
// §7.1). The cell is locked.
func (x *Server) Reply(status int, msg []byte, out Out) {
	switch x.state {
	case serverTrying, serverProceeding:
	case serverAccepted:
		if status/100 != 2 {
			return
		}
		x.send(status, msg, out)
		return
	default:
		return
	}
	x.status = status
	x.send(status, msg, out)
	switch {
	case x.local != nil && status >= 200:
		x.finishLocal(status)
	case status < 200:
		x.state = serverProceeding
		x.keep(msg)
	case x.invite && status < 300:
		x.state = serverAccepted
		x.drop()
		x.end.Arm(64 * x.table.cfg.T1) // Timer L
	default:
		x.complete(msg)
	}
}

// finishLocal ends a transaction without a network: nothing is retransmitted,
// but further 2xx of other branches may come.
func (x *Server) finishLocal(status int) {
	if x.invite && status < 300 {
		x.state = serverAccepted
		x.end.Arm(64 * x.table.cfg.T1)
		return
	}
	x.finish()
}

func (x *Server) complete(msg []byte) {
	cfg := &x.table.cfg
	x.state = serverCompleted
	if !x.invite {
		x.keep(msg)
		if x.flow.Proto.Reliable() {
			// Timer J is 0 here (RFC 3261 §17.2.2), but a client that lost its
			// connection repeats what it sent on a new one. SER waits as long.
			x.end.Arm(cfg.T4)
			return
		}
		x.end.Arm(64 * cfg.T1) // Timer J
		return
	}
	x.keep(msg)
	if !x.flow.Proto.Reliable() {
		x.g = cfg.T1
		x.timerG.Arm(x.g)
	}
	x.end.Arm(64 * cfg.T1) // Timer H
}

func (x *Server) send(status int, msg []byte, out Out) {
	if x.local != nil {
		x.local.LocalReply(status, msg)
		return
	}
	err := out.Send(x.flow, msg)
	if err == nil || !errors.Is(err, transport.ErrFlowGone) {
		return
	}
	if o, ok := x.cell.owner.(Rerouter); ok {
		if f, ok := o.Reroute(x.flow, msg); ok {
			x.flow = f
			_ = out.Send(f, msg)
		}
	}
}

func (x *Server) keep(msg []byte) {
	x.drop()
	if x.local == nil {
		x.last = x.table.Buffers.Copy(msg)
	}
}

func (x *Server) drop() {
	x.table.Buffers.Give(x.last)
	x.last = nil
}

// Abort ends a transaction to which nobody will reply: a script that dropped
// the request, or a time-out that is not answered (RFC 4320 §4.2). The cell is
// locked.
func (x *Server) Abort() {
	if x.state == serverTrying || x.state == serverProceeding {
		x.finish()
	}
}

func (x *Server) finish() {
	if x.state == serverDone {
		return
	}
	x.state = serverDone
	x.timerG.Disarm()
	x.end.Disarm()
	x.drop()
	x.table.removeServer(x)
}

// Expired is the timers' call.
func (x *Server) Expired(t *Timer, out Out) {
	if t == &x.end {
		x.finish()
		return
	}
	if x.state != serverCompleted || x.last == nil {
		return
	}
	_ = out.Send(x.flow, x.last.B)
	x.g = min(2*x.g, x.table.cfg.T2)
	x.timerG.Arm(x.g)
}

// Key returns the transaction's key.
func (x *Server) Key() Key { return x.key }
