package dispatcher

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
	"seraph/proxy/internal/sip"
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
	byRelative = 11
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

// ruri is the AVP with the Request-URI as the script had it when it picked a gateway; in
// a failure route it is the received one again.
const ruri = "ds:ruri"

// compileSelect compiles ds_select_dst(set, algorithm[, limit]).
func (m *Module) compileSelect(to mode) func([]module.Arg) (module.Call, error) {
	return func(args []module.Arg) (module.Call, error) {
		set, err := args[0].Int(0, 1<<31-1)
		if err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
		algorithm, err := args[1].Int(0, byRelative)
		if err != nil || algorithm == 10 {
			return nil, fmt.Errorf("algorithm %q is none of 0 to 9 and 11", args[1].Str)
		}
		m.wantsVariable = m.wantsVariable || algorithm == byVariable
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
	first, ok := m.start(c, g, algorithm)
	if !ok {
		return module.False
	}
	var room [4 + 4*relay.MaxBranches]byte
	order := binary.BigEndian.AppendUint32(room[:0], uint32(set))
	order = m.order(order, g, first, limit, inactive|disabled)
	if len(order) == 4 && m.set.tryInactive {
		order = m.order(order, g, first, limit, disabled)
	}
	if len(order) == 4 {
		m.exhausted.Add(1)
		return module.False
	}
	if received := c.Msg.RequestURI(); len(c.Main.URI) > 0 && &c.Main.URI[0] != &received[0] {
		c.SetAVP(ruri, module.Text(c.Main.URI))
	}
	return m.use(c, g, order, to)
}

// order appends the ids of the gateways that are tried, limit at most: from the first on
// around the set, without those in one of the states.
func (m *Module) order(dst []byte, g *group, first, limit int, without uint32) []byte {
	last := len(g.list)
	if m.set.lastDflt && last > 1 {
		last--
	}
	for i := 0; i < last && limit > 0; i++ {
		if d := g.list[(first+i)%last]; d.state.Load()&without == 0 {
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
	n := len(g.list)
	if m.set.lastDflt && n > 1 {
		n--
	}
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
	if !ok {
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
		if received := c.Msg.RequestURI(); len(c.Main.URI) > 0 && &c.Main.URI[0] == &received[0] {
			if v := c.AVP(ruri); v.Kind == module.TextValue && c.SetURI(v.Str) != nil {
				return module.False
			}
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
	return (*m.sets.Load())[int(binary.BigEndian.Uint32(order))], order
}

// use sends the request to the first gateway lined up that is there and can be used; if
// ds_try_inactive is on and there is none, to the first that is not disabled.
func (m *Module) use(c *module.Ctx, g *group, order []byte, to mode) int {
	if m.send(c, g, order, to, inactive|disabled) || m.set.tryInactive && m.send(c, g, order, to, disabled) {
		m.picked.Add(1)
		return module.True
	}
	c.SetAVP(lined, module.Value{})
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
		if state&without != 0 && (!m.set.lastDflt || len(ids) > 4 || state&disabled != 0) || !d.direct(c, to) {
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
	if to == toNextHop {
		uri := c.Main.URI
		c.Main = relay.Target{URI: uri, Next: c.Keep(d.uri), Q: c.Main.Q}
		return true
	}
	u, err := c.URI()
	if err != nil {
		return false
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
		return false
	}
	c.Main = relay.Target{}
	return c.SetURI(b) == nil
}

// compileMark compiles ds_mark_dst([state]): letters of the state that the gateway tried
// last gets: a active, i inactive, d disabled, t trying, p probing with one of them.
func (m *Module) compileMark(args []module.Arg) (module.Call, error) {
	letters := "ip"
	if len(args) > 0 {
		letters = args[0].Str
	}
	state, err := readState(letters)
	if err != nil {
		return nil, err
	}
	return func(c *module.Ctx) int {
		g, order := m.linedUp(c)
		if g == nil {
			return module.False
		}
		d := g.byID(binary.BigEndian.Uint32(order[4:]))
		if d == nil {
			return module.False
		}
		m.mark(d, state)
		return module.True
	}, nil
}

// readState reads the letters of a state, as ds_mark_dst and dispatcher.set_state take
// them.
func readState(letters string) (uint32, error) {
	states := map[byte]uint32{'a': 0, 'i': inactive, 'd': disabled, 't': trying, 'p': probing}
	main := 0
	var state uint32
	for i := range len(letters) {
		c := letters[i] | 0x20
		bit, ok := states[c]
		if !ok {
			return 0, fmt.Errorf("state %q: %q is none of a, i, d, t and p", letters, letters[i])
		}
		if c != 'p' {
			main++
		}
		state |= bit
	}
	if main != 1 {
		return 0, fmt.Errorf("state %q has not one of a, i, d and t", letters)
	}
	return state, nil
}

// mark gives a destination a state. One that is tried is counted as a failed ping.
func (m *Module) mark(d *destination, state uint32) {
	if state&trying != 0 {
		d.change(state&probing, 0)
		m.noReply(d, "tried in vain")
		return
	}
	d.failed.Store(0)
	d.replied.Store(0)
	old := d.change(state, (inactive|trying|disabled|probing)&^state)
	m.report(d, old, "marked")
}

// compileIsFrom compiles ds_is_from_list([set[, mode]]).
func (m *Module) compileIsFrom(args []module.Arg) (module.Call, error) {
	set, how := -1, 0
	var err error
	if len(args) > 0 {
		if set, err = args[0].Int(-1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
	}
	if len(args) > 1 {
		if how, err = args[1].Int(0, 3); err != nil {
			return nil, fmt.Errorf("mode %w", err)
		}
	}
	return func(c *module.Ctx) int {
		sets := *m.sets.Load()
		if set >= 0 {
			return bool01(sets[set].has(c, how))
		}
		for _, g := range sets {
			if g.has(c, how) {
				return module.True
			}
		}
		return module.False
	}, nil
}

// The bits of the mode of ds_is_from_list.
const (
	anyPort = 1 << iota
	anyTransport
)

// has reports whether a message comes from a gateway of the set.
func (g *group) has(c *module.Ctx, how int) bool {
	if g == nil || c.Local != nil {
		return false
	}
	src := c.From.Remote
	for _, d := range g.list {
		if d.addr != src.Addr().Unmap() || !d.addr.IsValid() {
			continue
		}
		port := d.port
		if port == 0 {
			port = c.From.Proto.DefaultPort()
		}
		if how&anyPort == 0 && port != src.Port() {
			continue
		}
		if how&anyTransport == 0 && len(d.transport) > 0 && !sip.EqualFold(d.transport, c.From.Proto.Param()) {
			continue
		}
		return true
	}
	return false
}

// compileHasDialog compiles ds_has_dialog([set]).
func (m *Module) compileHasDialog(args []module.Arg) (module.Call, error) {
	set := -1
	var err error
	if len(args) > 0 {
		if set, err = args[0].Int(-1, 1<<31-1); err != nil {
			return nil, fmt.Errorf("set %w", err)
		}
	}
	return func(c *module.Ctx) int { return bool01(c.InDialog && m.hosts.Load().inDialog(c, set)) }, nil
}

// compileExists compiles ds_list_exists(set).
func (m *Module) compileExists(args []module.Arg) (module.Call, error) {
	set, err := args[0].Int(0, 1<<31-1)
	if err != nil {
		return nil, fmt.Errorf("set %w", err)
	}
	return func(*module.Ctx) int { return bool01((*m.sets.Load())[set] != nil) }, nil
}

func bool01(ok bool) int {
	if ok {
		return module.True
	}
	return module.False
}
