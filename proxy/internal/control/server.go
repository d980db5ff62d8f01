// Package control serves the control protocol of package ctlproto on a Unix
// socket: the methods that seraphctl and the portal call, and the feed of
// events. Nothing that a client does or leaves undone ever blocks the proxy:
// connections, requests in flight and queued events are all bounded, and every
// write has a deadline.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/seldom"
	"seraph/sql/aor"
)

// Config is what a Server is made of. Name and Version are required.
type Config struct {
	Log     *slog.Logger // nil = no log
	Name    string       // of the program, for hello and core.version
	Version string
	Info    ctlproto.CoreInfo // result of core.info; an empty Version is filled in
	Now     func() time.Time  // nil = time.Now; core.uptime counts from New

	// Local says whether a domain is ours; nil takes any for one.
	Local func(domain string) bool
	// Enabled says whether an address is a user's of ours whose account is open; nil,
	// without a database, takes any for one.
	Enabled    func(ctx context.Context, user aor.AOR) (bool, error)
	Usrloc     Usrloc
	Statistics Statistics
	Tm         Tm
	Sl         Sl
	Ctd        Ctd
	Dialogs    Dialogs
	Messages   Messages
	Silo       Silo
	Uac        Uac
	Requests   Requests // with Uac: tm.t_uac_*
	Presence   Presence
	Script     Script
	// ScriptReload is script.reload.
	ScriptReload ScriptReloader
	Credentials  Credentials
	Domains      Reloader // domain.reload
	DomainList   DomainList
	Aliases      Reloader // alias.reload
	Groups       Reloader // group.reload
	TLS          Reloader // tls.reload

	// Relieve frees a file descriptor, if it can, when there is none to accept a connection
	// with; nil for never.
	Relieve func() bool

	Guards Guards
	// CallModules decide where calls go.
	CallModules CallModules

	Limits Limits
}

// Limits of a Server; a zero field takes the default.
type Limits struct {
	Connections  int           // open at once; 64
	InFlight     int           // requests at work for each connection; 32
	Waits        int           // requests that wait for a phone's final response, of all callers; 128
	QueuedEvents int           // waiting for each feed; 1024
	QueuedBytes  int           // the same in bytes; 4 MiB
	Reply        int           // bytes of one; ctlproto.MaxReply, which is the most
	WriteTimeout time.Duration // for each line; 10 s
}

func (l Limits) withDefaults() Limits {
	orInt := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	orInt(&l.Connections, 64)
	orInt(&l.InFlight, 32)
	orInt(&l.Waits, 128)
	orInt(&l.QueuedEvents, 1024)
	orInt(&l.QueuedBytes, 4<<20)
	orInt(&l.Reply, ctlproto.MaxReply)
	if l.WriteTimeout <= 0 {
		l.WriteTimeout = 10 * time.Second
	}
	return l
}

// Server answers calls and publishes events. Make it with New.
type Server struct {
	cfg     Config
	started time.Time
	methods map[string]handler
	names   []string      // of the methods, sorted
	dumps   chan struct{} // tokens: large replies in the making
	waits   chan struct{} // tokens: requests that wait for a phone

	ctx    context.Context // ends when the server is closed for good
	cancel context.CancelFunc
	// stopping ends when Shutdown begins: a phone is not waited for then.
	stopping context.Context
	stop     context.CancelFunc

	feeds     feeds
	acceptLog seldom.Gate

	mu        sync.Mutex
	closing   bool
	listeners map[net.Listener]struct{}
	conns     map[*conn]struct{}
	ended     sync.WaitGroup // of the connections
}

// maxDumps is how many large replies (up to ctlproto.MaxReply each) are made
// and sent at the same time, over all connections.
const maxDumps = 2

// New makes a server; it serves nothing before Serve or ServeConn.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Info.Version == "" {
		cfg.Info.Version = cfg.Name + " " + cfg.Version
	}
	if cfg.Info.Compiler == "" {
		cfg.Info.Compiler = runtime.Version()
	}
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Server{
		cfg: cfg, started: cfg.Now(), dumps: make(chan struct{}, maxDumps), waits: make(chan struct{}, cfg.Limits.Waits),
		listeners: make(map[net.Listener]struct{}), conns: make(map[*conn]struct{}),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.stopping, s.stop = context.WithCancel(s.ctx)
	s.feeds.limits = cfg.Limits
	s.addMethods()
	return s
}

// Serve accepts connections until the listener fails or the server is closed;
// in the latter case it returns nil. It does not close the listener on failure.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return l.Close()
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, l)
	}()
	var pause time.Duration
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			go s.ServeConn(c)
		case s.isClosing():
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default: // out of descriptors, for one: it passes
			pause = min(max(2*pause, leastPause), mostPause)
			if s.relieved(err) {
				pause = leastPause
			}
			if s.acceptLog.Pass(time.Now(), time.Minute, 1) {
				s.cfg.Log.Warn("control socket: accept failed", "error", err, "retry_in", pause)
			}
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
				return nil
			}
		}
	}
}

// leastPause and mostPause bound how long Serve rests when it could not accept.
const (
	leastPause = 5 * time.Millisecond
	mostPause  = time.Second
)

// relieved asks for a file descriptor where the error says that there is none.
func (s *Server) relieved(err error) bool {
	return s.cfg.Relieve != nil && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)) && s.cfg.Relieve()
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// ServeConn serves one connection to its end, and closes it.
func (s *Server) ServeConn(nc net.Conn) {
	c, refusal := s.admit(nc)
	if refusal != nil {
		_ = nc.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = nc.Write(encodeError(nil, refusal)) // best effort: it is being refused
		nc.Close()
		return
	}
	defer s.ended.Done()
	defer s.leave(c)
	c.serve()
}

// admit enters a connection, or says why not.
func (s *Server) admit(nc net.Conn) (*conn, *ctlproto.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil, ctlproto.Errorf(ctlproto.CodeUnavailable, "%s is shutting down", s.cfg.Name)
	case len(s.conns) >= s.cfg.Limits.Connections && !s.makeRoom():
		return nil, ctlproto.Errorf(ctlproto.CodeBusy, "%d control connections are open, no more are possible", len(s.conns))
	}
	c := newConn(s, nc)
	s.conns[c] = struct{}{}
	s.ended.Add(1)
	return c, nil
}

func (s *Server) leave(c *conn) {
	c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Shutdown closes the listeners, reads no more requests, ends what waits for a phone,
// lets the requests at work and the queued events go out, and returns when all connections have ended. When
// ctx ends first it cuts them off and returns the context's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.stop()
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.stopReading()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		s.ended.Wait()
		close(done)
	}()
	defer s.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.cancel() // handlers that obey their context end now
	s.mu.Lock()
	for c := range s.conns {
		c.close()
	}
	s.mu.Unlock()
	return ctx.Err()
}

// Wanted reports whether anybody is subscribed to topic, so that nobody makes
// the data of an event in vain. It takes no lock.
func (s *Server) Wanted(topic string) bool {
	return s.feeds.wanted(topic)
}

// Publish sends an event to all who are subscribed to topic. It encodes data
// before it returns, keeps nothing of it and never waits for a reader. Events
// of one goroutine arrive in their order. An unknown topic is a fault of the
// program and only logged.
func (s *Server) Publish(topic string, data any) {
	if !knownTopic(topic) {
		s.cfg.Log.Error("control: event of an unknown topic", "topic", topic)
		return
	}
	if !s.feeds.wanted(topic) {
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		s.cfg.Log.Error("control: event cannot be encoded", "topic", topic, "error", err)
		return
	}
	s.feeds.publish(topic, raw)
}
