package transport

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"seraph/proxy/internal/dns"
)

// walk is one search along the records of RFC 3263.
type walk struct {
	r    *Resolver
	ctx  context.Context
	s    *Service
	host string
	ask  asker
	p    plan
	// cut: a step had no time, so that what was found is for this once.
	cut bool
	// silent: nobody said whether there are SRV records. refused: somebody said that he
	// cannot. unpointed: nobody could say whether there are NAPTR records.
	silent, refused, unpointed bool
	// listed: the operator has written the host into the host table.
	listed bool
}

func (r *Resolver) newWalk(ctx context.Context, s *Service, ask asker) *walk {
	own := *s // so that s itself need not outlive the call
	own.Host = bytes.Clone(s.Host)
	return &walk{r: r, ctx: ctx, s: &own, host: string(own.Host), ask: ask}
}

// plan finds the way of the service. It waits for name servers, and for the host table.
func (w *walk) plan() {
	s := w.s
	w.listed = w.r.dns.Listed(w.host)
	switch {
	case s.Proto != ProtoNone && s.Port != 0:
		w.byAddress(w.secured(s.Proto), s.Port)
	case s.Proto != ProtoNone:
		w.byService(w.secured(s.Proto))
	case s.Port != 0 && s.Secure:
		w.byAddress(TLS, s.Port)
	case s.Port != 0:
		w.byAddress(UDP, s.Port)
	default:
		w.byPointer()
	}
	if len(w.p.places) == 0 {
		w.p.err = hostError(w.host, dnsFailed(w.p.err, dns.ErrNoRecord))
		w.p.stale = time.Time{} // what leads nowhere does not serve on
	} else {
		w.p.err = nil
	}
}

// secured is the protocol that a transport parameter means in a sips URI: TLS where it
// says tcp (RFC 3261 §26.2.2). What cannot be secured stays as it is and is not found.
func (w *walk) secured(p Proto) Proto {
	switch {
	case w.s.Secure && p == TCP:
		return TLS
	case w.s.Secure && p == WS:
		return WSS
	case w.s.Secure && p == UDP:
		return ProtoNone
	}
	return p
}

// pointerServices are the NAPTR services of RFC 3263 §4.1 and RFC 7118 §8.
var pointerServices = map[string]Proto{"sip+d2u": UDP, "sip+d2t": TCP, "sips+d2t": TLS, "sip+d2w": WS, "sips+d2w": WSS}

// byPointer lets NAPTR records choose the transport; without any, SRV records of each
// that we have; without any, the address records (RFC 3263 §4.1).
func (w *walk) byPointer() {
	order := []Proto{UDP, TCP, TLS}
	if w.s.Secure {
		order = []Proto{TLS}
	}
	names := make([]string, len(order))
	for i, p := range order {
		if w.s.Reach.Has(p) {
			names[i] = serviceName(p, w.host)
		}
	}
	if !w.r.cfg.NoNAPTR {
		a, err := w.askPointers(names)
		w.note(a, err)
		if err == nil && w.pointers(a.Pointers) {
			w.p.pointed = true
			return
		}
		w.unpointed = err != nil && !dns.Nothing(err)
	}
	if w.services(order, names) {
		return
	}
	if w.s.Secure {
		w.byAddress(TLS, 0)
		return
	}
	w.byAddress(UDP, 0)
}

// askPointers asks for the NAPTR records, for half of the time: a fire wall may let the
// question of this type through nowhere. The SRV records of names, which are next without
// an answer, are asked for meanwhile when it does not come at once.
func (w *walk) askPointers(names []string) (dns.Answer, error) {
	ahead := time.AfterFunc(w.r.cfg.DNS.Patience, func() {
		for _, name := range names {
			w.r.dns.Ahead(name, dns.SRV)
		}
	})
	defer ahead.Stop()
	return w.askBriefly(w.host, dns.NAPTR)
}

// askBriefly asks for what the way can be found without, for half of the time.
func (w *walk) askBriefly(name string, t dns.Type) (dns.Answer, error) {
	ctx, cancel := context.WithTimeout(w.ctx, w.r.share(w.ctx))
	defer cancel()
	a, err := w.ask(ctx, name, t)
	if unasked(err) && w.ctx.Err() == nil && ctx.Err() != nil {
		return w.r.noAnswer(), dns.ErrSilent
	}
	return a, err
}

// askService asks for SRV records. The host table has an address without them.
func (w *walk) askService(name string) (dns.Answer, error) {
	if w.listed {
		return w.askBriefly(name, dns.SRV)
	}
	return w.ask(w.ctx, name, dns.SRV)
}

// pointers follows the NAPTR records that we can use; false if there is none.
func (w *walk) pointers(list []dns.Pointer) bool {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b dns.Pointer) int {
		if a.Order != b.Order {
			return int(a.Order) - int(b.Order)
		}
		return int(a.Preference) - int(b.Preference)
	})
	var order []Proto
	var names []string
	for _, x := range list {
		p := pointerServices[strings.ToLower(x.Service)]
		if p == ProtoNone || !strings.EqualFold(x.Flags, "s") || !w.s.Reach.Has(p) || w.s.Secure && p != TLS && p != WSS {
			continue
		}
		if len(order) < 4 && dns.ValidName(x.Replacement) && !slices.Contains(names, x.Replacement) {
			order, names = append(order, p), append(names, x.Replacement)
		}
	}
	return len(order) > 0 && w.services(order, names)
}

