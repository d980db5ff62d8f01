package dispatcher

import (
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
)

// loads are the counts of calls by set and duid. They outlive a reading of the table, and
// the dialogs hold those of gateways that are gone.
type loads map[int]map[string]*relay.Load

// of is the count of a gateway, nil for one without a duid.
func (l loads) of(set int, duid string) *relay.Load {
	if duid == "" {
		return nil
	}
	if l[set] == nil {
		l[set] = map[string]*relay.Load{}
	}
	if l[set][duid] == nil {
		l[set][duid] = &relay.Load{}
	}
	return l[set][duid]
}

// keep takes over the counts of those duids that are there still.
func (l loads) keep(old loads) {
	for set, list := range l {
		for duid := range list {
			if load := old[set][duid]; load != nil {
				list[duid] = load
			}
		}
	}
}

// isCall reports whether a request begins a call, which algorithm 10 counts: an INVITE that is in no
// dialog of ours, whatever To tag it has.
func isCall(c *module.Ctx) bool { return c.Msg.Method == sip.INVITE && !c.InDialog }

// takes reports whether a gateway takes calls by algorithm 10 now.
func (d *destination) takes() bool {
	return d.load != nil && (d.maxLoad == 0 || d.load.Calls() < d.maxLoad)
}

// byLoads are the indices of the first n destinations: the one with the fewest calls, then the
// others as they stand. Those that have no duid are not among them.
func (g *group) byLoads(dst []uint8, n int) []uint8 {
	least := -1
	for i, d := range g.list[:n] {
		if !d.usable() || !d.takes() {
			continue
		}
		if least < 0 || d.load.Calls() < g.list[least].load.Calls() {
			least = i
		}
	}
	if least >= 0 {
		dst = append(dst, uint8(least))
	}
	for i, d := range g.list[:n] {
		if i != least && d.load != nil {
			dst = append(dst, uint8(i))
		}
	}
	return dst
}

// byLoad, in the four bytes of the set's number, marks gateways that were lined up by algorithm 10:
// whichever is tried counts the call.
const byLoadMark = 1 << 31

// reserve counts the request as a call of the gateway, if it is to be counted.
func (d *destination) reserve(c *module.Ctx, lined uint32) bool {
	if lined&byLoadMark == 0 {
		c.DropLoad()
		return true
	}
	return d.load != nil && c.TakeLoad(d.load, d.maxLoad)
}
