package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config is the setting of a Layer. A zero field takes the default named beside it.
type Config struct {
	// Listen is every address to bind; at least one.
	Listen []Listen

	// UDPWorkers is the number of sockets, each with its own worker, that share one UDP
	// address by SO_REUSEPORT. The kernel keeps a source on one of them, so its messages
	// keep their order. Default 1: a socket like any other. At most 64.
	UDPWorkers int

	// SocketBuffer is asked for as receive and send buffer of each UDP socket, in bytes;
	// the kernel may grant less (net.core.rmem_max). Default 4 MiB.
	SocketBuffer int

	// MaxMessage bounds a message on a stream, header and body, in bytes. Default 65,536.
	MaxMessage int

	// MaxWaiters bounds the workers that wait after Park, in all. Default 256.
	MaxWaiters int

	// MaxSpares bounds the idle workers that are kept. Default 64.
	MaxSpares int

	// MaxConns bounds the connections, accepted and own, in all. Default DefaultMaxConns.
	MaxConns int

	// MaxOwn bounds those that we have opened to hosts that are neither Trusted nor a Gateway,
	// MaxOwnPerHost these to one IPv4 address or IPv6 /48. Default half of MaxConns, and 256.
	MaxOwn, MaxOwnPerHost int

	// MaxConnsPerSource bounds the accepted connections of one IPv4 address, or of one
	// IPv6 /64 network. Default 256.
	MaxConnsPerSource int

	// MaxProven bounds the connections over which one user, or one certificate, stays proven
	// (Prove); of a table, or a share of one source, that is small, half. Default 32. Whoever has
	// registered without a password counts for his source, which keeps half of its share so.
	MaxProven int

	// Trusted tells the addresses whose connections are no strangers' and are not counted
	// for their source; nil for none. It returns at once.
	Trusted func(a netip.Addr) bool

	// Gateway is Trusted for the connections that we open; nil for no further ones.
	Gateway func(a netip.Addr) bool

	// Needed tells every flow that a dialog or a transaction of ours goes by: a stranger's
	// connection stays as long as it is one of them. It is asked when somebody has to go, at
	// most once a second. nil for none.
	Needed func(yield func(Flow))

	// Bound is Needed for every flow that a binding names; nil if nobody knows.
	Bound func(yield func(Flow))

	// TLS chooses certificates; nil if nothing listens on TLS or WSS.
	TLS Certificates

	// Origins are the origins (https://phone.example.org) of the pages that may open a
	// WebSocket; none stands for every page. What sends no Origin is no page and may.
	Origins []string

	// MaxHandshakes and MaxHandshakesPerSource bound the TLS and WebSocket handshakes that
	// are under way, in all and for each source as MaxConnsPerSource counts it. Beyond them one
	// that has had us wait for its peer gives way. Default 512 and 64.
	MaxHandshakes, MaxHandshakesPerSource int

	// StunRate bounds the answers to STUN requests on each UDP socket, a second,
	// StunRatePerSource those to one IPv4 address or IPv6 /64. Default 20,000, and 100.
	StunRate, StunRatePerSource int

	// MaxQueue bounds the bytes that wait to be written on one connection. Default 256 KiB.
	MaxQueue int

	// ConnectTimeout bounds the opening of a connection. Default 5 s.
	ConnectTimeout time.Duration

	// HandshakeTimeout bounds the TLS handshake and the upgrade to WebSocket, both
	// together, and how long a ping may remain unanswered. Default 10 s.
	HandshakeTimeout time.Duration

	// PingInterval is how long a WebSocket may be silent before we ask whether the peer is
	// there (RFC 6455 §5.5.2). Default 60 s.
	PingInterval time.Duration

	// FirstTimeout ends an accepted connection on which no message was completed by then.
	// Default 60 s.
	FirstTimeout time.Duration

	// IdleTimeout ends a connection on which neither message nor keep-alive came for so
	// long. Default 65 min: longer than the usual hour of a registration.
	IdleTimeout time.Duration

	// StrangerTimeout is IdleTimeout for a connection whose peer has not proven anything
	// (Prove), unless a request of its is on its way (Hold) or it is Needed. One that we have
	// opened to a host that is neither Trusted nor a Gateway counts as such. Default 2 min.
	StrangerTimeout time.Duration

	// MessageTimeout bounds the time from the first byte of a message on a stream to its
	// last. Default 10 s.
	MessageTimeout time.Duration

	// WriteTimeout bounds a write on a connection. Default 10 s.
	WriteTimeout time.Duration

	// Malformed, if set, is told of a message on a stream whose end cannot be known (err
	// is ErrNoLength, ErrBadLength or ErrTooLarge) before the connection is closed. head
	// is the header part; what the function sends on from (a 400, say) is written first.
	Malformed func(w *Worker, head []byte, from Flow, err error)
}

