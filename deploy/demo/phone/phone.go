// Package phone is a SIP phone without a person: it registers, rings, answers, and does what a
// REFER asks. The demo and the end-to-end tests put it at the other end of the wire; it stands on
// an independent SIP implementation (sipgo), not on the router's own.
//
// It plays no sound. Its session descriptions name a socket that it holds open and never reads.
package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// Config is what a person would enter in a phone's menu.
type Config struct {
	User     string // user part of the address of record
	Domain   string // host part of the address of record
	Name     string // display name; may be empty
	Password string

	// Router is the UDP address of the registrar and outbound proxy.
	Router netip.AddrPort
	// Listen is the local address to bind, for SIP (UDP) and for media; port 0 takes a free one.
	Listen netip.AddrPort

	Expires time.Duration // lifetime asked for in REGISTER; 0 is 10 minutes
	RingFor time.Duration // how long a call rings before it is answered
	// TalkFor is how long a call that this phone placed lasts before it hangs up; 0 waits for the
	// other side.
	TalkFor time.Duration
	// NoMessages makes it a phone that takes no text messages, as many on desks are: it says so when
	// it registers.
	NoMessages bool
	// GiveUp is how long a call that this phone placed may ring; 0 is one minute.
	GiveUp time.Duration

	Log *slog.Logger
}

// Bounds that a caller cannot exceed.
const (
	maxCalls      = 8                // beyond it: 486 Busy Here
	maxAnswered   = 10 * time.Minute // a call that somebody else placed is hung up after this
	hangUpTimeout = 2 * time.Second  // for each request sent while the phone is being switched off
	agent         = "Seraph demo phone"
	callMethods   = "INVITE, ACK, CANCEL, BYE, REFER, OPTIONS"
)

// methods are what the phone takes.
func (p *Phone) methods() string {
	if p.cfg.NoMessages {
		return callMethods
	}
	return callMethods + ", MESSAGE"
}

// Phone is one registered telephone. Make it with Listen.
type Phone struct {
	cfg   Config
	log   *slog.Logger
	addr  netip.AddrPort
	conn  net.PacketConn
	media net.PacketConn
	ua    *sipgo.UserAgent

	registration registration

	// life ends when the phone is switched off; what it still does then is in work.
	life context.Context
	end  context.CancelFunc
	work sync.WaitGroup

	mu    sync.Mutex
	calls map[callKey]*call
}

// callKey identifies a call at this end (RFC 3261 §12: Call-ID and our tag; the peer's tag is
// compared separately, so that a stranger who knows half of it gets 481 too).
type callKey struct{ callID, localTag string }

// liftMTU lets sipgo send requests above 1,300 bytes by UDP: a phone of the demo talks to a
// router on its own machine.
var liftMTU = sync.OnceFunc(func() { sip.UDPMTUSize = 65535 })

// Listen binds the phone's sockets. It does not register: see Register and Run.
func Listen(cfg Config) (*Phone, error) {
	liftMTU()
	if cfg.Expires == 0 {
		cfg.Expires = 10 * time.Minute
	}
	if cfg.GiveUp == 0 {
		cfg.GiveUp = time.Minute
	}
	p := &Phone{
		cfg:   cfg,
		log:   cfg.Log.With("phone", cfg.User),
		calls: make(map[callKey]*call),
	}
	p.life, p.end = context.WithCancel(context.Background())
	if err := p.bind(); err != nil {
		return nil, fmt.Errorf("phone %s: %w", cfg.User, errors.Join(err, p.closeSockets()))
	}
	p.registration.init(p)
	return p, nil
}

// bind opens the sockets and starts to serve them.
func (p *Phone) bind() error {
	var err error
	if p.conn, err = net.ListenPacket("udp", p.cfg.Listen.String()); err != nil {
		return err
	}
	p.addr = p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	if p.media, err = net.ListenPacket("udp", netip.AddrPortFrom(p.addr.Addr(), 0).String()); err != nil {
		return err
	}
	// What sipgo has to say about strangers' datagrams helps nobody here.
	quiet := slog.New(slog.DiscardHandler)
	p.ua, err = sipgo.NewUA(
		sipgo.WithUserAgent(agent),
		sipgo.WithUserAgentHostname(p.cfg.Domain),
		sipgo.WithUserAgentTransactionLayerOptions(sip.WithTransactionLayerLogger(quiet)),
		sipgo.WithUserAgentTransportLayerOptions(sip.WithTransportLayerLogger(quiet)),
	)
	if err != nil {
		return err
	}
	server, err := sipgo.NewServer(p.ua, sipgo.WithServerLogger(quiet))
	if err != nil {
		return err
	}
	p.handle(server)
	served := make(chan error, 1)
	go func() { served <- server.ServeUDP(p.conn) }()
	return p.waitServed(served)
}

// waitServed returns when sipgo knows our socket: a request sent earlier would leave from a
// socket of sipgo's own making.
func (p *Phone) waitServed(served <-chan error) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serve %v: %w", p.addr, err)
		case <-deadline.C:
			return fmt.Errorf("serve %v: sipgo did not take the socket", p.addr)
		case <-tick.C:
			if p.ua.TransportLayer().Pool("udp").Size() > 0 {
				return nil
			}
		}
	}
}

// handle tells sipgo who answers what.
func (p *Phone) handle(s *sipgo.Server) {
	s.OnInvite(p.onInvite)
	s.OnAck(p.onAck)
	s.OnBye(p.onBye)
	s.OnRefer(p.onRefer)
	s.OnOptions(p.onOptions)
	if !p.cfg.NoMessages {
		s.OnMessage(p.onMessage)
	}
	// sipgo answers a CANCEL that matches; only the others arrive here.
	s.OnCancel(func(req *sip.Request, tx sip.ServerTransaction) {
		p.respond(req, tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	})
	s.OnNoRoute(func(req *sip.Request, tx sip.ServerTransaction) {
		p.respond(req, tx, sip.StatusMethodNotAllowed, "Method Not Allowed", sip.NewHeader("Allow", p.methods()))
	})
}

// Addr is the address where the phone takes SIP.
func (p *Phone) Addr() netip.AddrPort { return p.addr }

// AoR is the phone's address of record, a sip: URI.
func (p *Phone) AoR() string { return "sip:" + p.cfg.User + "@" + p.cfg.Domain }

// Run keeps the phone registered until ctx ends, then hangs up, unregisters and closes. It returns
// nil then.
func (p *Phone) Run(ctx context.Context) error {
	p.keepRegistered(ctx)
	return p.Close()
}

// Close hangs up every call, unregisters if registered, and releases the sockets. It may be called
// once, instead of Run or by it.
func (p *Phone) Close() error {
	p.end()
	p.mu.Lock()
	calls := make([]*call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	p.mu.Unlock()
	for _, c := range calls {
		p.work.Go(func() { p.hangUp(c, "switched off") })
	}
	p.work.Wait()
	err := p.unregister()
	return errors.Join(err, p.closeSockets())
}

func (p *Phone) closeSockets() error {
	p.end()
	var errs []error
	if p.ua != nil {
		errs = append(errs, p.ua.Close())
	}
	for _, c := range []net.PacketConn{p.conn, p.media} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// mediaPort is the port that session descriptions name.
func (p *Phone) mediaPort() int { return p.media.LocalAddr().(*net.UDPAddr).Port }
