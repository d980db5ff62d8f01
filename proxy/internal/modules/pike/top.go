package pike

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/transport"
)

// maxTop bounds the answer of pike.top.
const maxTop = 1000

// Top answers pike.top: the sources that are remembered, who sends most first. filter is "ALL",
// "HOT" (those that are blocked) or "WARM" (those above half of the limit, too).
func (m *Module) Top(filter string) ctlproto.PikeTop {
	now, limit := m.tick(), m.limit()
	least := 0
	switch filter {
	case "HOT":
		least = limit + 1
	case "WARM":
		least = limit/2 + 1
	}
	top := ctlproto.PikeTop{MaxHits: limit, List: []ctlproto.PikeSource{}}
	m.table.each(now, func(s source, age uint32) {
		if most := int(max(s.curr, s.prev)); most >= least {
			top.List = append(top.List, m.view(s, age, limit))
		}
	})
	slices.SortFunc(top.List, func(a, b ctlproto.PikeSource) int {
		return cmp.Or(cmp.Compare(b.HitsPrev+b.HitsCurr, a.HitsPrev+a.HitsCurr), cmp.Compare(a.IP, b.IP))
	})
	top.Total = len(top.List)
	top.List = top.List[:min(len(top.List), maxTop)]
	return top
}

// view is a source as pike.top shows it.
func (m *Module) view(s source, age uint32, limit int) ctlproto.PikeSource {
	v := ctlproto.PikeSource{IP: s.addr.String(), HitsPrev: int(s.prev), HitsCurr: int(s.curr), Stream: s.stream, Status: "ALL"}
	if s.addr.Is6() {
		v.IP += "/64"
	}
	v.Expires = max(0, int((m.latency - time.Duration(age)*m.unit).Seconds()))
	switch {
	case s.over(limit):
		v.Status = "HOT"
	case int(max(s.curr, s.prev)) > limit/2:
		v.Status = "WARM"
	}
	return v
}

// Remove forgets what a source has sent, so that it is not blocked any more; false if nothing is
// remembered of it. Any address of a network of IPv6 names the whole.
func (m *Module) Remove(a netip.Addr) bool {
	datagrams, streams := m.table.remove(sender{transport.SourceOf(a), false}), m.table.remove(sender{transport.SourceOf(a), true})
	return datagrams || streams
}
