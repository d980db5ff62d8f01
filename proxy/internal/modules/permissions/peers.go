package permissions

import (
	"net/netip"
	"regexp"

	"seraph/ctlproto"
	"seraph/sql/store"
)

// peers is the table trusted, ready to be asked.
type peers struct {
	rows []store.TrustedPeer // those that are good, in their order
	by   map[netip.Addr][]peer
	bad  int // rows that are not
}

// peer is a row; a pattern that is nil matches all.
type peer struct {
	proto      string
	from, ruri *regexp.Regexp
	tag        []byte
}

// newPeers makes the table of rows, those left out that are no good.
func newPeers(rows []store.TrustedPeer) *peers {
	p := &peers{by: map[netip.Addr][]peer{}}
	for _, row := range rows {
		r, err := row.Canonical()
		if err != nil {
			p.bad++
			continue
		}
		p.rows = append(p.rows, r)
		ip := netip.MustParseAddr(r.IP) // Canonical has parsed it
		p.by[ip] = append(p.by[ip], peer{proto: r.Proto, from: pattern(r.FromPattern), ruri: pattern(r.RURIPattern), tag: []byte(r.Tag)})
	}
	return p
}

// pattern compiles what Canonical has found good.
func pattern(text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	return regexp.MustCompile(text)
}

// find returns the first row that a request falls under. any stands for a transport that
// is not to be looked at.
func (p *peers) find(a netip.Addr, proto string, from, ruri []byte) *peer {
	list := p.by[a.Unmap().WithZone("")]
	for i := range list {
		r := &list[i]
		if r.proto != "none" && (r.proto == "any" || proto == "any" || r.proto == proto) &&
			(r.from == nil || r.from.Match(from)) && (r.ruri == nil || r.ruri.Match(ruri)) {
			return r
		}
	}
	return nil
}

// DumpTrusted is permissions.trustedDump.
func (m *Module) DumpTrusted() []ctlproto.PermTrusted {
	rows := m.peers.Load().rows
	list := make([]ctlproto.PermTrusted, len(rows))
	for i, r := range rows {
		list[i] = ctlproto.PermTrusted{SrcIP: r.IP, Proto: r.Proto, FromPattern: r.FromPattern, RURIPattern: r.RURIPattern,
			Tag: r.Tag, Priority: r.Priority}
	}
	return list
}
