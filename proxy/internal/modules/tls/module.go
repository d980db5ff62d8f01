// Package tlsmod is Kamailio's module tls: the certificates of connections over TLS and
// secure WebSockets. README.md is its manual page.
package tlsmod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/transport"
)

// Config is what the module needs.
type Config struct {
	Log *slog.Logger
	// Sockets are the listening sockets, once there are any.
	Sockets func() []transport.Socket
	Now     func() time.Time // nil: time.Now
}

// Module is tls. It is the transport layer's Certificates from its first Init on.
type Module struct {
	cfg       Config
	path      string  // of the configuration file, "" for none
	own       section // what modparam says: the default of servers and clients
	handshake time.Duration
	most      int // handshakes of one source at a time; 0 if not set
	profiles  atomic.Pointer[profiles]
}

// New makes the module.
func New(cfg Config) *Module {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Module{cfg: cfg}
	m.profiles.Store(&profiles{})
	return m
}

// Name is "tls".
func (m *Module) Name() string { return "tls" }

// HandshakeTimeout is what the script sets, 0 if it does not.
func (m *Module) HandshakeTimeout() time.Duration { return m.handshake }

// HandshakesPerSource is what the script sets, 0 if it does not.
func (m *Module) HandshakesPerSource() int { return m.most }

// Params lists the parameters.
func (m *Module) Params() []module.Param {
	text := func(key, doc string) module.Param {
		return module.Param{Name: key, Kind: module.String, Doc: doc, Set: func(s string, _ int) error { return m.own.set(key, s) }}
	}
	yesNo := func(key, doc string) module.Param {
		return module.Param{Name: key, Kind: module.Int, Doc: doc, Set: func(_ string, n int) error {
			return m.own.set(key, fmt.Sprint(n))
		}}
	}
	return []module.Param{
		{Name: "config", Kind: module.String, Doc: "path of the file with a section for each server and client",
			Set: func(s string, _ int) error {
				if s == "" {
					return errors.New("config is the path of a file")
				}
				m.path = s
				return nil
			}},
		text("tls_method", "versions of TLS, TLSv1.2+ if not set"),
		text("certificate", "file with the certificate and those that lead to its root, PEM"),
		text("private_key", "file with the key of the certificate, PEM"),
		text("ca_list", "file with the certificates that are trusted, PEM"),
		text("crl", "file with lists of revoked certificates, PEM or DER, by issuers that ca_list has"),
		yesNo("verify_certificate", "1 to verify the certificates of peers"),
		yesNo("require_certificate", "1 to refuse peers without a certificate"),
		yesNo("verify_depth", "how many certificates may stand between a peer's and the root"),
		module.SecondsParam("handshake_timeout", &m.handshake, 1, 120, "seconds that a handshake may take, 10 if not set"),
		module.NumberParam("handshakes_per_source", &m.most, 1, 1<<20, "handshakes of one source that may be under way, 64 if not set"),
	}
}

// Funcs is empty.
func (m *Module) Funcs() []module.Func { return nil }

// Set is modparam for the settings that SER has outside the module (tls_certificate,
// say), without their prefix; what modparam says counts more.
func (m *Module) Set(key, value string) error {
	if m.own.has(key) {
		return nil
	}
	return m.own.set(key, value)
}

// Init reads the configuration and the files that it names.
func (m *Module) Init() error {
	p, err := m.read()
	if err != nil {
		return err
	}
	if s := m.unserved(p); s != "" {
		return fmt.Errorf("nothing says which certificate %s has: modparam(\"tls\", \"certificate\", …) and \"private_key\", or a file that \"config\" names", s)
	}
	m.profiles.Store(p)
	return nil
}

// Reload reads everything again. Connections that are open stay; if anything is wrong the
// old certificates stay in force.
func (m *Module) Reload(context.Context) error {
	if err := m.Init(); err != nil {
		return err
	}
	m.cfg.Log.Info("tls: certificates read", "config", m.path)
	return nil
}

// unserved is the name of a socket that needs a certificate and has none.
func (m *Module) unserved(p *profiles) string {
	if m.cfg.Sockets == nil {
		return ""
	}
	for _, s := range m.cfg.Sockets() {
		if s.Proto.Secure() && !p.serves(s.Addr) {
			return s.Name
		}
	}
	return ""
}
