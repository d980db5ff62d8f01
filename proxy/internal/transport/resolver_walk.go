package transport

import (
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
	p    plan
}

// plan finds the way of the service.
func (w *walk) plan() *plan {
	s := w.s
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
	} else {
		w.p.err = nil
	}
	return &w.p
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
	if !w.r.cfg.NoNAPTR {
		a, err := w.r.dns.Lookup(w.ctx, w.host, dns.NAPTR)
		w.note(a, err)
		if err == nil && w.pointers(a.Pointers) {
			return
		}
	}
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
	if w.services(order, names) {
		return
	}
	if w.s.Secure {
		w.byAddress(TLS, 0)
		return
	}
	w.byAddress(UDP, 0)
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
		wg.Go(func() { answers[i], errs[i] = w.r.dns.Lookup(w.ctx, name, dns.SRV) })
	}
	wg.Wait()
	found := false
	for i := range names {
		if names[i] != "" {
			w.note(answers[i], errs[i])
		}
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
	untils := make([]time.Time, len(list))
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, x := range list {
		if x.Target != "" && x.Port != 0 {
			wg.Go(func() { hops[i], untils[i], errs[i] = w.address(x.Target, p, x.Port) })
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
		w.p.until = soonest(w.p.until, untils[i])
		if errs[i] != nil {
			w.p.err = dnsFailed(w.p.err, errs[i])
		}
		w.add(place{group, x.Weight, hops[i]})
	}
}

// byAddress adds the host's own addresses; port 0 is the protocol's.
func (w *walk) byAddress(p Proto, port uint16) {
	if port == 0 {
		port = p.DefaultPort()
	}
	hops, until, err := w.address(w.host, p, port)
	w.p.until = soonest(w.p.until, until)
	if err != nil {
		w.p.err = dnsFailed(w.p.err, err)
	}
	w.add(place{hops: hops})
}

// address is the addresses of a host that we have a socket for.
func (w *walk) address(host string, p Proto, port uint16) ([]Hop, time.Time, error) {
	reach, bit := w.s.Reach, uint8(1)<<p
	addrs, until, err := w.r.addresses(w.ctx, host, !w.r.cfg.NoIPv6 && reach.V6&bit != 0)
	if err != nil {
		return nil, until, err
	}
	var hops []Hop
	for _, a := range addrs {
		if a.Is4() && reach.V4&bit == 0 || a.Is6() && reach.V6&bit == 0 || len(hops) == MaxHops || a.IsUnspecified() {
			continue
		}
		hops = append(hops, Hop{p, netip.AddrPortFrom(a, port)})
	}
	return hops, until, nil
}

func (w *walk) add(x place) {
	if len(x.hops) > 0 && len(w.p.places) < 4*MaxHops {
		w.p.places = append(w.p.places, x)
	}
}

// note takes an answer's end and what failed into the plan.
func (w *walk) note(a dns.Answer, err error) {
	w.p.until = soonest(w.p.until, a.Until)
	if err != nil {
		w.p.err = dnsFailed(w.p.err, err)
	}
}
