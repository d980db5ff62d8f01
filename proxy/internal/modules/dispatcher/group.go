package dispatcher

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// The bits of a destination's state, Kamailio's.
const (
	inactive uint32 = 1 << iota
	trying          // a ping has failed, fewer than ds_probing_threshold
	disabled        // by the operator
	probing         // is pinged

	allStates = inactive | trying | disabled | probing
)

// health is the state of a destination; it outlives a reading of the table.
type health struct {
	state           atomic.Uint32
	failed, replied atomic.Int32 // pings in a row
	latency         latency
}

// destination is one gateway of a set.
type destination struct {
	*health

	id          uint32
	uri         []byte
	hostPort    []byte     // as written
	addr        netip.Addr // zero where the host is a name
	port        uint16     // 0 where none is written
	transport   []byte
	set         int
	priority    int
	weight      int
	rweight     int
	congested   bool        // attribute cc: of the latency, only what is above its average counts
	duid        string      // what its calls are counted by
	load        *relay.Load // nil without a duid
	maxLoad     int64       // 0 for no limit
	attrs, desc string
	initial     uint32 // flags of the row
}

// usable reports whether requests may go there.
func (d *health) usable() bool { return d.state.Load()&(inactive|disabled) == 0 }

// change sets and clears bits of the state, and returns what it was.
func (d *health) change(set, clear uint32) uint32 {
	for {
		old := d.state.Load()
		if d.state.CompareAndSwap(old, old&^clear|set) {
			return old
		}
	}
}

// group is one set.
type group struct {
	list  []*destination // highest priority first, then as in the table
	slots []uint8        // for weights: indices of list, evenly mixed
	// relative is the same for the attribute rweight.
	relative []uint8
	next     atomic.Uint32 // for round robin
	nextW    atomic.Uint32
}

// maxInSet bounds a set: what is lined up for a request is kept with it.
const maxInSet = 128

// build makes the sets of the rows; those that are there stay what they are.
func (m *Module) build(rows []store.Gateway) map[int]*group {
	old, sets, counts := *m.sets.Load(), map[int]*group{}, loads{}
	for _, row := range rows {
		g := sets[row.Set]
		if g == nil {
			g = &group{}
			if before := old[row.Set]; before != nil {
				g.next.Store(before.next.Load())
				g.nextW.Store(before.nextW.Load())
			}
			sets[row.Set] = g
		}
		d, ok := newDestination(row)
		if !ok || len(g.list) == maxInSet {
			m.cfg.Log.Warn("dispatcher: a row of table dispatcher is not used", "setid", row.Set, "destination", row.URI)
			continue
		}
		if before := old[row.Set].find(row.URI); before != nil && before.initial == d.initial {
			d.id, d.health = before.id, before.health
		} else {
			m.nextID++
			d.id = m.nextID
		}
		if d.duid == "" && m.byLoad[row.Set] {
			m.cfg.Log.Warn("dispatcher: a gateway without the attribute duid is never picked by algorithm 10", "setid", row.Set, "destination", row.URI)
		}
		counts.of(d.set, d.duid)
		g.list = append(g.list, d)
	}
	counts.keep(m.loads)
	m.loads = counts
	for _, g := range sets {
		for _, d := range g.list {
			d.load = counts.of(d.set, d.duid)
		}
		slices.SortStableFunc(g.list, func(a, b *destination) int { return b.priority - a.priority })
		g.slots = g.mix(func(d *destination) int { return d.weight })
		g.relative = g.mix(func(d *destination) int { return d.rweight })
	}
	return sets
}

func newDestination(row store.Gateway) (*destination, bool) {
	d := &destination{
		health: &health{}, uri: []byte(row.URI), set: row.Set, priority: row.Priority, attrs: row.Attrs, desc: row.Description, initial: uint32(row.Flags) & allStates,
	}
	var u sip.URI
	if sip.ParseURI(d.uri, &u) != nil || u.Scheme != sip.SchemeSIP && u.Scheme != sip.SchemeSIPS || len(u.Host) == 0 || row.Set < 0 {
		return nil, false
	}
	d.state.Store(d.initial)
	d.port = u.Port
	d.hostPort = append(d.hostPort, u.Host...)
	if u.Port != 0 {
		d.hostPort = sip.AppendUint(append(d.hostPort, ':'), uint64(u.Port))
	}
	d.transport, _ = u.Param("transport")
	if a, err := netip.ParseAddr(strings.Trim(string(u.Host), "[]")); err == nil {
		d.addr = a.Unmap()
	}
	d.weight, d.rweight = attribute(row.Attrs, "weight"), attribute(row.Attrs, "rweight")
	d.duid, d.congested = textAttribute(row.Attrs, "duid"), textAttribute(row.Attrs, "cc") == "1"
	if n, err := strconv.ParseInt(textAttribute(row.Attrs, "maxload"), 10, 32); err == nil && n > 0 {
		d.maxLoad = n
	}
	return d, true
}

// attribute reads a number of attrs, 0 if it is not there; 100 at most.
func attribute(attrs, name string) int {
	for item := range strings.SplitSeq(attrs, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(item), "="); ok && k == name {
			n, err := strconv.Atoi(v)
			if err == nil && n > 0 {
				return min(n, 100)
			}
		}
	}
	return 0
}

func (g *group) find(uri string) *destination {
	if g == nil {
		return nil
	}
	for _, d := range g.list {
		if string(d.uri) == uri {
			return d
		}
	}
	return nil
}

func (g *group) byID(id uint32) *destination {
	for _, d := range g.list {
		if d.id == id {
			return d
		}
	}
	return nil
}

// first is how many gateways are picked by an algorithm: all but the last one, where that is
// kept for when the others are away.
func (g *group) first(lastDefault bool) int {
	if n := len(g.list); !lastDefault || n == 1 {
		return n
	}
	return len(g.list) - 1
}

// mixed is how many slots the weights of a set are spread over.
const mixed = 100

// mix spreads the destinations over the slots by their weights, so that each one's turns
// lie as far apart as they can: who has waited most for his share is next.
func (g *group) mix(weight func(d *destination) int) (slots []uint8) {
	total := 0
	for _, d := range g.list {
		total += weight(d)
	}
	if total == 0 {
		return nil
	}
	due := make([]int, len(g.list))
	for range mixed {
		best := -1
		for i, d := range g.list {
			due[i] += weight(d)
			if weight(d) > 0 && (best < 0 || due[i] > due[best]) {
				best = i
			}
		}
		due[best] -= total
		slots = append(slots, uint8(best))
	}
	return slots
}

// logState says that a gateway went away or came back.
func (m *Module) logState(d *destination, level slog.Level, text string, more ...any) {
	m.cfg.Log.With("setid", d.set, "destination", string(d.uri)).Log(context.Background(), level, text, more...)
}
