package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/seldom"
)

// Layer is all sockets of the proxy and everything that reads them.
type Layer struct {
	cfg     Config
	handler Handler
	log     *slog.Logger
	epoch   time.Time

	sockets     []Socket
	udp         [][]*udpSocket     // by Flow.Socket; the group that shares the address
	listeners   []*net.TCPListener // by Flow.Socket
	locals      atomic.Pointer[locals]
	conns       *connTable
	handshaking *handshakes
	bufs        buffers
	stats       counters
	waiters     atomic.Int64
	needs       needs // what goes by connections
	bindings    needs // what names them
	// busyTime is how long a connection of our own stays that something is sent on: until
	// Config.Needed tells of the transaction.
	busyTime time.Duration

	fullLog, crowdedLog, ownLog, shakingLog, provenLog, unprovenLog, acceptLog seldom.Gate

	idleMu sync.Mutex
	idle   []*Worker

	ctx     context.Context // ends with Close; for dials
	cancel  context.CancelFunc
	spawnMu sync.Mutex
	closing atomic.Bool
	wg      sync.WaitGroup
}

// New binds every address of cfg and reads none of them yet. An address that another
// program holds is an *InUseError. Errors name the address or setting.
func New(cfg Config, h Handler, log *slog.Logger) (*Layer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	l := &Layer{cfg: cfg, handler: h, log: log, epoch: time.Now(), busyTime: busyTime}
	l.bufs.largeSize = max(slotSize, cfg.MaxMessage)
	l.conns = newConnTable(&cfg)
	l.handshaking = newHandshakes(&cfg)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if err := l.bind(); err != nil {
		l.cancel()
		l.closeSockets()
		return nil, fmt.Errorf("transport: %w", err)
	}
	l.refreshLocals()
	return l, nil
}

// Start begins to read. It is called once.
func (l *Layer) Start() {
	for i := range l.sockets {
		local := l.sockets[i].Addr
		for lane, s := range l.udp[i] {
			l.spawn(newUDPReader(l, s, local, lane).serve)
		}
		if ln := l.listeners[i]; ln != nil {
			l.spawn(func() { l.accept(ln, uint16(i)) })
		}
	}
	if l.hasWildcard() {
		l.spawn(l.watchInterfaces)
	}
}

