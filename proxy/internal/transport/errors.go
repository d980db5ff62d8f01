package transport

import (
	"errors"
	"fmt"
)

// Errors of sending. Each may come wrapped; compare with errors.Is.
var (
	// ErrClosed: the layer has been closed.
	ErrClosed = errors.New("transport closed")
	// ErrFlowGone: the connection of that flow is no more.
	ErrFlowGone = errors.New("connection of the flow is closed")
	// ErrQueueFull: the connection has more unsent bytes waiting than Config.MaxQueue.
	ErrQueueFull = errors.New("send queue of the connection is full")
	// ErrNoSocket: no listening socket has that protocol and address family.
	ErrNoSocket = errors.New("no socket for that protocol and address family")
	// ErrTooManyConns: there are as many connections or handshakes as there may be, of all, of
	// one source, of our own or of these to one host.
	ErrTooManyConns = errors.New("too many connections")
	// ErrNoCertificate: there is no certificate, or no setting of TLS at all.
	ErrNoCertificate = errors.New("TLS has no certificate")
	// ErrTooLarge: the message is longer than the protocol or the setting allows.
	ErrTooLarge = errors.New("message too large")
)

// Errors that end a connection, as FlowDown and Config.Malformed report them.
var (
	// ErrIdle: nothing came for Config.IdleTimeout, or no first message in time.
	ErrIdle = errors.New("connection idle too long")
	// ErrSlowMessage: a message began and was not complete after Config.MessageTimeout.
	ErrSlowMessage = errors.New("message not complete in time")
	// ErrSlowHandshake: TLS or the WebSocket was not ready after Config.HandshakeTimeout.
	ErrSlowHandshake = errors.New("handshake not complete in time")
	// ErrNoLength: a message on a stream has no Content-Length (RFC 3261 §18.3).
	ErrNoLength = errors.New("message on a stream without Content-Length")
	// ErrBadLength: Content-Length is no number, or appears twice with different values.
	ErrBadLength = errors.New("bad Content-Length")
	// ErrBadLine: a line of the header part ends in LF without CR.
	ErrBadLine = errors.New("header line not ended by CRLF")
)

// InUseError says that a listening address is taken: another router runs there.
type InUseError struct {
	Proto Proto
	Addr  string // host:port
}

// Error names the address.
func (e *InUseError) Error() string {
	return fmt.Sprintf("address %s:%s is already in use by another program", e.Proto, e.Addr)
}
