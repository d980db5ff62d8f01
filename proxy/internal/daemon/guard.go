package daemon

import (
	"log/slog"
	"runtime/debug"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// guard is the relay as the transport's handler, with a net below it: a fault in
// our code costs the message that met it and nothing else. That it happened is
// an error in the log, with the message's Call-ID and the stack.
type guard struct {
	*relay.Engine
	// ping takes the answers to pings, which belong to no transaction.
	ping func(msg []byte) bool
	log  *slog.Logger
}

// Receive takes one message.
func (g guard) Receive(w *transport.Worker, msg []byte, from transport.Flow) {
	defer g.survive(w, msg, from)
	if g.ping(msg) {
		return
	}
	g.Engine.Receive(w, msg, from)
}

func (g guard) survive(w *transport.Worker, msg []byte, from transport.Flow) {
	fault := recover()
	if fault == nil {
		return
	}
	var m sip.Message
	_ = m.Parse(msg) // what was read before an error stays readable
	g.log.Error("panic in worker", "call_id", string(m.CallID()), "source", from.Remote, "fault", fault, "stack", string(debug.Stack()))
	g.Engine.Faulted(w)
}
