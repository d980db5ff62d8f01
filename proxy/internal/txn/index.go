package txn

// index finds the transactions of a shard by a number that is as good as random. It is open to the next place where
// one is taken, and the numbers stand in the places themselves: so those that are passed on the way to the wanted
// one, or to the end, are not looked at, each of which is memory out of every cache. At 2,500 calls/s that took
// 5 % of the router's time while they stood in chains.
type index[T any] struct {
	places []place[T] // a power of two; half of them at most are taken
	n      int
}

type place[T any] struct {
	key uint64
	of  *T // nil: nobody has the place
}

// makeIndex makes one with room for half of size, a power of two, before it grows.
func makeIndex[T any](size int) index[T] { return index[T]{places: make([]place[T], size)} }

// home is where a number stands if the place is free. The lowest bits have chosen the shard.
func (x *index[T]) home(key uint64) int { return int(key/shards) & (len(x.places) - 1) }

// find returns what stands under key and is the wanted one; nil if there is none.
func (x *index[T]) find(key uint64, wanted func(*T) bool) *T {
	for i := x.home(key); x.places[i].of != nil; i = x.after(i) {
		if p := &x.places[i]; p.key == key && wanted(p.of) {
			return p.of
		}
	}
	return nil
}

func (x *index[T]) after(i int) int { return (i + 1) & (len(x.places) - 1) }

// from is how many places on from one another one is.
func (x *index[T]) from(one, another int) int { return (another - one) & (len(x.places) - 1) }

// put enters what is not there yet. Others may stand under the same key.
func (x *index[T]) put(key uint64, of *T) {
	if x.n++; 2*x.n > len(x.places) {
		x.grow()
	}
	x.set(place[T]{key, of})
}

func (x *index[T]) set(p place[T]) {
	i := x.home(p.key)
	for x.places[i].of != nil {
		i = x.after(i)
	}
	x.places[i] = p
}

func (x *index[T]) grow() {
	old := x.places
	x.places = make([]place[T], growth*len(old))
	for _, p := range old {
		if p.of != nil {
			x.set(p)
		}
	}
}

// remove takes out what put has entered. Whoever stands behind it and had found its own place taken moves up: a free
// place ends each search.
func (x *index[T]) remove(key uint64, of *T) {
	free := x.home(key)
	for x.places[free].of != of {
		if x.places[free].of == nil {
			return
		}
		free = x.after(free)
	}
	x.n--
	for i := x.after(free); x.places[i].of != nil; i = x.after(i) {
		if x.from(x.home(x.places[i].key), i) >= x.from(free, i) {
			x.places[free], free = x.places[i], i
		}
	}
	x.places[free] = place[T]{}
}
