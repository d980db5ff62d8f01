package dispatcher

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"seraph/ctlproto"
)

// List lists the sets by their numbers.
func (m *Module) List() ctlproto.DispatcherList {
	list := ctlproto.DispatcherList{Records: []ctlproto.DispatcherRecord{}}
	for set, g := range *m.sets.Load() {
		s := ctlproto.DispatcherSet{ID: set, Targets: []ctlproto.DispatcherTarget{}}
		for _, d := range g.list {
			s.Targets = append(s.Targets, ctlproto.DispatcherTarget{Dest: ctlproto.DispatcherDest{
				URI: string(d.uri), Flags: d.letters(), Priority: d.priority,
				Attrs:   ctlproto.DispatcherAttrs{Body: d.attrs, DUID: d.duid, MaxLoad: d.maxLoad, Weight: d.weight, RWeight: d.rweight},
				Latency: d.latency.list(), Runtime: d.runtime(),
			}})
		}
		list.Records = append(list.Records, ctlproto.DispatcherRecord{Set: s})
	}
	slices.SortFunc(list.Records, func(a, b ctlproto.DispatcherRecord) int { return cmp.Compare(a.Set.ID, b.Set.ID) })
	list.Sets = len(list.Records)
	return list
}

// runtime is how many calls are counted; nil where none are.
func (d *destination) runtime() *ctlproto.DispatcherRuntime {
	if d.load == nil {
		return nil
	}
	return &ctlproto.DispatcherRuntime{Load: d.load.Calls()}
}

// letters are the state as Kamailio shows it: A active, T trying, I inactive or D
// disabled, then P where it is pinged, else X.
func (d *health) letters() string {
	s := d.state.Load()
	b := []byte("AX")
	switch {
	case s&disabled != 0:
		b[0] = 'D'
	case s&inactive != 0:
		b[0] = 'I'
	case s&trying != 0:
		b[0] = 'T'
	}
	if s&probing != 0 {
		b[1] = 'P'
	}
	return string(b)
}

func textAttribute(attrs, name string) string {
	for item := range strings.SplitSeq(attrs, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(item), "="); ok && k == name {
			return v
		}
	}
	return ""
}

// SetState gives a gateway of a set, or "all" of them, a state (see ds_mark_dst). What
// the error says is fit for the caller.
func (m *Module) SetState(state string, set int, uri string) error {
	bits, err := readState(state)
	if err != nil {
		return err
	}
	g := (*m.sets.Load())[set]
	if g == nil {
		return fmt.Errorf("there is no set %d", set)
	}
	if uri == "all" {
		for _, d := range g.list {
			m.mark(d, bits)
		}
		return nil
	}
	d := g.find(uri)
	if d == nil {
		return fmt.Errorf("set %d has no destination %s", set, uri)
	}
	m.mark(d, bits)
	return nil
}
