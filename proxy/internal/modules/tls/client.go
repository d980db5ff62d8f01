package tlsmod

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Client implements transport.Certificates.
func (m *Module) Client(remote netip.AddrPort, domain string) *tls.Config {
	s, domain := m.profiles.Load().client(remote, domain)
	if s == nil {
		return nil
	}
	return s.client(remote.Addr(), domain)
}

// client is the section for connections to remote that shall speak for domain, and the name
// that its peer has to prove; nil if there is none.
func (p *profiles) client(remote netip.AddrPort, domain string) (*profile, string) {
	for _, s := range p.clients {
		if !s.matches(remote) || s.serverName != "" && !s.addr.Addr().IsValid() && s.serverName != domain {
			continue
		}
		if s.serverName != "" {
			domain = s.serverName
		}
		return s, domain
	}
	return nil, ""
}

// Proven implements transport.Certificates: what the certificate of a peer that has connected
// to us bears, as far as a connection of our own would take it for that (RFC 5923 §8). With
// verify_certificate=no that is the address of everybody, and a domain of those whose
// certificate was verified nevertheless.
func (m *Module) Proven(remote netip.AddrPort, state tls.ConnectionState) []string {
	var names []string
	if len(state.PeerCertificates) > 0 {
		names = identities(state.PeerCertificates[0])
	}
	p := m.profiles.Load()
	var proven []string
	trusted := map[*profile]bool{} // whose roots have verified the certificate, or not
	for _, name := range append([]string{""}, names[:min(len(names), maxNames)]...) {
		name = strings.ToLower(name)
		s, want := p.client(remote, name)
		if s == nil || strings.Contains(name, "*") || slices.Contains(proven, name) || !s.bears(&state, remote.Addr(), name, want) {
			continue
		}
		good, known := trusted[s]
		if !known {
			good = s.trusts(&state)
			trusted[s] = good
		}
		if good {
			proven = append(proven, name)
		}
	}
	return proven
}

// maxNames bounds the names of one certificate that are looked at.
const maxNames = 64

// unasked reports whether a client's section lets the peer show what it likes.
func (p *profile) unasked() bool { return p.verify != nil && !*p.verify }

// bears reports whether what the peer of an accepted connection has shown says that it is name,
// where a server would have to be want.
func (p *profile) bears(state *tls.ConnectionState, addr netip.Addr, name, want string) bool {
	if p.unasked() {
		return name == "" || len(state.VerifiedChains) > 0
	}
	return len(state.PeerCertificates) > 0 && speaksFor(state.PeerCertificates[0], addr, want) == nil
}

// trusts reports whether a server that has shown the same would be believed.
func (p *profile) trusts(state *tls.ConnectionState) bool {
	if p.unasked() {
		return true
	}
	chains, err := p.chains(state.PeerCertificates)
	return err == nil && p.accepts(chains) == nil
}

// client is the setting of one connection to addr, which shall speak for domain. Without
// verify_certificate=no the certificate must lead to a root that is trusted and bear the
// domain (RFC 5922 §7), or the address where no domain is known.
func (p *profile) client(addr netip.Addr, domain string) *tls.Config {
	c := p.config.Clone()
	c.ServerName = domain
	c.InsecureSkipVerify = true // what follows does it by SIP's rules, not by those of the web
	if p.unasked() {
		return c
	}
	c.VerifyConnection = func(state tls.ConnectionState) error {
		chains, err := p.chains(state.PeerCertificates)
		if err != nil {
			return err
		}
		if err := p.accepts(chains); err != nil {
			return err
		}
		return speaksFor(state.PeerCertificates[0], addr, domain)
	}
	return c
}

// chains verifies a certificate with those that came with it.
func (p *profile) chains(certs []*x509.Certificate) ([][]*x509.Certificate, error) {
	if len(certs) == 0 {
		return nil, errors.New("the peer has shown no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range certs[1:] {
		between.AddCert(c)
	}
	return certs[0].Verify(x509.VerifyOptions{Roots: p.roots, Intermediates: between,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

// speaksFor reports whether a certificate is a SIP domain's (RFC 5922 §7.1): one of its
// URIs is sip:domain, or, if it has no such URI, one of its DNS names is the domain. Wild
// cards do not count. A certificate that stands for an address has it among its IP
// addresses.
func speaksFor(cert *x509.Certificate, addr netip.Addr, domain string) error {
	if domain == "" {
		for _, ip := range cert.IPAddresses {
			if a, ok := netip.AddrFromSlice(ip); ok && a.Unmap() == addr {
				return nil
			}
		}
		return fmt.Errorf("the certificate does not bear the address %v", addr)
	}
	names := identities(cert)
	for _, name := range names {
		if strings.EqualFold(name, domain) {
			return nil
		}
	}
	return fmt.Errorf("the certificate is not that of %s but of %q", domain, names[:min(len(names), 8)])
}

// identities are the SIP domains that a certificate speaks for.
func identities(cert *x509.Certificate) []string {
	var names []string
	for _, u := range cert.URIs {
		if strings.EqualFold(u.Scheme, "sip") && !strings.Contains(u.Opaque, "@") {
			host, _, _ := strings.Cut(u.Opaque, ";")
			names = append(names, strings.TrimSuffix(host, "."))
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, n := range cert.DNSNames {
		names = append(names, strings.TrimSuffix(n, "."))
	}
	return names
}
