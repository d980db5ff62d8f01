package ua

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/proxy/internal/txn"
)

// Why an INVITE could not be made.
var (
	ErrNotAttached = errors.New("the user agent is not attached to a router")
	ErrLimit       = errors.New("too many dialogs of the user agent")
	ErrClosed      = errors.New("the user agent is closing")
	ErrBadAddress  = errors.New("not an address that a request can name")
)

// Router takes initial requests as if they had been received.
type Router interface {
	// Inject runs the script on msg with an identity, which counts
	// as authenticated. replied takes each response and the flow that it came on;
	// both are valid during the call only, which is made under locks of the
	// router and returns at once. msg may be used again when Inject returns.
	Inject(msg []byte, as Identity, replied func(status int, msg []byte, from transport.Flow)) error
	// Submit is Inject of a request outside any dialog. bound says that lookup found
	// bindings for it and it was sent on, said what these have come to (Answer.Said); from is the zero Flow where
	// the script answered by itself.
	Submit(msg []byte, as Identity, replied func(status int, msg []byte, from transport.Flow, bound bool, said sip.StatusSet)) error
	// Cancel cancels an injected INVITE that has no final response, with further
	// header lines for the CANCELs; false if there is none.
	Cancel(key txn.Key, extra []byte) bool
}

// Identity is for whom a request is sent.
type Identity struct {
	User, Domain []byte // canonical
	// Contact, if not empty, is the only one of the called user's contacts that is
	// to be called: its URI as it stands, or its ruid.
	Contact []byte
	// Accounted says that it is a call of the identity's own, in the accounts too.
	Accounted bool
	// NoRules says that the call rules of who is called do not hold: he has it sent himself,
	// or the operator has.
	NoRules bool
}

// Network is where in-dialog requests leave; *transport.Layer is one.
type Network interface {
	txn.Out
	FlowToDomain(proto transport.Proto, remote netip.AddrPort, prefer uint16, domain string) (transport.Flow, error)
	Sockets() []transport.Socket
}

// Lookup finds the addresses of a host, as (*transport.Resolver).Lookup does.
type Lookup func(ctx context.Context, host string) ([]netip.Addr, error)

// Config is the setting of an Agent. A zero field takes the default named beside it.
type Config struct {
	// Name is the value of User-Agent, default "Seraph".
	Name string
	// MaxDialogs bounds the dialogs, early ones included, default 4,096.
	MaxDialogs int
	Log        *slog.Logger
}

// Agent is the user agent.
type Agent struct {
	cfg    Config
	log    *slog.Logger
	router Router
	net    Network
	table  *txn.Table
	lookup Lookup

	// The address in Contact and in the Via of injected requests.
	socket      *transport.Socket
	contactHost string

	mu     sync.Mutex
	calls  map[string]*Call // by token, those in which something is alive
	closed bool
	idle   chan struct{} // closed when calls is empty, for Close

	stats stats
}

// New makes an agent; Attach gives it what it works with. It has no side effect.
func New(cfg Config) *Agent {
	if cfg.Name == "" {
		cfg.Name = "Seraph"
	}
	if cfg.MaxDialogs <= 0 {
		cfg.MaxDialogs = 4096
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{cfg: cfg, log: cfg.Log, calls: map[string]*Call{}}
}

// Attach binds the agent to the router that it is part of, once and before the
// first message: t is the transaction table whose responses the router hands on.
func (a *Agent) Attach(r Router, n Network, t *txn.Table, lookup Lookup) {
	a.router, a.net, a.table, a.lookup = r, n, t, lookup
	sockets := n.Sockets()
	for i := range sockets {
		if sockets[i].Proto == transport.UDP || a.socket == nil {
			a.socket = &sockets[i]
			if sockets[i].Proto == transport.UDP {
				break
			}
		}
	}
	if a.socket != nil {
		a.contactHost = a.socket.AdvertisedHost
		if strings.IndexByte(a.contactHost, ':') >= 0 {
			a.contactHost = "[" + a.contactHost + "]"
		}
	}
}

// tokenSize is the length of a token in characters of hex, 96 bits.
const tokenSize = 24

// userPrefix begins the user part of every Contact of the agent.
const userPrefix = "ua-"

// Owns reports whether a request is for a Contact that an agent here has made,
// living or dead. It does not allocate.
func (a *Agent) Owns(m *sip.Message) bool {
	_, ok := a.token(m)
	return ok
}

// token returns the token of the Contact that the request is for.
func (a *Agent) token(m *sip.Message) ([]byte, bool) {
	if a.socket == nil {
		return nil, false
	}
	u, err := m.URI()
	if err != nil || len(u.User) != len(userPrefix)+tokenSize || string(u.User[:len(userPrefix)]) != userPrefix {
		return nil, false
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	if port != a.socket.AdvertisedPort || !sip.EqualFold(u.Host, a.contactHost) {
		return nil, false
	}
	return u.User[len(userPrefix):], true
}

// list enters the call under its token. force is for a call that has been there
// before, which is not refused.
func (a *Agent) list(c *Call, force bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !force {
		if a.closed {
			return ErrClosed
		}
		if a.stats.dialogs.Load() >= int64(a.cfg.MaxDialogs) {
			a.stats.refused.Add(1)
			return ErrLimit
		}
	}
	a.calls[c.token] = c
	return nil
}

func (a *Agent) unlist(c *Call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, c.token)
	if len(a.calls) == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
}

// Close refuses new calls, hangs up those that are there and waits until nothing
// is left of them or ctx ends.
func (a *Agent) Close(ctx context.Context) error {
	a.mu.Lock()
	a.closed = true
	calls := make([]*Call, 0, len(a.calls))
	for _, c := range a.calls {
		calls = append(calls, c)
	}
	if len(calls) > 0 && a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	for _, c := range calls {
		c.Hangup()
	}
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("closing the user agent: %d dialogs are left: %w", a.stats.dialogs.Load(), ctx.Err())
	}
}

// longest is how long a message can still be on its way after a transaction
// began: 64·T1 (RFC 3261 §17.1.1.1).
func (a *Agent) longest() time.Duration { return 64 * a.table.Config().T1 }

// random returns n unguessable bytes in hex.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
