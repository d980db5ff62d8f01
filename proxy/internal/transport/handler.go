package transport

// Handler takes what the sockets receive.
type Handler interface {
	// NewScratch makes the memory of one worker, kept in it for good: what the handler
	// needs for a message and may use again for the next.
	NewScratch() any

	// Receive takes one message: a datagram, or one framed message of a stream, without
	// line ends before its start line. msg belongs to the worker until Receive returns,
	// also after Park; whoever keeps it longer copies it. Receive must not block before
	// w.Park has returned true. Keep-alives never come here.
	Receive(w *Worker, msg []byte, from Flow)

	// FlowDown tells that a connection is no more: it could not be opened, or broke, or
	// was closed. Once for each connection, on a goroutine that may block; not for
	// those that Layer.Close ends.
	FlowDown(f Flow, err error)
}
