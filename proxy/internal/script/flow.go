package script

import "seraph/proxy/internal/module"

// maxSteps is how many steps a message may take beyond what the script has: a
// statement, a comparison or a value is one, a call of a module's function twenty, and
// sixteen bytes that are written or searched are one.
const maxSteps = 200000

// defaultWhileLoops bounds the rounds of a loop unless max_while_loops does; it is
// Kamailio's.
const (
	defaultWhileLoops = 100
	mostWhileLoops    = 10000
)

// leave compiles break, drop, return or exit.
func (k *compiler) leave(s *leaveStmt) node {
	switch {
	case s.word == "break" && k.loops > 0:
		return constantly(broken)
	case s.word == "drop":
		return k.drop(s.pos)
	}
	if s.value == nil {
		return leaving(s.word, s.code)
	}
	x := k.value(s.value)
	return func(c *module.Ctx) result {
		n, _ := x(c).Int()
		if n == 0 {
			return exit
		}
		c.ReturnCode = int(n)
		return leave
	}
}

// loop compiles while.
func (k *compiler) loop(s *whileStmt) node {
	before := k.block.weight
	cond := k.conditions([]expr{s.cond})[0]
	k.loops++
	body := k.statements(s.body)
	k.loops--
	round := k.block.weight - before + stepWeight
	p, line := k.prog, s.pos.Line
	return func(c *module.Ctx) result {
		for n := 0; ; n++ {
			if c.Steps += round; c.Steps > p.budget {
				return tired
			}
			switch r := cond(c); r {
			case yes:
			case no:
				return done(c)
			default:
				return r
			}
			if n == p.globals.maxWhileLoops() {
				if !c.Looped { // of a loop within another, once
					p.log.Warn("loop ended: max_while_loops", "line", line, "rounds", n, "call_id", string(c.Msg.CallID()))
				}
				c.Looped = true
				return failed(c)
			}
			switch r := body(c); {
			case r == broken:
				return done(c)
			case r > yes:
				return r
			}
		}
	}
}

// switching compiles switch: from the case that fits, the bodies run on into each
// other until one breaks.
func (k *compiler) switching(s *switchStmt) node {
	value := k.value(s.value)
	bodies, find := make([]node, len(s.cases)), newCases(len(s.cases))
	other := -1
	k.loops++
	for i, c := range s.cases {
		bodies[i] = k.statements(c.body)
		if c.other {
			if other >= 0 {
				k.wrong(c.pos, "the switch has its default already, at %s", place(s.cases[other].pos, c.pos))
			}
			other = i
			continue
		}
		if c.unread {
			continue
		}
		k.warnOfCase(s.value, c.value)
		if first := find.add(i, literalValue(c.value)); first != i {
			k.wrong(c.pos, "this case is there already, at %s", place(s.cases[first].pos, c.pos))
		}
	}
	k.loops--
	return func(c *module.Ctx) result {
		at := find.first(value(c))
		if at < 0 {
			at = other
		}
		if at < 0 {
			return done(c)
		}
		r := yes
		for _, body := range bodies[at:] {
			switch r = body(c); {
			case r == broken:
				return done(c)
			case r > yes:
				return r
			}
		}
		return r
	}
}
