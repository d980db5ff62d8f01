package htable

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
)

// What the control socket may be told.
var (
	// ErrNoKey says that there is nothing under a key.
	ErrNoKey = errors.New("there is no such key in the table")
	// ErrTooLarge says that a key or a value is too large.
	ErrTooLarge = errors.New("a key has 1 to 255 bytes, and a value at most 1024")
)

// maxDump bounds the items of htable.dump.
const maxDump = 10000

// Dump is htable.dump: the slots that hold something, at most 10,000 items.
func (m *Module) Dump(name string) ([]ctlproto.HtableSlot, error) {
	t, err := m.named(name)
	if err != nil {
		return nil, err
	}
	bySlot := map[int][]ctlproto.HtableItem{}
	n := 0
	t.each(m.now(), func(key string, v module.Value) bool {
		slot := t.slot(key)
		bySlot[slot] = append(bySlot[slot], view(key, v))
		n++
		return n < maxDump
	})
	list := make([]ctlproto.HtableSlot, 0, len(bySlot))
	for slot, items := range bySlot {
		slices.SortFunc(items, func(a, b ctlproto.HtableItem) int { return cmp.Compare(a.Name, b.Name) })
		list = append(list, ctlproto.HtableSlot{Entry: slot, Size: len(items), Slot: items})
	}
	slices.SortFunc(list, func(a, b ctlproto.HtableSlot) int { return cmp.Compare(a.Entry, b.Entry) })
	return list, nil
}

// view is an item as the control socket shows it.
func view(key string, v module.Value) ctlproto.HtableItem {
	if v.Kind == module.NumberValue {
		return ctlproto.HtableItem{Name: key, Value: v.Num}
	}
	return ctlproto.HtableItem{Name: key, Value: string(v.Str)}
}

// Item is htable.get; ErrNoKey if there is none.
func (m *Module) Item(name, key string) (ctlproto.HtableItem, error) {
	t, err := m.named(name)
	if err != nil {
		return ctlproto.HtableItem{}, err
	}
	found := ctlproto.HtableItem{}
	err = ErrNoKey
	s := t.shard([]byte(key))
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.items[key]; i != nil && !i.expired(m.now()) {
		found, err = view(key, i.value), nil
	}
	return found, err
}

// Delete is htable.delete; ErrNoKey if there is nothing to delete.
func (m *Module) Delete(name, key string) error {
	t, err := m.named(name)
	if err == nil && !t.remove([]byte(key)) {
		err = ErrNoKey
	}
	return err
}

// SetText is htable.sets.
func (m *Module) SetText(name, key, value string) error {
	return m.put(name, key, module.Value{Kind: module.TextValue, Str: []byte(value)})
}

// SetNumber is htable.seti.
func (m *Module) SetNumber(name, key string, value int64) error {
	return m.put(name, key, module.Number(value))
}

func (m *Module) put(name, key string, v module.Value) error {
	t, err := m.named(name)
	if err == nil && !t.set([]byte(key), v, m.now()) {
		err = ErrTooLarge
	}
	return err
}

// Flush is htable.flush: it removes everything from a table.
func (m *Module) Flush(name string) error {
	t, err := m.named(name)
	if err == nil {
		t.removeIf(func(string, *item) bool { return true })
	}
	return err
}

// Tables is htable.listTables.
func (m *Module) Tables() []ctlproto.HtableTable {
	list := make([]ctlproto.HtableTable, len(m.tables))
	for i, t := range m.tables {
		list[i] = ctlproto.HtableTable{Name: t.name, Expire: int(t.expire / time.Second), Size: t.slots, MaxSize: t.maxSize}
		if t.updateExpire {
			list[i].UpdateExpire = 1
		}
	}
	return list
}

// Stats is htable.stats.
func (m *Module) Stats() []ctlproto.HtableStats {
	list := make([]ctlproto.HtableStats, len(m.tables))
	for i, t := range m.tables {
		counts := make([]int, t.slots)
		t.each(m.now(), func(key string, _ module.Value) bool {
			counts[t.slot(key)]++
			return true
		})
		s := ctlproto.HtableStats{Name: t.name, Slots: t.slots, Min: slices.Min(counts), Max: slices.Max(counts)}
		for _, n := range counts {
			s.All += n
		}
		list[i] = s
	}
	return list
}
