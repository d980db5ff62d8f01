package dispatcher

import (
	"encoding/binary"
	"fmt"

	"seraph/proxy/internal/module"
)

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
