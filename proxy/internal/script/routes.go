package script

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"seraph/proxy/internal/module"
)

// maxCalls bounds how deep route blocks call each other.
const maxCalls = 100

// block is a compiled route.
type block struct {
	title  string
	kind   module.Routes
	pos    Pos
	run    node
	called bool // something calls or arms it

	calls []routeCall
	uses  []use

	// The state of the walk in reach.
	state  walkState
	height int // the longest chain of calls below it
	in     module.Routes
}

// routeCall is a route(N) in a block.
type routeCall struct {
	pos Pos
	to  *block
}

// use is a call of something that may not stand everywhere.
type use struct {
	pos     Pos
	name    string
	routes  module.Routes
	mayWait bool
}

type walkState uint8

const (
	unseen walkState = iota
	open             // its calls are being walked
	closed
)

func blockTitle(kind module.Routes, number int) string {
	switch {
	case kind == module.FailureRoute:
		return fmt.Sprintf("failure_route[%d]", number)
	case kind == module.ReplyRoute && number == 0:
		return "onreply_route"
	case kind == module.ReplyRoute:
		return fmt.Sprintf("onreply_route[%d]", number)
	case number == 0:
		return "the main route"
	}
	return fmt.Sprintf("route[%d]", number)
}

func (k *compiler) table(kind module.Routes) map[int]*block {
	switch kind {
	case module.FailureRoute:
		return k.prog.failure
	case module.ReplyRoute:
		return k.prog.reply
	}
	return k.routes
}

// declare makes a block for each route, so that those that come later can be called.
func (k *compiler) declare(list []*route) []*block {
	k.prog.failure, k.prog.reply = map[int]*block{}, map[int]*block{}
	blocks := make([]*block, len(list))
	for i, r := range list {
		b := &block{title: r.title(), kind: r.kind, pos: r.pos}
		blocks[i] = b
		t := k.table(r.kind)
		switch other := t[r.number]; {
		case other != nil:
			k.wrong(r.pos, "%s is there already, at line %d", r.title(), other.pos.Line)
		case r.kind == module.FailureRoute && r.number == 0:
			k.wrong(r.pos, "a failure_route has a number from 1")
		default:
			t[r.number] = b
		}
	}
	k.prog.main = k.routes[0]
	if k.prog.main == nil {
		k.wrong(Pos{1, 1}, "the script has no main route: route { … }")
	}
	return blocks
}

// use notes that the present block calls something.
func (k *compiler) use(at Pos, name string, routes module.Routes, mayWait bool) {
	k.block.uses = append(k.block.uses, use{at, name, routes, mayWait})
}

// reach walks from each block that a message can enter along its calls, checks
// that everything may stand where it can be reached, and that the calls come to
// an end.
func (k *compiler) reach() {
	roots := slices.Concat(k.inOrder(k.routes), k.inOrder(k.prog.failure), k.inOrder(k.prog.reply))
	for _, b := range roots {
		k.measure(b)
	}
	for _, b := range roots {
		if b.kind != module.RequestRoute || b == k.prog.main {
			k.spread(b, b, b.kind)
		}
	}
	for _, b := range roots {
		if b.in == 0 || b.kind == module.FailureRoute && !b.called {
			k.log.Warn("nothing leads to this route", "route", b.title, "line", b.pos.Line)
		}
	}
}

func (k *compiler) inOrder(t map[int]*block) []*block {
	list := make([]*block, 0, len(t))
	for _, n := range slices.Sorted(maps.Keys(t)) {
		list = append(list, t[n])
	}
	return list
}

// measure finds circles of calls, and chains that are too long.
func (k *compiler) measure(b *block) {
	b.state = open
	for _, c := range b.calls {
		switch c.to.state {
		case open:
			k.wrong(c.pos, "%s is called by itself: %s", c.to.title, circle(c.to, b))
		case unseen:
			k.measure(c.to)
		}
		b.height = max(b.height, c.to.height+1)
	}
	if b.height == maxCalls {
		k.wrong(b.pos, "routes call each other more than %d deep from %s", maxCalls, b.title)
	}
	b.state = closed
}

// circle names the way from a block to itself: along the calls that are open.
func circle(from, to *block) string {
	way := []string{from.title}
	for b := from; b != to && len(way) < 10; {
		i := slices.IndexFunc(b.calls, func(c routeCall) bool { return c.to.state == open && c.to != from })
		if i < 0 {
			break
		}
		b = b.calls[i].to
		way = append(way, b.title)
	}
	return strings.Join(append(way, from.title), " → ")
}

// spread checks a block, and what it calls, as part of a route of a kind.
func (k *compiler) spread(b, root *block, kind module.Routes) {
	if b.in&kind != 0 {
		return
	}
	b.in |= kind
	via := ""
	if b != root {
		via = fmt.Sprintf(" (%s leads to %s)", root.title, b.title)
	}
	for _, u := range b.uses {
		switch {
		case u.routes&kind == 0:
			k.wrong(u.pos, "%s may not stand in %s%s", u.name, kindTitle(kind), via)
		case kind == module.ReplyRoute && u.mayWait:
			k.wrong(u.pos, "%s may have to wait, which a reply route never does%s", u.name, via)
		}
	}
	for _, c := range b.calls {
		c.to.called = true
		k.spread(c.to, root, kind)
	}
}

func kindTitle(kind module.Routes) string {
	switch kind {
	case module.FailureRoute:
		return "a failure_route"
	case module.ReplyRoute:
		return "an onreply_route"
	}
	return "the main route"
}
