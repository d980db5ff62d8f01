package dispatcher

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// The algorithms, Kamailio's numbers.
const (
	byCallID   = 0
	byFrom     = 1
	byTo       = 2
	byURI      = 3
	roundRobin = 4
	byUser     = 5
	byRandom   = 6
	byVariable = 7
	byPriority = 8
	byWeight   = 9
	byLoad     = 10
	byRelative = 11
	parallel   = 12
	byLatency  = 13
)

// mode is what a picked gateway changes.
type mode uint8

const (
	toNextHop mode = iota // where the request is sent
	toDomain              // host and port of the Request-URI
)

// lined is the AVP with the gateways that are lined up for a request: the set's number
// and the gateways' ids, four bytes each, the one tried last first.
const lined = "ds:lined"

// compileSelect compiles ds_select_dst(set, algorithm[, limit]).
func (m *Module) compileSelect(to mode) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		set, err := args[0].Int(0, 1<<31-1)
		if err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
		algorithm, err := args[1].Int(0, byLatency)
		if err != nil {
			return nil, fmt.Errorf("algorithm %q is none of 0 to 13", args[1].Str)
		}
		m.needs(set, algorithm)
		limit := relay.MaxBranches
		if len(args) == 3 {
			if limit, err = args[2].Int(1, relay.MaxBranches); err != nil {
				return nil, fmt.Errorf("limit %w", err)
			}
		}
		return func(c *module.Ctx) int {
			if !m.set.forceDst && to == toNextHop && c.Main.Next != nil {
				return module.True
			}
			return m.lineUp(c, set, algorithm, limit, to)
		}, nil
	}
}

// lineUp picks a gateway and keeps those that are tried after it.
func (m *Module) lineUp(c *module.Ctx, set, algorithm, limit int, to mode) int {
	g := (*m.sets.Load())[set]
	if g == nil || len(g.list) == 0 {
		m.exhausted.Add(1)
		return module.False
	}
	if algorithm == parallel {
		return m.fork(c, g, limit, to)
	}
	var places [maxInSet]uint8
	list, ok := m.rank(places[:0], c, g, algorithm)
	if !ok {
		return module.False
	}
	mark := uint32(set)
	if algorithm == byLoad {
		mark |= byLoadMark
	}
	var room [4 + 4*relay.MaxBranches]byte
	order := binary.BigEndian.AppendUint32(room[:0], mark)
	order = m.order(order, g, list, limit, inactive|disabled)
	if len(order) == 4 && m.set.tryInactive {
		order = m.order(order, g, list, limit, disabled)
	}
	if len(order) == 4 {
		m.exhausted.Add(1)
		return module.False
	}
	return m.use(c, g, order, to)
}

// needs notes what an algorithm cannot do without.
func (m *Module) needs(set, algorithm int) {
	m.changing.Lock() // a reload compiles while the table is read
	defer m.changing.Unlock()
	m.wantsVariable = m.wantsVariable || algorithm == byVariable
	m.wantsLatency = m.wantsLatency || algorithm == byLatency
	if algorithm == byLoad {
		m.byLoad[set] = true
	}
}

// rank appends the indices of the gateways in the order in which they are tried; false
// where the message lacks what the algorithm goes by.
func (m *Module) rank(dst []uint8, c *module.Ctx, g *group, algorithm int) ([]uint8, bool) {
	n := g.first(m.set.lastDflt)
	switch algorithm {
	case byLoad:
		if !isCall(c) {
			return nil, false
		}
		return g.byLoads(dst, n), true
	case byLatency:
		return g.byStanding(dst, n), true
	}
	first, ok := m.start(c, g, algorithm)
	if !ok {
		return nil, false
	}
	for i := range n {
		dst = append(dst, uint8((first+i)%n))
	}
	return dst, true
}

// order appends the ids of the gateways that are tried, limit at most, without those in one
// of the states.
func (m *Module) order(dst []byte, g *group, list []uint8, limit int, without uint32) []byte {
	last := g.first(m.set.lastDflt)
	for _, i := range list {
		if d := g.list[i]; limit > 0 && d.state.Load()&without == 0 {
			dst = binary.BigEndian.AppendUint32(dst, d.id)
			limit--
		}
	}
	if last < len(g.list) && limit > 0 && g.list[last].state.Load()&disabled == 0 {
		dst = binary.BigEndian.AppendUint32(dst, g.list[last].id)
	}
	return dst
}

// start is the index of the destination that an algorithm means; false where the message
// lacks what it goes by.
func (m *Module) start(c *module.Ctx, g *group, algorithm int) (int, bool) {
	n := g.first(m.set.lastDflt)
	switch algorithm {
	case roundRobin:
		return int(g.next.Add(1)-1) % n, true
	case byRandom:
		return rand.IntN(n), true //nolint:gosec // spreads load, keeps no secret
	case byPriority:
		return 0, true
	case byWeight, byRelative:
		slots := g.slots
		if algorithm == byRelative {
			slots = g.relative
		}
		if len(slots) == 0 {
			return int(g.next.Add(1)-1) % n, true
		}
		return g.weighted(slots) % n, true
	}
	text, ok := m.hashed(c, algorithm)
	switch {
	case !ok && algorithm == byUser: // nobody was asked who he is, as of a trusted host: as in Kamailio
		return int(g.next.Add(1)-1) % n, true
	case !ok:
		return 0, false
	}
	return int(hash(text) % uint32(n)), true
}