// DefaultMaxConns is Config.MaxConns where nothing is said.
const DefaultMaxConns = 16384

const (
	minMessage = 1 << 10
	maxMessage = 16 << 20
	maxWorkers = 64
)

// withDefaults fills the zero fields and refuses what makes no sense.
func (c Config) withDefaults() (Config, error) {
	if len(c.Listen) == 0 {
		return c, errors.New("no address to listen on")
	}
	for _, f := range []struct {
		name     string
		value    *int
		def, max int
	}{
		{"UDPWorkers", &c.UDPWorkers, 1, maxWorkers},
		{"SocketBuffer", &c.SocketBuffer, 4 << 20, 1 << 30},
		{"MaxMessage", &c.MaxMessage, slotSize, maxMessage},
		{"MaxWaiters", &c.MaxWaiters, 256, 1 << 20},
		{"MaxSpares", &c.MaxSpares, 64, 1 << 16},
		{"MaxConns", &c.MaxConns, DefaultMaxConns, 1 << 24},
		{"MaxOwn", &c.MaxOwn, max(1, cmp.Or(c.MaxConns, DefaultMaxConns)/2), 1 << 24},
		{"MaxOwnPerHost", &c.MaxOwnPerHost, 256, 1 << 24},
		{"MaxConnsPerSource", &c.MaxConnsPerSource, 256, 1 << 24},
		{"MaxProven", &c.MaxProven, 32, 1 << 24},
		{"MaxHandshakes", &c.MaxHandshakes, 512, 1 << 20},
		{"MaxHandshakesPerSource", &c.MaxHandshakesPerSource, 64, 1 << 20},
		{"StunRate", &c.StunRate, 20_000, 1 << 24},
		{"StunRatePerSource", &c.StunRatePerSource, 100, 1 << 24},
		{"MaxQueue", &c.MaxQueue, 256 << 10, 1 << 30},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
		if *f.value < 0 || *f.value > f.max {
			return c, fmt.Errorf("%s is %d: must be from 1 to %d", f.name, *f.value, f.max)
		}
	}
	if c.MaxMessage < minMessage {
		return c, fmt.Errorf("MaxMessage is %d: must be at least %d", c.MaxMessage, minMessage)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		def   time.Duration
	}{
		{"ConnectTimeout", &c.ConnectTimeout, 5 * time.Second},
		{"HandshakeTimeout", &c.HandshakeTimeout, 10 * time.Second},
		{"PingInterval", &c.PingInterval, time.Minute},
		{"FirstTimeout", &c.FirstTimeout, time.Minute},
		{"IdleTimeout", &c.IdleTimeout, 65 * time.Minute},
		{"StrangerTimeout", &c.StrangerTimeout, 2 * time.Minute},
		{"MessageTimeout", &c.MessageTimeout, 10 * time.Second},
		{"WriteTimeout", &c.WriteTimeout, 10 * time.Second},
	} {
		if *f.value == 0 {
			*f.value = f.def
		}
		if *f.value < 0 {
			return c, fmt.Errorf("%s is %v: must be more than 0", f.name, *f.value)
		}
	}
	return c, nil
}
