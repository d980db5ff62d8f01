package tlsmod

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// profile is a section with its files read.
type profile struct {
	section
	config *tls.Config
	roots  *x509.CertPool
	// revoked is what crl names; nil for nothing.
	revoked *revocations
}

// profiles are all of them, those for fewer addresses first. They are replaced whole.
type profiles struct {
	servers, clients []*profile
}

// read reads the configuration file and the files that the sections name.
func (m *Module) read() (*profiles, error) {
	var list []section
	if m.path != "" {
		text, err := os.ReadFile(m.path)
		if err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		if list, err = parseFile(text, filepath.Dir(m.path)); err != nil {
			return nil, fmt.Errorf("config %s: %w", m.path, err)
		}
	}
	p := &profiles{}
	var seen []string // certificates, which sections share
	for _, client := range []bool{false, true} {
		sections, err := withDefault(list, client, &m.own)
		if err != nil {
			return nil, fmt.Errorf("config %s: %w", m.path, err)
		}
		for i := range sections {
			made, err := m.load(&sections[i])
			if err != nil {
				return nil, sections[i].explain(m.path, err)
			}
			if cert := made.certificate; cert != "" && !slices.Contains(seen, cert) {
				seen = append(seen, cert)
				m.lookAtTime(cert, made.config.Certificates[0].Leaf)
			}
			if client {
				p.clients = append(p.clients, made)
			} else {
				p.servers = append(p.servers, made)
			}
		}
	}
	if m.own.crl != "" && !slices.ContainsFunc(slices.Concat(p.servers, p.clients), func(x *profile) bool { return x.revoked != nil && x.revoked.path == m.own.crl }) {
		return nil, fmt.Errorf("crl %s: %w", m.own.crl, errUnlooked)
	}
	return p, nil
}

// errUnlooked says that a list of revoked certificates would protect nobody.
var errUnlooked = errors.New("nobody's certificate is looked up in it: it needs verify_certificate")

// explain says where a fault lies.
func (s *section) explain(path string, err error) error {
	if s.line == 0 {
		return err
	}
	return fmt.Errorf("config %s: section at line %d: %w", path, s.line, err)
}

// withDefault is the sections of one kind, the most special ones first and the default
// one, which the others inherit from, last.
func withDefault(list []section, client bool, own *section) ([]section, error) {
	def := section{client: client, def: true}
	var rest []section
	for _, s := range list {
		switch {
		case s.client != client:
		case !s.def:
			rest = append(rest, s)
		case def.line != 0:
			return nil, fmt.Errorf("line %d: the default section is there twice", s.line)
		default:
			def = s
		}
	}
	def.inherit(own)
	for i := range rest {
		rest[i].inherit(&def)
	}
	slices.SortStableFunc(rest, func(a, b section) int { return b.weight() - a.weight() })
	return append(rest, def), nil
}

// weight is how special a section is.
func (s *section) weight() int {
	n := 0
	if s.addr.Addr().IsValid() && !s.addr.Addr().IsUnspecified() {
		n += 4
	}
	if s.addr.Port() != 0 {
		n += 2
	}
	if s.serverName != "" {
		n++
	}
	return n
}

// load reads the files of a section.
func (m *Module) load(s *section) (*profile, error) {
	p := &profile{section: *s}
	method := methods[defaultMethod]
	if s.method != "" {
		method = methods[s.method]
	}
	p.config = &tls.Config{MinVersion: method[0], MaxVersion: method[1], DynamicRecordSizingDisabled: true}
	if (s.certificate == "") != (s.privateKey == "") {
		return nil, errors.New("certificate and private_key go together")
	}
	if s.certificate != "" {
		cert, err := tls.LoadX509KeyPair(s.certificate, s.privateKey)
		if err != nil {
			return nil, fmt.Errorf("certificate %s: %w", s.certificate, err)
		}
		p.config.Certificates = []tls.Certificate{cert}
	}
	var pem []byte
	if s.caList != "" {
		var err error
		pem, err = os.ReadFile(s.caList)
		if err != nil {
			return nil, fmt.Errorf("ca_list: %w", err)
		}
		p.roots = x509.NewCertPool()
		if !p.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_list %s: no certificate in it", s.caList)
		}
	}
	if s.crl != "" {
		if err := m.loadCRL(p, pem); err != nil {
			return nil, err
		}
	}
	if s.client {
		return p, nil
	}
	p.keepSessions()
	return p, p.demand()
}

