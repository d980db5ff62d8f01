package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"seraph/ctlproto"
	"seraph/sql/store"
	"seraph/webui/internal/admin"
	"seraph/webui/internal/assets"
	"seraph/webui/internal/public"
	"seraph/webui/internal/server"
	"seraph/webui/internal/user"
	"seraph/webui/internal/view"
)

// Times of the HTTP server.
const (
	headerTime = 10 * time.Second // for a request's header to arrive
	idleTime   = 2 * time.Minute  // between two requests of a connection
	drainTime  = 10 * time.Second // for requests to end when the program stops
	maxHeader  = 32 << 10         // bytes
)

// Main is the program: Run starts it, Wait lasts as long as it does, Close
// ends it.
type Main struct {
	Config Config
	Log    *slog.Logger

	listener net.Listener
	http     *http.Server
	ctl      *ctlproto.Redialer
	stop     context.CancelFunc // ends the work beside the requests
	work     sync.WaitGroup
	failed   chan error
	once     sync.Once
}

// Run listens and returns; pages that say what is missing are served from then
// on, the portal as soon as the database is there with its schema. ctx ends the
// work in the background, not what Close does.
func (m *Main) Run(ctx context.Context) error {
	options, err := m.options()
	if err != nil {
		return err
	}
	url, err := m.Config.databaseURL()
	if err != nil {
		return err
	}
	if m.listener, err = m.listen(); err != nil {
		return err
	}
	if err := store.BecomeOwner(url); err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.listener.Close()
		return err
	}
	gate := server.NewGate(options.Assets, options.View, view.M("waiting.database"))
	m.ctl = options.Ctl
	m.http = &http.Server{
		Handler: gate, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(m.Log.Handler(), slog.LevelDebug),
	}
	ctx, m.stop = context.WithCancel(ctx)
	m.failed = make(chan error, 1)
	m.work.Go(m.serve)
	m.work.Go(func() { m.portal(ctx, url, gate, options) })
	return nil
}

// options are the portal's, all but the database.
func (m *Main) options() (o server.Options, err error) {
	proxies, err := m.Config.proxies()
	if err != nil {
		return o, err
	}
	zone, err := m.Config.zone()
	if err != nil {
		return o, err
	}
	aliases, err := m.Config.Aliases.rules()
	if err != nil {
		return o, err
	}
	files, err := assets.Load()
	if err != nil {
		return o, err
	}
	templates, err := user.Templates()
	if err != nil {
		return o, err
	}
	adminTemplates, err := admin.Templates()
	if err != nil {
		return o, err
	}
	publicTemplates, err := public.Templates()
	if err != nil {
		return o, err
	}
	callMe, err := m.Config.CallMe.rules()
	if err != nil {
		return o, err
	}
	desk, err := m.Config.desk()
	if err != nil {
		return o, err
	}
	pages, err := view.New(view.Options{Assets: files, Pages: []fs.FS{templates, adminTemplates, publicTemplates}, Now: time.Now, Log: m.Log})
	if err != nil {
		return o, err
	}
	machine, err := os.Hostname()
	if err != nil {
		m.Log.Warn("the name of this machine is not known: contacts there are not refused", "error", err)
	}
	return server.Options{
		Ctl: ctlproto.NewRedialer(m.Config.Ctl, ctlproto.Dialer{}), Assets: files, View: pages,
		DefaultDomain: m.Config.DefaultDomain, Proxies: proxies, Limits: m.Config.limits(), AliasRules: aliases, AdminLimits: m.Config.adminLimits(), Zone: zone,
		ContactRules: user.ContactRules(m.Config.Contacts), RuleLimits: user.RuleLimits(m.Config.Rules), CallMe: callMe, Desk: desk, Machine: machine, Now: time.Now, Log: m.Log,
	}, nil
}

func (m *Main) listen() (net.Listener, error) {
	l, err := net.Listen("tcp", m.Config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if m.Config.TLSCert == "" {
		return l, nil
	}
	pair, err := tls.LoadX509KeyPair(m.Config.TLSCert, m.Config.TLSKey)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("tls_cert, tls_key: %w", err)
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}), nil
}

// URL is where the portal is.
func (m *Main) URL() string {
	scheme := "http"
	if m.Config.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + m.listener.Addr().String()
}

func (m *Main) serve() {
	if err := m.http.Serve(m.listener); !errors.Is(err, http.ErrServerClosed) {
		m.failed <- fmt.Errorf("serve: %w", err)
	}
}

// portal waits for the database and serves the portal until ctx ends; then the
// streams are closed, the requests under way get time to end, and the database
// is closed.
func (m *Main) portal(ctx context.Context, url string, gate *server.Gate, options server.Options) {
	var err error
	if options.DB, err = m.awaitDatabase(ctx, url, gate); err == nil {
		defer options.DB.Close()
		s := server.New(options)
		gate.Open(s)
		m.Log.Info("serving", "database", options.DB.String(), "control", m.Config.Ctl)
		s.Run(ctx)
	}
	m.drain()
}

// Wait returns when ctx ends or serving fails.
func (m *Main) Wait(ctx context.Context) error {
	select {
	case err := <-m.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Close ends the program: streams first, then the requests that are under way,
// then the database.
func (m *Main) Close() error {
	m.once.Do(func() {
		m.stop()
		m.work.Wait()
		m.ctl.Close()
	})
	return nil
}

// drain lets the requests under way end, for a while.
func (m *Main) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := m.http.Shutdown(ctx); err != nil {
		m.Log.Warn("requests were broken off", "error", err)
		m.http.Close()
	}
}
