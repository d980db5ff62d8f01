// Package transport owns the sockets of the proxy: where a SIP message came from
// and how one leaves.
//
// A [Layer] binds every listening address, reads messages and hands each to a
// [Handler] on a [Worker]. UDP is read and written in batches (recvmmsg, sendmmsg);
// streams are framed by Content-Length (RFC 3261 §18.3) with limits on size, number
// and time. A message over UDP or TCP in steady state costs no allocation.
//
// TLS and WebSockets (RFC 7118) stand between the bytes of a stream and its messages:
// what is sent is framed and encrypted into the connection's own queue, so that a worker
// never waits for a peer; handshakes run on the connection's goroutine. docs/transports.md
// has the limits.
//
// # Workers
//
// A worker is a goroutine with memory of its own. It reads a batch, hands each message
// to the handler, and sends what the handler gave to [Worker.Send] when the batch
// ends. A handler never blocks, with one exception: after [Worker.Park] has returned
// true, another worker has taken over the socket and the unread rest of the batch, and
// this one is an ordinary goroutine that may wait (leader/followers).
//
// # Flows
//
// A [Flow] names the way on which a message came: for UDP socket and source, for a
// stream the connection. It is a plain comparable value that may be kept for ever:
// when its connection has gone, sending on it is an error and nothing else.
//
// The package runs on Linux.
package transport