// serviceName is where the SRV records of a transport stand (RFC 3263 §4.2).
func serviceName(p Proto, host string) string {
	switch p {
	case UDP:
		return "_sip._udp." + host
	case TCP:
		return "_sip._tcp." + host
	case TLS:
		return "_sips._tcp." + host
	}
	return ""
}

// byService takes the SRV records of one transport, else the address records (RFC 3263
// §4.2).
func (w *walk) byService(p Proto) {
	if name := serviceName(p, w.host); name != "" && w.s.Reach.Has(p) && w.services([]Proto{p}, []string{name}) {
		return
	}
	w.byAddress(p, 0)
}

// services asks for the SRV records of several names at once and takes all that there
// are, the names being in falling preference. False if there is no record; records that
// lead nowhere are an answer too: the service is not available.
func (w *walk) services(order []Proto, names []string) bool {
	answers := make([]dns.Answer, len(names))
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		if name == "" {
			errs[i] = dns.ErrNoRecord
			continue
		}
		wg.Go(func() { answers[i], errs[i] = w.askService(name) })
	}
	wg.Wait()
	found := false
	for i := range names {
		if names[i] != "" {
			w.note(answers[i], errs[i])
		}
		w.silent = w.silent || unanswered(errs[i])
		w.refused = w.refused || errs[i] != nil && !dns.Nothing(errs[i])
		if errs[i] == nil {
			found = true
			w.targets(order[i], answers[i].Services)
		}
	}
	return found
}

// targets adds the places of SRV records.
func (w *walk) targets(p Proto, list []dns.Service) {
	list = slices.Clone(list)
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) // who is cut off below is left to chance
	slices.SortStableFunc(list, func(a, b dns.Service) int { return int(a.Priority) - int(b.Priority) })
	list = list[:min(len(list), MaxHops)] // a zone decides how much we ask: not without bound
	hops := make([][]Hop, len(list))
	all := make([]found, len(list))
	var wg sync.WaitGroup
	for i, x := range list {
		if x.Target != "" && x.Port != 0 {
			wg.Go(func() { hops[i], all[i] = w.address(x.Target, p, x.Port) })
		}
	}
	wg.Wait()
	group := 0
	if n := len(w.p.places); n > 0 {
		group = w.p.places[n-1].group + 1
	}
	for i, x := range list {
		if i > 0 && x.Priority != list[i-1].Priority {
			group++
		}
		w.noteFound(&all[i])
		w.add(place{group, x.Weight, hops[i]})
	}
}

// byAddress adds the host's own addresses; port 0 is the protocol's. It is for hosts
// without SRV records: that nobody says whether there are any does not make it one, unless
// the operator has written the host into the host table. A server that cannot say it, and
// nothing of the address either, is no better than a silent one.
func (w *walk) byAddress(p Proto, port uint16) {
	if w.silent && !w.listed {
		return
	}
	if port == 0 {
		port = p.DefaultPort()
	}
	hops, f := w.address(w.host, p, port)
	w.noteFound(&f)
	if ended := f.stale.Add(-w.r.cfg.DNS.StaleTTL); w.refused && !w.listed && time.Now().After(ended) {
		return
	}
	w.p.own = true
	w.add(place{hops: hops})
}

// address is the addresses of a host that we have a socket for.
func (w *walk) address(host string, p Proto, port uint16) ([]Hop, found) {
	reach, bit := w.s.Reach, uint8(1)<<p
	f := w.r.addresses(w.ctx, host, !w.r.cfg.NoIPv6 && reach.V6&bit != 0, w.ask)
	var hops []Hop
	for _, a := range f.addrs {
		if a.Is4() && reach.V4&bit == 0 || a.Is6() && reach.V6&bit == 0 || len(hops) == MaxHops || a.IsUnspecified() {
			continue
		}
		hops = append(hops, Hop{p, netip.AddrPortFrom(a, port)})
	}
	return hops, f
}

func (w *walk) add(x place) {
	if len(x.hops) > 0 && len(w.p.places) < 4*MaxHops {
		w.p.places = append(w.p.places, x)
	}
}

// note takes an answer's ends and what failed into the plan.
func (w *walk) note(a dns.Answer, err error) {
	w.noteFound(&found{until: a.Until, stale: a.Stale, cut: unasked(err), err: err})
}

// noteFound is note for the addresses of a host.
func (w *walk) noteFound(f *found) {
	w.p.until, w.p.stale = soonest(w.p.until, f.until), soonest(w.p.stale, f.stale)
	w.cut = w.cut || f.cut
	if f.err != nil {
		w.p.err = dnsFailed(w.p.err, f.err)
	}
}

// key is what the plan is kept under.
func (w *walk) key() planKey {
	return planKey{w.host, w.s.Port, w.s.Proto, w.s.Secure, w.s.Reach}
}
