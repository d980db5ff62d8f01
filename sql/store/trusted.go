package store

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Trusted is the table trusted: peers that need not prove who they are, for module permissions.
type Trusted struct{ db *DB }

// TrustedPeer is one row.
type TrustedPeer struct {
	// IP is the address that a request comes from.
	IP string
	// Proto is "any", "none", or the transport: udp, tcp, tls, ws, wss, sctp.
	Proto string
	// FromPattern and RURIPattern are regular expressions that the URI in From and the
	// Request-URI must match; empty for any. 64 characters.
	FromPattern, RURIPattern string
	// Tag is a text for the script, possibly empty; 64 characters.
	Tag string
	// Priority orders the rows, the highest first.
	Priority int
}

// All returns every row, the highest priority first, as they are.
func (t *Trusted) All(ctx context.Context) ([]TrustedPeer, error) {
	list, err := all(ctx, t.db.read, scanTrusted, trustedQuery)
	return list, wrap(err, "read all trusted peers")
}

const trustedQuery = "SELECT src_ip, proto, COALESCE(from_pattern, ''), COALESCE(ruri_pattern, '')," +
	" COALESCE(tag, ''), priority FROM trusted ORDER BY priority DESC, id"

func scanTrusted(s scanner) (p TrustedPeer, err error) {
	return p, s.Scan(&p.IP, &p.Proto, &p.FromPattern, &p.RURIPattern, &p.Tag, &p.Priority)
}

// protos are what the column proto may say.
var protos = []string{"any", "udp", "tcp", "tls", "ws", "wss", "sctp", "none"}

// Canonical checks a row and writes its address and transport in the usual form.
func (p TrustedPeer) Canonical() (TrustedPeer, error) {
	ip, err := netip.ParseAddr(p.IP)
	if err != nil || ip.Zone() != "" {
		return p, &FieldError{"ip", "is not an address"}
	}
	p.IP, p.Proto = ip.Unmap().String(), strings.ToLower(p.Proto)
	if !slices.Contains(protos, p.Proto) {
		return p, &FieldError{"proto", "is none of " + strings.Join(protos, ", ")}
	}
	for field, text := range map[string]string{"from_pattern": p.FromPattern, "ruri_pattern": p.RURIPattern, "tag": p.Tag} {
		if utf8.RuneCountInString(text) > 64 || !utf8.ValidString(text) {
			return p, &FieldError{field, "is longer than 64 characters"}
		}
	}
	for field, text := range map[string]string{"from_pattern": p.FromPattern, "ruri_pattern": p.RURIPattern} {
		if _, err := regexp.Compile(text); err != nil {
			return p, &FieldError{field, "is not a regular expression"}
		}
	}
	return p, nil
}

// Add adds a row in its canonical form.
func (t *Trusted) Add(ctx context.Context, p TrustedPeer) error {
	p, err := p.Canonical()
	if err != nil {
		return err
	}
	_, err = t.db.exec(ctx, "INSERT INTO trusted (src_ip, proto, from_pattern, ruri_pattern, tag, priority) VALUES (?, ?, ?, ?, ?, ?)",
		p.IP, p.Proto, null(p.FromPattern), null(p.RURIPattern), null(p.Tag), p.Priority)
	return wrap(err, fmt.Sprintf("trusted peer %s", p.IP))
}

// Remove removes all rows of an address, ErrNotFound if there is none.
func (t *Trusted) Remove(ctx context.Context, ip string) error {
	return wrap(must(t.db.exec(ctx, "DELETE FROM trusted WHERE src_ip = ?", ip)), "trusted peer "+ip)
}

// null stores an empty text as no value, as Kamailio reads "matches all".
func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}
