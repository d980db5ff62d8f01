package tlsmod

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Client implements transport.Certificates.
func (m *Module) Client(remote netip.AddrPort, domain string) *tls.Config {
	for _, s := range m.profiles.Load().clients {
		if !s.matches(remote) || s.serverName != "" && !s.addr.Addr().IsValid() && s.serverName != domain {
			continue
		}
		if s.serverName != "" {
			domain = s.serverName
		}
		return s.client(remote.Addr(), domain)
	}
	return nil
}

// client is the setting of one connection to addr, which shall speak for domain. Without
// verify_certificate=no the certificate must lead to a root that is trusted and bear the
// domain (RFC 5922 §7), or the address where no domain is known.
func (p *profile) client(addr netip.Addr, domain string) *tls.Config {
	c := p.config.Clone()
	c.ServerName = domain
	c.InsecureSkipVerify = true // what follows does it by SIP's rules, not by those of the web
	if p.verify != nil && !*p.verify {
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
	return fmt.Errorf("the certificate is not that of %s but of %q", domain, names)
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