// keepSessions has the section's own keys seal its sessions, which crypto/tls makes, and makes anew each day:
// who comes back goes on with his (RFC 8446 §2.2), but with no other section's, which may not have asked
// for what this one does, and with none from before the files were read again. VerifyConnection is asked
// about each of them.
func (p *profile) keepSessions() {
	p.config.WrapSession, p.config.UnwrapSession = p.config.EncryptTicket, p.config.DecryptTicket
}

// lookAtTime warns of a certificate of ours that nobody believes: it stays what peers are shown,
// so that those who do not look go on.
func (m *Module) lookAtTime(path string, leaf *x509.Certificate) {
	switch now := m.cfg.Now(); {
	case leaf == nil:
	case now.After(leaf.NotAfter):
		m.cfg.Log.Warn("tls: a certificate of ours has expired", "certificate", path, "expired", leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		m.cfg.Log.Warn("tls: a certificate of ours is not valid yet", "certificate", path, "valid_from", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
}

// loadCRL reads the lists of revoked certificates that a section looks peers up in. What it
// inherits and has no use for, because it verifies nobody, it leaves alone.
func (m *Module) loadCRL(p *profile, caList []byte) (err error) {
	switch {
	case !p.verifies() && p.ownCRL:
		return fmt.Errorf("crl %s: %w", p.crl, errUnlooked)
	case !p.verifies():
		return nil
	case caList == nil:
		return fmt.Errorf("crl %s: it needs a ca_list, which has its issuer", p.crl)
	}
	p.revoked, err = loadRevocations(p.crl, caList, m.cfg.Log, m.cfg.Now)
	return err
}

// verifies reports whether the certificates of peers are verified.
func (s *section) verifies() bool {
	if s.verify == nil {
		return s.client
	}
	return *s.verify
}

// demand says what a server wants to see of a client.
func (p *profile) demand() error {
	verify, require := p.verifies(), p.require != nil && *p.require
	if verify && p.roots == nil {
		return errors.New("verify_certificate needs a ca_list")
	}
	switch {
	case verify && require:
		p.config.ClientAuth = tls.RequireAndVerifyClientCert
	case verify:
		p.config.ClientAuth = tls.VerifyClientCertIfGiven
	case require:
		p.config.ClientAuth = tls.RequireAnyClientCert
	}
	p.config.ClientCAs = p.roots
	if verify && (p.depth != nil || p.revoked != nil) {
		p.config.VerifyConnection = func(c tls.ConnectionState) error {
			if len(c.PeerCertificates) == 0 {
				return nil
			}
			return p.accepts(c.VerifiedChains)
		}
	}
	return nil
}

// accepts demands of verified chains what is beyond signatures and time.
func (p *profile) accepts(chains [][]*x509.Certificate) error {
	chains, err := p.revoked.left(chains)
	if err != nil {
		return err
	}
	return p.deepEnough(chains)
}

// deepEnough demands a chain with no more certificates between the peer's and the root
// than verify_depth.
func (p *profile) deepEnough(chains [][]*x509.Certificate) error {
	if p.depth == nil || slices.ContainsFunc(chains, func(c []*x509.Certificate) bool { return len(c)-2 <= *p.depth }) {
		return nil
	}
	return fmt.Errorf("the certificate's chain is longer than verify_depth %d allows", *p.depth)
}

// serves reports whether there is a certificate for a listening address.
func (p *profiles) serves(local netip.AddrPort) bool {
	return slices.ContainsFunc(p.servers, func(s *profile) bool { return s.matches(local) && len(s.config.Certificates) > 0 })
}

// Server implements transport.Certificates: the section is chosen when the client has
// said which name it wants (SNI, RFC 6066 §3).
func (m *Module) Server(local netip.AddrPort) *tls.Config {
	p := m.profiles.Load()
	if !p.serves(local) {
		return nil
	}
	return &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		return p.server(local, hello.ServerName), nil
	}}
}

// server is the section for a name: the most special one that bears it, else the most
// special one without a name.
func (p *profiles) server(local netip.AddrPort, name string) *tls.Config {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	var fallback *tls.Config
	for _, s := range p.servers {
		if !s.matches(local) || len(s.config.Certificates) == 0 {
			continue
		}
		switch {
		case s.serverName != "" && s.serverName == name:
			return s.config
		case s.serverName == "" && fallback == nil:
			fallback = s.config
		}
	}
	if fallback != nil {
		return fallback
	}
	for _, s := range p.servers { // names only: better the wrong one than none
		if s.matches(local) && len(s.config.Certificates) > 0 {
			return s.config
		}
	}
	return nil
}
