package transport

// Proto is the protocol that carries a message: the transport of a Via header, and
// Local for what the proxy's own user agent sends within the process.
type Proto uint8

// The protocols.
const (
	ProtoNone Proto = iota
	UDP
	TCP
	TLS
	WS
	WSS
	Local
)

var protoNames = [...]string{"none", "udp", "tcp", "tls", "ws", "wss", "local"}

// String is the lower-case name of the protocol, as in a transport parameter.
func (p Proto) String() string {
	if int(p) < len(protoNames) {
		return protoNames[p]
	}
	return "unknown"
}

var viaNames = [...]string{"NONE", "UDP", "TCP", "TLS", "WS", "WSS", "LOCAL"}

// Via is the upper-case name of the protocol, as it stands in a Via header after
// "SIP/2.0/".
func (p Proto) Via() string {
	if int(p) < len(viaNames) {
		return viaNames[p]
	}
	return "UNKNOWN"
}

// Reliable reports whether the protocol itself repeats what was lost, so that
// transactions do not (RFC 3261 §17.1.1.2). Local counts as reliable.
func (p Proto) Reliable() bool { return p != UDP && p != ProtoNone }

// Stream reports whether messages travel on a connection.
func (p Proto) Stream() bool { return p >= TCP && p <= WSS }

// Secure reports whether TLS carries the messages.
func (p Proto) Secure() bool { return p == TLS || p == WSS }

// WebSocket reports whether the messages travel in WebSocket frames.
func (p Proto) WebSocket() bool { return p == WS || p == WSS }

// Param is the value of the parameter transport in a URI: "ws" for WSS too, which RFC 7118
// §5 tells from WS by the scheme alone.
func (p Proto) Param() string {
	if p == WSS {
		p = WS
	}
	return p.String()
}

// DefaultPort is the port that a URI or Via without one means: 5061 for TLS, 80 and
// 443 for WebSockets (RFC 7118 §5), else 5060.
func (p Proto) DefaultPort() uint16 {
	switch p {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	default:
		return 5060
	}
}

// ParseProto is the protocol of that name in any case: udp, tcp, tls, ws, wss.
// "local" is no transport parameter and is never parsed.
func ParseProto(name string) (Proto, bool) {
	for p := UDP; p <= WSS; p++ {
		if equalFold(name, protoNames[p]) {
			return p, true
		}
	}
	return ProtoNone, false
}

// equalFold compares ASCII text; lower must be lower case already.
func equalFold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
