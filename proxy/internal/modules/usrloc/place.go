package usrloc

import (
	"net/netip"
	"slices"

	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
)

// A phone is at two places: where its REGISTER came from, and the port that its Contact
// names on that host, where a phone on TCP listens. Of any other place that a Contact names
// nobody knows whether the phone is there, so it is none: nobody takes hold of an address by
// registering it. Nor has a phone a place whose REGISTER came by a proxy, with Path or without:
// that proxy's place is everybody's whom it serves.

// places are the addresses at which a shard's phones are, with whose they are.
type places map[netip.AddrPort][]*entry

// move takes an entry from where one version's phone is to where another's is; nil for either
// means that there is none.
func (p *places) move(e *entry, old, v *version) {
	from, to := old.places(), v.places()
	if from == to { // refreshed
		return
	}
	if *p == nil {
		*p = places{}
	}
	for _, at := range to {
		if at.IsValid() {
			(*p)[at] = append((*p)[at], e)
		}
	}
	for _, at := range from {
		list := (*p)[at]
		switch i := slices.Index(list, e); {
		case i < 0:
		case len(list) == 1:
			delete(*p, at)
		default:
			(*p)[at] = slices.Delete(list, i, i+1)
		}
	}
}

// places are the source of the phone and where it listens on that host, the zero AddrPort
// for one that is not known or the same.
func (v *version) places() (list [2]netip.AddrPort) {
	if v == nil || v.gone || v.Flow.IsZero() || v.ByHand() || v.Proxied || len(v.Path()) > 0 {
		return list
	}
	list[0] = v.Flow.Remote
	var u sip.URI
	if sip.ParseURI(v.Contact(), &u) != nil || u.Host == nil {
		return list
	}
	port := u.Port
	if port == 0 {
		port = v.Flow.Proto.DefaultPort()
	}
	if addr, ok := transport.ParseHost(string(u.Host)); ok && addr == list[0].Addr() && port != list[0].Port() {
		list[1] = netip.AddrPortFrom(addr, port)
	}
	return list
}

// At calls yield for the addresses of record of the phones at a place, until it returns
// true: of those that send from there, or, if there are none, of those that listen there by
// their own word alone (sends is false). It reports whether yield did. Nothing is locked meanwhile.
func (t *Table) At(place netip.AddrPort, yield func(aor string, sends bool) bool) bool {
	now := t.now()
	var room [2][8]string
	sending, listening := room[0][:0], room[1][:0]
	for i := range t.shards {
		sending, listening = t.shards[i].at(place, now, sending, listening)
	}
	list, sends := sending, len(sending) > 0
	if !sends {
		list = listening
	}
	return slices.ContainsFunc(list, func(aor string) bool { return yield(aor, sends) })
}

// at appends whose phones send from a place and whose listen there.
func (sh *shard) at(place netip.AddrPort, now int64, sending, listening []string) ([]string, []string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, e := range sh.places[place] {
		for _, v := range e.heads {
			if !v.counts(now) {
				continue
			}
			switch list := v.places(); place {
			case list[0]:
				sending = append(sending, e.aor)
			case list[1]:
				listening = append(listening, e.aor)
			}
		}
	}
	return sending, listening
}
