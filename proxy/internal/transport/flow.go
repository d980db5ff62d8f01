package transport

import "net/netip"

// NoSocket stands for "no particular socket" where a socket index is asked for.
const NoSocket uint16 = 0xffff

// Flow is the way on which a message came, or on which one goes. It is a comparable
// value that points at nothing and may be kept in a map, a binding or a dialog.
type Flow struct {
	// Proto is the protocol. ProtoNone makes the zero Flow: nowhere.
	Proto Proto
	// Socket is the index into Layer.Sockets of the socket that received, or of the
	// one whose address goes into Via and Record-Route.
	Socket uint16
	// Local is our address: the socket's own, or, where that is a wildcard, the address
	// the message was sent to (unspecified in a flow that FlowTo made).
	Local netip.AddrPort
	// Remote is the peer's address; IPv4 is never in its IPv6-mapped form.
	Remote netip.AddrPort
	// Conn is the number of the connection, 0 for UDP. Numbers are never used twice in
	// the life of a process.
	Conn uint64
}

// IsZero reports whether the flow leads nowhere.
func (f Flow) IsZero() bool { return f.Proto == ProtoNone }
