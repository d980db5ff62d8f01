package usrloc

// dueHeap holds versions with the next one to expire first. Each version knows
// its place, so that a refresh moves it instead of leaving a second one behind.
type dueHeap []*version

func (h *dueHeap) push(v *version) {
	v.due = v.expires
	*h = append(*h, v)
	h.up(len(*h)-1, v)
}

// remove takes v out; it may be absent.
func (h *dueHeap) remove(v *version) {
	i := int(v.slot)
	if i < 0 || i >= len(*h) || (*h)[i] != v {
		return
	}
	v.slot = -1
	last := len(*h) - 1
	moved := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	if i == last {
		return
	}
	h.up(i, moved)
	h.down(int(moved.slot), moved)
}

// postpone moves v back to the time due.
func (h *dueHeap) postpone(v *version, due int64) {
	v.due = due
	h.down(int(v.slot), v)
}

func (h dueHeap) set(i int, v *version) {
	h[i] = v
	v.slot = int32(i)
}

// up puts v at i or nearer to the top.
func (h dueHeap) up(i int, v *version) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].due <= v.due {
			break
		}
		h.set(i, h[parent])
		i = parent
	}
	h.set(i, v)
}

// down puts v at i or farther from the top.
func (h dueHeap) down(i int, v *version) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child+1].due < h[child].due {
			child++
		}
		if v.due <= h[child].due {
			break
		}
		h.set(i, h[child])
		i = child
	}
	h.set(i, v)
}
