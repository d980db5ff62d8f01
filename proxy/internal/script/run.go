package script

import "seraph/proxy/internal/module"

// result is what a piece of the script came to. As a condition no is false and
// yes true; after a statement both mean that the next one follows, and the last
// statement's is the value of its route. The others end more than themselves.
type result uint8

const (
	no      result = iota
	yes            // done
	leave          // the route block ends; ReturnCode is its value
	exit           // the script ends
	dropped        // the script ends, and the response or the branch is not sent on
	broken         // the switch or the loop ends
	tired          // the script ends, because it takes too many steps
)

// node is a compiled piece of the script.
type node func(c *module.Ctx) result

// done is a statement that succeeded, failed one that did not.
func done(c *module.Ctx) result   { c.ReturnCode = module.True; return yes }
func failed(c *module.Ctx) result { c.ReturnCode = module.False; return no }

// sequence runs the nodes one after the other. The frequent short ones have no loop.
func sequence(list []node) node {
	switch len(list) {
	case 0:
		return func(*module.Ctx) result { return yes }
	case 1:
		return list[0]
	case 2:
		a, b := list[0], list[1]
		return func(c *module.Ctx) result {
			if r := a(c); r > yes {
				return r
			}
			return b(c)
		}
	}
	return func(c *module.Ctx) result {
		r := yes
		for _, n := range list {
			if r = n(c); r > yes {
				return r
			}
		}
		return r
	}
}

// choose runs the body of the first condition that holds, else the last one.
func choose(conds, bodies []node, els node) node {
	if len(conds) == 1 {
		cond, body := conds[0], bodies[0]
		return func(c *module.Ctx) result {
			switch r := cond(c); r {
			case yes:
				return body(c)
			case no:
				return els(c)
			default:
				return r
			}
		}
	}
	return func(c *module.Ctx) result {
		for i, cond := range conds {
			switch r := cond(c); r {
			case yes:
				return bodies[i](c)
			case no:
			default:
				return r
			}
		}
		return els(c)
	}
}

// conjunction is true if every condition is; it asks no further than it must.
func conjunction(list []node) node {
	if len(list) == 2 {
		a, b := list[0], list[1]
		return func(c *module.Ctx) result {
			if r := a(c); r != yes {
				return r
			}
			return b(c)
		}
	}
	return func(c *module.Ctx) result {
		for _, n := range list {
			if r := n(c); r != yes {
				return r
			}
		}
		return yes
	}
}

// disjunction is true if one condition is.
func disjunction(list []node) node {
	return func(c *module.Ctx) result {
		for _, n := range list {
			if r := n(c); r != no {
				return r
			}
		}
		return no
	}
}

// negation of what ends the script ends the script.
func negation(n node) node {
	return func(c *module.Ctx) result {
		switch r := n(c); r {
		case no:
			return yes
		case yes:
			return no
		default:
			return r
		}
	}
}

func constantly(r result) node { return func(*module.Ctx) result { return r } }

// truth is a condition that asks test.
func truth(test func(c *module.Ctx) bool) node {
	return func(c *module.Ctx) result {
		if test(c) {
			return yes
		}
		return no
	}
}

// moduleCall runs a function of a module.
func moduleCall(f module.Call) node {
	return func(c *module.Ctx) result {
		code := f(c)
		c.ReturnCode = code
		switch {
		case code > 0:
			return yes
		case code < 0:
			return no
		}
		return exit
	}
}

// leaving is break, return or exit.
func leaving(word string, code int) node {
	if word == "exit" || code == 0 {
		return constantly(exit)
	}
	return func(c *module.Ctx) result {
		c.ReturnCode = code
		return leave
	}
}

// enter runs another route block and goes on after it.
func (p *Program) enter(b *block) node {
	return func(c *module.Ctx) result {
		if c.Steps += b.weight; c.Steps > p.budget {
			return tired
		}
		c.Depth++
		r := b.run(c)
		c.Depth--
		switch {
		case r == yes:
			return done(c)
		case r == leave && c.ReturnCode > 0:
			return yes
		case r == leave:
			return no
		}
		return r
	}
}
