package tlsmod

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"sync/atomic"
	"time"
)

// revocations are the lists of revoked certificates of one section (RFC 5280 §5), from
// one file.
type revocations struct {
	path  string
	lists []*revocationList
	log   *slog.Logger
	now   func() time.Time
}

// revocationList is what one issuer has revoked.
type revocationList struct {
	issuer    *x509.Certificate
	revoked   map[string]time.Time // since when, by serial number
	until     time.Time            // a newer list should be there by then; zero if it does not say
	mentioned atomic.Bool          // that it is not
}

// maxList bounds a file with lists, in bytes.
const maxList = 64 << 20

// loadRevocations reads the file crl of a section. Every list in it must be by an
// issuer of which ca_list, PEM, has the certificate, and bear its signature.
func loadRevocations(path string, caList []byte, log *slog.Logger, now func() time.Time) (*revocations, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("crl: %w", err)
	}
	fault := func(err error) (*revocations, error) { return nil, fmt.Errorf("crl %s: %w", path, err) }
	if len(text) > maxList {
		return fault(fmt.Errorf("it has more than %d MiB", maxList>>20))
	}
	ders, err := listsOf(text)
	if err != nil {
		return fault(err)
	}
	r := &revocations{path: path, log: log, now: now}
	issuers := certificatesOf(caList)
	for _, der := range ders {
		l, err := parseList(der, issuers)
		if err != nil {
			return fault(err)
		}
		r.lists = append(r.lists, l)
		r.mention(l)
	}
	return r, nil
}

// listsOf are the lists of a file: any number in PEM, or one in DER.
func listsOf(text []byte) (ders [][]byte, err error) {
	const begin = "-----BEGIN"
	if !bytes.Contains(text, []byte(begin)) {
		return [][]byte{text}, nil
	}
	rest := text
	for {
		var block *pem.Block
		before := rest
		if block, rest = pem.Decode(rest); block == nil {
			if bytes.Contains(before, []byte(begin)) {
				return nil, errors.New("a part in PEM cannot be read")
			}
			return ders, nil
		}
		if skipped := len(before) - len(rest); bytes.Count(before[:skipped], []byte(begin)) > 1 {
			return nil, errors.New("a part in PEM cannot be read")
		}
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("there is a %q in it, where only lists of revoked certificates (X509 CRL) belong", block.Type)
		}
		ders = append(ders, block.Bytes)
	}
}

// certificatesOf are the certificates of a file in PEM, as far as they can be read.
func certificatesOf(text []byte) (list []*x509.Certificate) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return list
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, c)
		}
	}
}

// parseList reads and proves one list.
func parseList(der []byte, issuers []*x509.Certificate) (*revocationList, error) {
	x, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it is no list of revoked certificates: %w", err)
	}
	for _, e := range x.Extensions {
		if e.Critical { // RFC 5280 §5.2: whoever does not know it must not use the list
			return nil, fmt.Errorf("the list of %s is not complete by itself: critical extension %s", x.Issuer, e.Id)
		}
	}
	l := &revocationList{until: x.NextUpdate, revoked: make(map[string]time.Time, len(x.RevokedCertificateEntries))}
	named := false
	for _, c := range issuers {
		if !bytes.Equal(c.RawSubject, x.RawIssuer) {
			continue
		}
		named = true
		if err = x.CheckSignatureFrom(c); err == nil {
			l.issuer = c
			break
		}
	}
	switch {
	case l.issuer != nil:
	case named:
		return nil, fmt.Errorf("the list of %s does not bear its signature: %w", x.Issuer, err)
	default:
		return nil, fmt.Errorf("ca_list does not have %s, which the list is by", x.Issuer)
	}
	for _, e := range x.RevokedCertificateEntries {
		l.revoked[serial(e.SerialNumber)] = e.RevocationTime
	}
	return l, nil
}

func serial(n *big.Int) string { return n.Text(16) }

// mention says in the log, once, that a list should have been replaced.
func (r *revocations) mention(l *revocationList) {
	if !l.until.IsZero() && r.now().After(l.until) && l.mentioned.CompareAndSwap(false, true) {
		r.log.Warn("tls: a list of revoked certificates is out of date; it stays in force", "crl", r.path, "issuer", l.issuer.Subject.String(), "next_update", l.until.UTC())
	}
}

// left are the chains in which nothing is revoked; an error if that is none of them. nil
// has revoked nothing.
func (r *revocations) left(chains [][]*x509.Certificate) ([][]*x509.Certificate, error) {
	if r == nil || len(chains) == 0 {
		return chains, nil
	}
	for _, l := range r.lists {
		r.mention(l)
	}
	var good [][]*x509.Certificate
	var err error
	for _, chain := range chains {
		if e := r.check(chain); e != nil {
			err = e
		} else {
			good = append(good, chain)
		}
	}
	if len(good) > 0 {
		return good, nil
	}
	r.log.Info("tls: a peer with a revoked certificate is refused", "error", err)
	return nil, err
}

// check says what of a chain is revoked: the peer's certificate, or one between it and the
// root.
func (r *revocations) check(chain []*x509.Certificate) error {
	for _, c := range chain {
		for _, l := range r.lists {
			if at, is := l.revoked[serial(c.SerialNumber)]; is && l.covers(c) {
				return fmt.Errorf("the certificate %s of %s was revoked on %s", serial(c.SerialNumber), c.Subject, at.UTC().Format(time.DateOnly))
			}
		}
	}
	return nil
}

// covers reports whether a certificate is by the issuer of the list. Of two that have one
// name, the key tells, where the certificate says it.
func (l *revocationList) covers(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, l.issuer.RawSubject) {
		return false
	}
	return len(c.AuthorityKeyId) == 0 || len(l.issuer.SubjectKeyId) == 0 || bytes.Equal(c.AuthorityKeyId, l.issuer.SubjectKeyId)
}
