package script

import (
	"cmp"
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
	number int // by which the transaction knows it
	run    node
	called bool // something calls or arms it
	weight int  // how many steps it has

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

func blockTitle(kind module.Routes, name string) string {
	word := kindWords[kind]
	switch {
	case name != "":
		return word + "[" + name + "]"
	case kind == module.RequestRoute:
		return "the main route"
	}
	return word
}

// kindWords are the words that begin a block of each kind.
var kindWords = map[module.Routes]string{
	module.RequestRoute: "route", module.FailureRoute: "failure_route", module.ReplyRoute: "onreply_route",
	module.BranchRoute: "branch_route", module.LocalRoute: "event_route",
}

// armTable is the blocks of one kind that functions arm, by name; each has a number
// that goes with the transaction.
type armTable map[string]*block

// firstNamed is the number of the first route that is no small number itself.
const firstNamed = 10000

// declare makes a block for each route, so that those that come later can be called.
func (k *compiler) declare(list []*route) []*block {
	k.armed = map[module.Routes]armTable{module.FailureRoute: {}, module.ReplyRoute: {}, module.BranchRoute: {}, module.LocalRoute: {}}
	numbered := map[module.Routes]map[int]*block{}
	blocks := make([]*block, len(list))
	for i, r := range list {
		b := &block{title: r.title(), kind: r.kind, pos: r.pos, number: blockNumber(r.name, i)}
		blocks[i] = b
		t := k.armed[r.kind]
		if r.kind == module.RequestRoute {
			t = k.routes
		}
		switch other := t[r.name]; {
		case other != nil:
			k.wrong(r.pos, "%s is there already, at %s", r.title(), place(other.pos, r.pos))
			continue
		case r.name == "" && (r.kind == module.FailureRoute || r.kind == module.BranchRoute):
			k.wrong(r.pos, "a %s has a name, or a number from 1", kindWords[r.kind])
			continue
		}
		t[r.name] = b
		if numbered[r.kind] == nil {
			numbered[r.kind] = map[int]*block{}
		}
		numbered[r.kind][b.number] = b
	}
	k.prog.main = k.routes[""]
	k.prog.failure, k.prog.reply, k.prog.branch = numbered[module.FailureRoute], numbered[module.ReplyRoute], numbered[module.BranchRoute]
	k.prog.local = k.armed[module.LocalRoute][localRequest]
	if k.prog.main == nil {
		k.wrong(k.report.start(), "the script has no main route: route { … }")
	}
	return blocks
}

// blockNumber is the number of the i-th block: its name if that is a small number.
func blockNumber(name string, i int) int {
	if name == "" {
		return 0
	}
	if n, ok := atoi(name); ok && n > 0 && n < firstNamed {
		return n
	}
	return firstNamed + i
}

// blocks lists all blocks, in an order that is always the same.
func (k *compiler) blocks() []*block {
	list := k.inOrder(k.routes)
	for _, kind := range []module.Routes{module.FailureRoute, module.ReplyRoute, module.BranchRoute, module.LocalRoute} {
		list = append(list, k.inOrder(k.armed[kind])...)
	}
	return list
}

// use notes that the present block calls something.
func (k *compiler) use(at Pos, name string, routes module.Routes, mayWait bool) {
	k.block.uses = append(k.block.uses, use{at, name, routes, mayWait})
}

// reach walks from each block that a message can enter along its calls, checks
// that everything may stand where it can be reached, and that the calls come to
// an end.
func (k *compiler) reach() {
	roots := k.blocks()
	for _, b := range roots {
		k.measure(b)
	}
	for _, b := range roots {
		if b.kind != module.RequestRoute || b == k.prog.main {
			k.spread(b, b, b.kind)
		}
	}
	for _, b := range roots {
		if b.in == 0 || (b.kind == module.FailureRoute || b.kind == module.BranchRoute) && !b.called {
			k.warn(b.pos, "nothing leads to %s", b.title)
		}
	}
}

// long says which blocks may take more steps than a message has, because
// of how often the routes that they call are called. Circles are a problem already.
func (k *compiler) long() {
	if len(k.report.found) > 0 {
		return
	}
	total := map[*block]int{}
	var sum func(b *block) int
	sum = func(b *block) int {
		if n, ok := total[b]; ok {
			return n
		}
		n := b.weight
		for _, c := range b.calls {
			n = min(n+sum(c.to), k.prog.budget+1)
		}
		total[b] = n
		return n
	}
	for _, b := range k.blocks() {
		entered := b == k.prog.main || b.kind != module.RequestRoute
		if entered && sum(b) > k.prog.budget {
			k.warn(b.pos, "routes are called so often from here that a message may not get through all of them")
		}
	}
}

func (k *compiler) inOrder(t map[string]*block) []*block {
	return slices.SortedFunc(maps.Values(t), func(a, b *block) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.title, b.title)) })
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
	case module.RequestRoute:
		return "the main route"
	case module.ReplyRoute, module.LocalRoute:
		return "an " + kindWords[kind]
	}
	return "a " + kindWords[kind]
}