// weighted is the next destination by weight that can be used, so that the share of one
// that is away is spread over the others by their weights.
func (g *group) weighted(slots []uint8) int {
	at := g.nextW.Add(1) - 1
	for i := range uint32(mixed) {
		index := int(slots[(at+i)%mixed])
		if g.list[index].usable() {
			return index
		}
	}
	return 0
}

// hashed is what an algorithm goes by.
func (m *Module) hashed(c *module.Ctx, algorithm int) ([]byte, bool) {
	switch algorithm {
	case byVariable:
		if m.set.hash == nil {
			return nil, false
		}
		text := m.set.hash.Text(c, "")
		return text, len(text) > 0
	case byFrom:
		a, err := c.Msg.From()
		if err != nil {
			return nil, false
		}
		return a.URI, true
	case byTo:
		a, err := c.Msg.To()
		if err != nil {
			return nil, false
		}
		return a.URI, true
	case byURI:
		return c.Main.URI, true
	case byUser:
		if len(c.Auth.User) == 0 {
			return nil, false
		}
		return c.Auth.User, true
	}
	return c.Msg.CallID(), true
}

// hash is FNV-1a: the same at every start and on every machine.
func hash(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h ^ h>>15
}

// compileNext compiles ds_next_dst().
func (m *Module) compileNext(to mode) func([]module.Arg) (module.Call, error) {
	return module.NoArgs(func(c *module.Ctx) int {
		g, order := m.linedUp(c)
		if g == nil {
			return module.False
		}
		// The first is the one that was tried.
		return m.use(c, g, append(order[:4:4], order[min(8, len(order)):]...), to)
	})
}

// linedUp is the set and the gateways that ds_select has lined up; nil without one.
func (m *Module) linedUp(c *module.Ctx) (*group, []byte) {
	order := c.AVP(lined).Str
	if len(order) < 8 {
		return nil, nil
	}
	return (*m.sets.Load())[int(binary.BigEndian.Uint32(order)&^byLoadMark)], order
}

// use sends the request to the first gateway lined up that is there and can be used; if
// ds_try_inactive is on and there is none, to the first that is not disabled.
func (m *Module) use(c *module.Ctx, g *group, order []byte, to mode) int {
	if m.send(c, g, order, to, inactive|disabled) || m.set.tryInactive && m.send(c, g, order, to, disabled) {
		m.picked.Add(1)
		return module.True
	}
	c.SetAVP(lined, module.Value{})
	c.DropLoad()
	m.exhausted.Add(1)
	return module.False
}

// send is use without the gateways in one of the states. With use_default the last one
// is only left out if it is disabled.
func (m *Module) send(c *module.Ctx, g *group, order []byte, to mode, without uint32) bool {
	set := order[:4]
	for ids := order[4:]; len(ids) >= 4; ids = ids[4:] {
		d := g.byID(binary.BigEndian.Uint32(ids))
		if d == nil {
			continue
		}
		state := d.state.Load()
		if state&without != 0 && (!m.set.lastDflt || len(ids) > 4 || state&disabled != 0) || !d.reserve(c, binary.BigEndian.Uint32(set)) || !d.direct(c, to) {
			continue
		}
		var room [4 + 4*relay.MaxBranches]byte
		return c.SetAVP(lined, module.Text(append(append(room[:0], set...), ids...)))
	}
	return false
}

// direct makes the request go to the gateway.
func (d *destination) direct(c *module.Ctx, to mode) bool {
	c.More = c.More[:0] // what failed before, or lookup found, is not meant
	t, ok := d.target(c, to)
	if !ok {
		return false
	}
	if to == toDomain {
		c.Main = relay.Target{Hosted: true}
		return c.SetURI(t.URI) == nil
	}
	c.Main = t
	return true
}

// target is the gateway as a target of the request.
func (d *destination) target(c *module.Ctx, to mode) (relay.Target, bool) {
	if to == toNextHop {
		return relay.Target{URI: c.Main.URI, Next: c.Keep(d.uri), NextOf: relay.NextScript, Given: c.Main.OwnersWord(), Came: c.Main.CameFrom(), Q: c.Main.Q}, true
	}
	u, err := c.URI()
	if err != nil {
		return relay.Target{}, false
	}
	var room [1024]byte
	b := append(room[:0], "sip:"...)
	if u.HasUser {
		b = append(append(b, u.User...), '@')
	}
	b = append(b, d.hostPort...)
	if len(d.transport) > 0 {
		b = append(append(b, ";transport="...), d.transport...)
	}
	if len(b) > len(room) {
		return relay.Target{}, false
	}
	return relay.Target{URI: c.Keep(b), Hosted: true, Q: c.Main.Q}, true
}

// unload is ds_load_unset.
func unload(c *module.Ctx) int {
	c.DropLoad()
	return module.True
}
