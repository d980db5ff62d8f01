package usrloc

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// A phone is at two places: where its REGISTER came from, and the port that its Contact
// names on that host, where a phone on TCP listens. Of any other place that a Contact names
// nobody knows whether the phone is there, so it is none: nobody takes hold of an address by
// registering it. Nor has a phone a place whose REGISTER came by a proxy, with Path or without:
// that proxy's place is everybody's whom it serves.

// placeParts keeps registrations and questions out of each other's way; a power of two.
const placeParts = 64

// places is the index of the addresses at which phones are, with whose they are: a place names no
// address of record, so no shard knows which one to ask. A part is locked while a shard is, never the
// other way round.
type places struct {
	seed  maphash.Seed
	parts [placeParts]placePart
}

type placePart struct {
	mu sync.Mutex
	at map[netip.AddrPort][]*entry
}

func newPlaces() *places { return &places{seed: maphash.MakeSeed()} }

func (p *places) part(at netip.AddrPort) *placePart {
	return &p.parts[maphash.Comparable(p.seed, at)&(placeParts-1)]
}

// move takes an entry from where one version's phone is to where another's is; nil for either
// means that there is none.
func (p *places) move(e *entry, old, v *version) {
	from, to := old.places(), v.places()
	if from == to { // refreshed
		return
	}
	for _, at := range to {
		if at.IsValid() {
			p.part(at).add(at, e)
		}
	}
	for _, at := range from {
		if at.IsValid() {
			p.part(at).remove(at, e)
		}
	}
}

func (p *placePart) add(at netip.AddrPort, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at == nil {
		p.at = map[netip.AddrPort][]*entry{}
	}
	p.at[at] = append(p.at[at], e)
}

func (p *placePart) remove(at netip.AddrPort, e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.at[at]
	switch i := slices.Index(list, e); {
	case i < 0:
	case len(list) == 1:
		delete(p.at, at)
	default:
		p.at[at] = slices.Delete(list, i, i+1)
	}
}

// list appends whose phones are at a place.
func (p *places) list(at netip.AddrPort, dst []*entry) []*entry {
	part := p.part(at)
	part.mu.Lock()
	defer part.mu.Unlock()
	return append(dst, part.at[at]...)
}

// places are the source of the phone and where it listens on that host, the zero AddrPort
// for one that is not known or the same.
func (v *version) places() (list [2]netip.AddrPort) {
	if v == nil || v.gone || v.Flow.IsZero() || v.ByHand() || v.Proxied || len(v.Path()) > 0 {
		return list
	}
	list[0] = plain(v.Flow.Remote)
	var u sip.URI
	if sip.ParseURI(v.Contact(), &u) != nil || u.Host == nil {
		return list
	}
	port := u.Port
	if port == 0 {
		port = v.Flow.Proto.DefaultPort()
	}
	if addr, ok := transport.ParseHost(string(u.Host)); ok && addr.WithZone("") == list[0].Addr() && port != list[0].Port() {
		list[1] = netip.AddrPortFrom(list[0].Addr(), port)
	}
	return list
}

// plain is a place in the one spelling that the index has: IPv4 not mapped, no zone.
func plain(at netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}

// At calls yield for the addresses of record of the phones at a place, until it returns
// true: of those that send from there, or, if there are none, of those that listen there by
// their own word alone (sends is false). It reports whether yield did. Nothing is locked meanwhile.
func (t *Table) At(place netip.AddrPort, yield func(aor string, sends bool) bool) bool {
	var entries [8]*entry
	var room [2][8]string
	place = plain(place)
	now, sending, listening := t.now(), room[0][:0], room[1][:0]
	for _, e := range t.places.list(place, entries[:0]) {
		switch sends, listens := t.isAt(e, place, now); {
		case sends:
			sending = append(sending, e.aor)
		case listens:
			listening = append(listening, e.aor)
		}
	}
	list, sends := sending, len(sending) > 0
	if !sends {
		list = listening
	}
	return slices.ContainsFunc(list, func(aor string) bool { return yield(aor, sends) })
}

// isAt reports whether a phone of an entry's sends from a place, and whether one listens there.
func (t *Table) isAt(e *entry, place netip.AddrPort, now int64) (sends, listens bool) {
	sh := t.shardOf(e.aor)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, v := range e.heads {
		if !v.counts(now) {
			continue
		}
		switch list := v.places(); place {
		case list[0]:
			return true, listens
		case list[1]:
			listens = true
		}
	}
	return false, listens
}
