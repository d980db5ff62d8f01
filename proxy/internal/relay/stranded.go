package relay

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

const (
	// maxStranded bounds the replies for which a connection is being opened.
	maxStranded = 1024
	// strandedTime is how long a connection may take to fail: who waits for the reply
	// has given up by then.
	strandedTime = 32 * time.Second
)

// strandedReplies are replies for which a connection is being opened, by its number. If that
// fails they go to another place of the host that the Via of their request names (RFC 3263
// §5). That is done for the hosts of our own tables (Config.Gateway) alone: anybody else
// could have us open connections wherever a zone of his leads.
type strandedReplies struct {
	mu   sync.Mutex
	open map[uint64]*stranded
}

// stranded is a reply that has lost its connection.
type stranded struct {
	reply  []byte
	host   []byte // of the Via
	domain string // whom the peer of a TLS connection has to speak for
	proto  transport.Proto
	socket uint16
	since  time.Time
	asked  bool // hops are what DNS gave
	hops   []transport.Hop
}

// expect remembers a reply whose first connection, f, is being opened. v is the Via of its
// request; one with a port, or a number for a host, leads nowhere else.
func (e *Engine) expect(f, gone transport.Flow, v *sip.Via, reply []byte) {
	if _, numeric := parseAddr(v.Host); numeric || v.Port != 0 || e.resolver == nil || !e.isGateway(gone.Remote.Addr().Unmap()) {
		return
	}
	e.await(f, &stranded{reply: bytes.Clone(reply), host: bytes.Clone(bareHost(v.Host)), domain: domainOf(f.Proto, v.Host), proto: f.Proto, socket: gone.Socket, since: e.Now()})
}

// await waits for the end of the attempt to open f.
func (e *Engine) await(f transport.Flow, s *stranded) {
	x := &e.strandedReplies
	x.mu.Lock()
	if x.open == nil {
		x.open = map[uint64]*stranded{}
	}
	if len(x.open) >= maxStranded {
		x.mu.Unlock()
		return
	}
	x.open[f.Conn] = s
	x.mu.Unlock()
	if !e.layer.Usable(f) { // it has failed already, and nobody knew of the reply
		e.strand(f)
	}
}

// strand takes the reply that waits for a connection that could not be opened to the next
// place, on a goroutine of its own as far as there are any.
func (e *Engine) strand(f transport.Flow) {
	x := &e.strandedReplies
	x.mu.Lock()
	s := x.open[f.Conn]
	delete(x.open, f.Conn)
	x.mu.Unlock()
	if s == nil || e.Now().Sub(s.since) > strandedTime {
		return
	}
	select {
	case e.failures <- struct{}{}:
		go func() {
			defer func() { <-e.failures }()
			e.carry(s)
		}()
	default:
	}
}

// carry sends a reply to the next place that a way leads to.
func (e *Engine) carry(s *stranded) {
	if !s.asked {
		ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
		defer cancel()
		var room [transport.MaxHops]transport.Hop
		list, err := e.resolver.Locate(ctx, room[:0], &transport.Service{Host: s.host, Proto: s.proto, Reach: e.reach})
		if err != nil {
			return
		}
		s.asked, s.hops = true, slices.Clone(list)
	}
	for len(s.hops) > 0 {
		hop := s.hops[0]
		s.hops = s.hops[1:]
		f, err := e.layer.FlowToDomain(hop.Proto, hop.Addr, s.socket, s.domain)
		if err != nil || e.layer.Send(f, s.reply) != nil {
			continue
		}
		e.await(f, s)
		return
	}
}

// notOpened tells the replies of a connection that it could not be opened, or that it was.
func (e *Engine) notOpened(f transport.Flow, err error) {
	x := &e.strandedReplies
	x.mu.Lock()
	_, waits := x.open[f.Conn]
	x.mu.Unlock()
	if !waits {
		return
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		e.strand(f)
		return
	}
	x.mu.Lock()
	delete(x.open, f.Conn)
	x.mu.Unlock()
}

// forget drops the replies that have reached a connection.
func (x *strandedReplies) forget(now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for conn, s := range x.open {
		if now.Sub(s.since) > strandedTime {
			delete(x.open, conn)
		}
	}
}
