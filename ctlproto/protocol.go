// Package ctlproto is the control protocol of seraph-proxy: method names,
// parameters, results, error codes and events, and a typed client.
//
// The protocol is JSON-RPC 2.0, one message a line (LF), on a Unix stream
// socket. The server speaks first: its first line is the notification "hello"
// that names the program, its version and the protocol's version. Method names
// and result shapes are Kamailio's wherever it has the method. The whole
// protocol is described in docs/control-protocol.md.
//
// The package is a leaf: it imports the standard library only, because the
// proxy, the web portal and seraphctl all share it.
package ctlproto

import (
	"encoding/json"
	"time"
)

// ProtocolVersion is the version that this package speaks. A server that says
// another number in its hello is refused by the client: additions (a method, a
// result member, an event topic) keep the number, everything else raises it.
const ProtocolVersion = 1

// DefaultSocket is where seraph-proxy listens unless it is told otherwise.
const DefaultSocket = "/run/seraph/ctl.sock"

// Limits of the protocol, in bytes unless said otherwise. Both sides hold them.
const (
	// MaxSocketPath is the longest path that fits sun_path with its final NUL.
	MaxSocketPath = 107
	// MaxRequest is the longest line that a server reads, LF not counted.
	MaxRequest = 1 << 20
	// MaxReply is the longest line that a server writes and a client reads.
	MaxReply = 64 << 20
	// MaxAddresses is how many addresses one presence.get may ask about.
	MaxAddresses = 500
	// MaxImText is the longest text of an im.send. What fits is less by the
	// headers: the whole MESSAGE has at most this size (RFC 3428 §8).
	MaxImText = 1300
	// MaxMessages is how many stored messages one msilo.list may return.
	MaxMessages = 100
	// MaxMessageIDs is how many messages one msilo.rm or msilo.read may name.
	MaxMessageIDs = 1000
)

// Time limits of a client that is not told otherwise.
const (
	// DefaultDialTimeout bounds connecting and reading the hello.
	DefaultDialTimeout = 2 * time.Second
	// DefaultCallTimeout bounds a call whose context has no deadline.
	DefaultCallTimeout = 10 * time.Second
	// DefaultSendTimeout is that of im.send, which waits for the phone's answer.
	DefaultSendTimeout = 30 * time.Second
)

// Version is the member "jsonrpc" of every message.
const Version = "2.0"

// Names of the notifications that a server sends.
const (
	NotifyHello = "hello" // params: Hello; always the first line
	NotifyEvent = "event" // params: Event
	NotifyLost  = "lost"  // params: Lost; the feed has ended, subscribe again
)

// Hello is what the server says first.
type Hello struct {
	Name     string `json:"name"`     // the program, "seraph-proxy"
	Version  string `json:"version"`  // its version, for people
	Protocol int    `json:"protocol"` // ProtocolVersion of the server
}

// Request is a call (with ID) or, without ID, a notification. JSON-RPC's null
// and a missing id are the same here: neither is answered.
type Request struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"` // a number or a string
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params,omitempty"` // an object or an array
	// Deadline is when the caller stops waiting, in milliseconds of Unix time, 0 for
	// never: a server that comes to the request later does not begin it. Both sides
	// are on one machine, so they read one clock.
	Deadline int64 `json:"deadline,omitempty"`
}

// Response answers a Request. Exactly one of Result and Error is set.
type Response struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"` // null if the request's could not be read
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}
