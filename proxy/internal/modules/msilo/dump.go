package msilo

import (
	"bytes"
	"math"
	"sync"
	"sync/atomic"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/sip"
	"seraph/sql/aor"
)

// maxAwaiting bounds the REGISTERs with m_dump whose 200 is still to go out.
const maxAwaiting = 1 << 16

// dump is m_dump: true if what is stored will be delivered, or nothing is.
func (m *Module) dump(c *module.Ctx, whom owner) int {
	r := &c.Request
	if !m.on || r.Msg.Method != sip.REGISTER || !r.Saved || !registersMessages(r.Msg) {
		return module.False
	}
	text, err := whom.uri(c)
	if err != nil {
		return module.False
	}
	var u sip.URI
	if sip.ParseURI(text, &u) != nil || !u.HasUser {
		return module.False
	}
	var room [512]byte
	name, err := aor.AppendCanonical(room[:0], u.User, u.Host)
	if err != nil {
		return module.False
	}
	if !m.owners.has(name) {
		return module.True
	}
	address := string(name)
	if !m.dumps.expect(address) {
		return module.False
	}
	// The change may be durable, and told, already.
	m.Released(address)
	return module.True
}

// compileDumping compiles m_dumping().
func (m *Module) compileDumping([]module.Arg) (module.Call, error) { return m.dumping, nil }

// dumping is m_dumping: true while what is stored is being delivered to whom lookup has found, or, if it found nobody,
// has looked for, or is about to be. What this module sends itself is what is
// delivered, and goes on.
func (m *Module) dumping(c *module.Ctx) int {
	r := &c.Request
	whom := r.FoundCallee
	if len(whom) == 0 {
		whom = r.Callee
	}
	if !m.on || r.Msg.Method != sip.MESSAGE || len(whom) == 0 || m.dumps.idle() || m.own.has(r.Msg.CallID()) || !m.dumps.busy(string(whom)) {
		return module.False
	}
	return module.True
}

// registersMessages reports whether a REGISTER registers a contact that takes
// MESSAGE: by its parameter methods (RFC 3840), else the Allow of the request.
func registersMessages(req *sip.Message) bool {
	expires := req.HeaderValue(sip.HdrExpires)
	allow := req.Header(sip.HdrAllow)
	allowed := allow == nil
	for h := allow; h != nil; h = req.Next(h) {
		allowed = allowed || lists(req.Value(h))
	}
	values := req.Values(sip.HdrContact)
	for v := values.Next(); v != nil; v = values.Next() {
		var a sip.NameAddr
		if sip.ParseNameAddr(v, &a) != nil {
			continue
		}
		life := expires
		if own, ok := sip.Param(a.Params, "expires"); ok {
			life = own
		}
		if n, ok := sip.ParseUint(life, math.MaxUint32); ok && n == 0 {
			continue
		}
		takes := allowed
		if methods, ok := sip.Param(a.Params, "methods"); ok {
			takes = lists(methods)
		}
		if takes {
			return true
		}
	}
	return false
}

// lists reports whether a list of methods names MESSAGE.
func lists(methods []byte) bool {
	for len(methods) > 0 {
		var one []byte
		one, methods, _ = bytes.Cut(methods, []byte{','})
		if sip.ParseMethod(bytes.TrimSpace(one)) == sip.MESSAGE {
			return true
		}
	}
	return false
}

// Released begins the delivery for an address whose REGISTER called m_dump and has
// its 200 now. While a change still waits, this is the news of an earlier one. It
// returns at once.
func (m *Module) Released(address string) {
	if m.dumps.waiting.Load() == 0 || !m.cfg.Locations.Settled(address) || !m.dumps.due(address) {
		return
	}
	if owner, err := aor.Parse(address, ""); err == nil {
		m.dumps.start(owner)
	}
}

// dumps are the deliveries that are due or under way, one at a time for each user.
type dumps struct {
	waiting atomic.Int32  // the size of awaiting, for a look without the lock
	started atomic.Int32  // the size of state, for the same
	ready   chan struct{} // a token when queue is not empty

	mu       sync.Mutex
	awaiting map[string]struct{}
	queue    []aor.AOR
	state    map[aor.AOR]dumpState
	stalled  map[aor.AOR]struct{} // those in state that tried in vain last
}

type dumpState uint8

const (
	dumpQueued  dumpState = iota + 1
	dumpRunning           // somebody delivers
	dumpAgain             // … and has to look again when it is done
)

func (d *dumps) init() {
	d.ready = make(chan struct{}, 1)
	d.awaiting, d.state, d.stalled = map[string]struct{}{}, map[aor.AOR]dumpState{}, map[aor.AOR]struct{}{}
}

// expect notes that a delivery is to begin when the address's 200 is out.
func (d *dumps) expect(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.awaiting[address]; !known && len(d.awaiting) >= maxAwaiting {
		return false
	}
	d.awaiting[address] = struct{}{}
	d.waiting.Store(int32(len(d.awaiting)))
	return true
}

// due reports whether a delivery was expected, once.
func (d *dumps) due(address string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.awaiting[address]
	delete(d.awaiting, address)
	d.waiting.Store(int32(len(d.awaiting)))
	return ok
}

// idle reports, without the lock, that nothing is due or under way for anybody.
func (d *dumps) idle() bool { return d.waiting.Load() == 0 && d.started.Load() == 0 }

// busy reports whether a delivery to an address is expected, queued or under way, and
// goes on well: behind a message that a phone does not take nobody has to wait.
func (d *dumps) busy(address string) bool {
	owner, err := aor.Parse(address, "")
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, stalled := d.stalled[owner]; stalled {
		return false
	}
	_, expected := d.awaiting[address]
	return expected || err == nil && d.state[owner] != 0
}

// start queues a delivery. Every owner is a subscriber with something stored, so
// there are not more of them than rows.
func (d *dumps) start(owner aor.AOR) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch d.state[owner] {
	case 0:
		d.state[owner] = dumpQueued
		d.started.Store(int32(len(d.state)))
		d.queue = append(d.queue, owner)
		d.signal()
	case dumpRunning:
		d.state[owner] = dumpAgain
	}
}

func (d *dumps) signal() {
	select {
	case d.ready <- struct{}{}:
	default:
	}
}

// next takes the next delivery out of the queue.
func (d *dumps) next() (aor.AOR, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) == 0 {
		d.queue = nil
		return aor.AOR{}, false
	}
	owner := d.queue[0]
	d.queue = d.queue[1:]
	d.state[owner] = dumpRunning
	return owner, true
}

// stall notes whether what a delivery sends now, or sent last, has failed before.
func (d *dumps) stall(owner aor.AOR, stalled bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if stalled {
		d.stalled[owner] = struct{}{}
	} else {
		delete(d.stalled, owner)
	}
}

// finish ends a delivery, or queues it again.
func (d *dumps) finish(owner aor.AOR) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state[owner] == dumpAgain {
		d.state[owner] = dumpQueued
		d.queue = append(d.queue, owner)
		d.signal()
		return
	}
	delete(d.state, owner)
	delete(d.stalled, owner)
	d.started.Store(int32(len(d.state)))
}