// Close stops reading, closes every socket and connection, and waits until all workers
// have returned, parked ones included. What connections were already writing is still
// written. When ctx ends first, the rest is closed hard and ctx's error returned.
func (l *Layer) Close(ctx context.Context) error {
	l.spawnMu.Lock()
	l.closing.Store(true)
	l.spawnMu.Unlock()
	l.cancel()
	l.closeSockets()
	conns := l.conns.close()
	for _, c := range conns {
		c.shut()
	}
	done := make(chan struct{})
	go func() {
		l.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range conns {
		_ = c.close(ErrClosed)
	}
	return fmt.Errorf("closing transport: %w", ctx.Err())
}

func (l *Layer) closeSockets() {
	for _, group := range l.udp {
		for _, s := range group {
			s.close()
		}
	}
	for _, ln := range l.listeners {
		if ln != nil {
			_ = ln.Close()
		}
	}
}

// spawn runs f on a goroutine that Close waits for; false once Close has begun.
func (l *Layer) spawn(f func()) bool {
	l.spawnMu.Lock()
	defer l.spawnMu.Unlock()
	if l.closing.Load() {
		return false
	}
	l.wg.Go(f)
	return true
}

// Sockets is every listening address in the order of Config.Listen (a host or interface
// name may give several); a Flow's Socket is an index into it. The slice is shared and
// must not be changed.
func (l *Layer) Sockets() []Socket { return l.sockets }

// Mono is the time since the layer was made in nanoseconds, monotonic.
func (l *Layer) Mono() int64 { return int64(time.Since(l.epoch)) }

func (l *Layer) since(now time.Time) int64 { return int64(now.Sub(l.epoch)) }

// Send sends msg on f at once, from any goroutine, and does not block: a datagram goes to
// the kernel, bytes for a connection are written as far as it takes them and queued
// beyond. msg may be used again when Send returns. Errors are those of Worker.Send, and
// for UDP what the kernel said.
func (l *Layer) Send(f Flow, msg []byte) error {
	switch {
	case f.Proto == UDP:
		s, err := l.udpSocket(f, 0, msg)
		if err != nil {
			return err
		}
		return s.send(f.Local.Addr(), f.Remote, msg)
	case f.Proto.Stream():
		c := l.conns.byFlow(f)
		if c == nil {
			return ErrFlowGone
		}
		c.busy()
		if err := c.enqueue(msg); err != nil {
			return err
		}
		c.flush()
		return nil
	}
	return ErrNoSocket
}

// Usable reports whether messages can be sent on f as far as is known: always over UDP,
// over a stream while its connection is open.
func (l *Layer) Usable(f Flow) bool {
	if f.Proto == UDP {
		return true
	}
	c := l.conns.byFlow(f)
	return c != nil && !c.dead()
}

// Connected reports whether there is a connection from or to an address, open or being
// opened.
func (l *Layer) Connected(proto Proto, remote netip.AddrPort) bool {
	c := l.conns.byRemote(peer{proto: proto, remote: remote})
	return c != nil && !c.dead()
}

// udpSocket is the socket for a datagram on f: of a group the lane's own.
func (l *Layer) udpSocket(f Flow, lane int, msg []byte) (*udpSocket, error) {
	if int(f.Socket) >= len(l.udp) || len(l.udp[f.Socket]) == 0 {
		return nil, ErrNoSocket
	}
	group := l.udp[f.Socket]
	s := group[lane%len(group)]
	switch {
	case !f.Remote.IsValid() || f.Remote.Addr().Is4() == s.v6:
		return nil, ErrNoSocket
	case len(msg) > maxPacket:
		return nil, ErrTooLarge
	case len(msg) == 0:
		return nil, errEmpty
	}
	return s, nil
}

var errEmpty = errors.New("empty message")

// FlowTo is a way to remote and returns at once. prefer is the socket to use if it has
// the protocol and address family (NoSocket: none in particular); without it the choice
// falls on one that is on loopback exactly if remote is.
//
// For a stream it is the open connection with that remote address, whoever opened it, or
// a new one: messages queue until it is connected. If that fails, FlowDown is told. So it is
// where a limit on connections allows no new one, unless the error says so at once.
//
// A WebSocket is never opened from here (RFC 7118 §5): without a connection the error is
// ErrFlowGone. WS means WSS too, as the parameter transport=ws does.
func (l *Layer) FlowTo(proto Proto, remote netip.AddrPort, prefer uint16) (Flow, error) {
	return l.FlowToDomain(proto, remote, prefer, "")
}

// FlowToDomain is FlowTo for a remote that was found for the host name domain. A TLS
// connection is opened to a peer that proves to speak for it (RFC 5922), and used again
// for that domain only.
func (l *Layer) FlowToDomain(proto Proto, remote netip.AddrPort, prefer uint16, domain string) (Flow, error) {
	if proto != TLS {
		domain = "" // nobody proves anything
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if !OneHost(remote.Addr()) || remote.Port() == 0 {
		return Flow{}, fmt.Errorf("%s:%v is no address to send to", proto, remote)
	}
	if proto.Stream() {
		if c := l.conns.byRemote(peer{proto, remote, domain}); c != nil && !c.dead() {
			return c.flow, nil
		}
	}
	if proto == WS {
		return l.FlowToDomain(WSS, remote, prefer, "")
	}
	if proto == WSS {
		return Flow{}, fmt.Errorf("%w: no WebSocket from %v", ErrFlowGone, remote)
	}
	i, ok := l.pick(proto, remote.Addr(), prefer)
	if !ok {
		return Flow{}, fmt.Errorf("%w: %s to %v", ErrNoSocket, proto, remote)
	}
	f := Flow{Proto: proto, Socket: uint16(i), Local: l.sockets[i].Addr, Remote: remote}
	if proto == UDP {
		return f, nil
	}
	c := newConn(l, f, false)
	c.domain = domain
	c.stranger.Store(!l.favours(c))
	if proto == TLS && l.cfg.TLS != nil {
		cfg := l.cfg.TLS.Client(remote, domain)
		c.shows = cfg != nil && len(cfg.Certificates) > 0
	}
	other, err := l.conns.addOutbound(c)
	if err != nil {
		return Flow{}, err
	}
	if other == c && !l.spawn(c.connect) {
		l.conns.remove(c)
		return Flow{}, ErrClosed
	}
	return other.flow, nil
}

// FlowIfOpen is FlowToDomain, but opens nothing: over a stream it is a connection that is open, or
// being opened, else the error is ErrFlowGone.
func (l *Layer) FlowIfOpen(proto Proto, remote netip.AddrPort, prefer uint16, domain string) (Flow, error) {
	if !proto.Stream() {
		return l.FlowToDomain(proto, remote, prefer, domain)
	}
	if proto != TLS {
		domain = ""
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if c := l.conns.byRemote(peer{proto, remote, domain}); c != nil && !c.dead() {
		return c.flow, nil
	}
	if proto == WS {
		return l.FlowIfOpen(WSS, remote, prefer, "")
	}
	return Flow{}, fmt.Errorf("%w: no %s connection to %v", ErrFlowGone, proto, remote)
}

// pick chooses a socket to reach addr.
func (l *Layer) pick(proto Proto, addr netip.Addr, prefer uint16) (int, bool) {
	fits := func(s *Socket) bool { return s.Proto == proto && s.Addr.Addr().Is4() == addr.Is4() }
	if int(prefer) < len(l.sockets) && fits(&l.sockets[prefer]) {
		return int(prefer), true
	}
	first := -1
	for i := range l.sockets {
		s := &l.sockets[i]
		if !fits(s) {
			continue
		}
		own := s.Addr.Addr()
		if own.IsUnspecified() || own.IsLoopback() == addr.IsLoopback() {
			return i, true
		}
		if first < 0 {
			first = i
		}
	}
	return first, first >= 0
}
