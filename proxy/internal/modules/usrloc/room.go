package usrloc

import (
	"cmp"
	"math"
	"slices"
)

// yielding is a binding that gives way, and how soon.
type yielding struct {
	head *version
	rank int
}

// makeRoom adds the removal of as many bindings as have to give way; false if too few do.
func (p *plan) makeRoom(e *entry, reg *Registration, now int64) bool {
	if reg.Yields == nil || e == nil {
		return false
	}
	var list []yielding
	for _, v := range e.heads {
		if !v.counts(now) || p.has(v) {
			continue
		}
		if rank := reg.Yields(&v.Binding); rank > 0 {
			list = append(list, yielding{v, rank})
		}
	}
	slices.SortStableFunc(list, func(a, b yielding) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.head.end(), b.head.end()))
	})
	for _, y := range list {
		p.add(step{head: y.head}, true)
		p.yields++
		if !tooMany(p.adds-p.drops, e, reg, now) {
			return true
		}
	}
	return false
}

// has reports whether a binding has a step already.
func (p *plan) has(head *version) bool {
	return slices.ContainsFunc(p.steps, func(s step) bool { return s.head == head })
}

// end is when the binding expires, in Unix milliseconds.
func (v *version) end() int64 {
	if v.Permanent() {
		return math.MaxInt64
	}
	return v.expires
}
