package txn

import (
	"math/rand/v2"
	"testing"
)

// TestIndex: what was put in and not taken out is found, and nothing else, whoever stood in its place before: beside
// a map that is given the same. The numbers are few, so that places are fought for, also across the end of the list.
func TestIndex(t *testing.T) {
	type thing struct{ key, kind uint64 }
	const kinds = 3
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		x, want := makeIndex[thing](8), map[thing]*thing{}
		homes := uint64(1) << (1 + round%8)
		for range 300 {
			at := thing{^(r.Uint64N(homes) * shards), r.Uint64N(kinds)} // from the last place on
			switch of := want[at]; {
			case r.IntN(3) == 0 && of != nil:
				x.remove(at.key, of)
				delete(want, at)
			case r.IntN(3) == 0:
				x.remove(at.key, &thing{}) // which is not there
			case of == nil:
				want[at] = &at
				x.put(at.key, want[at])
			}
			if x.n != len(want) || 2*x.n > len(x.places) {
				t.Fatalf("round %d: %d are there of %d, in %d places", round, x.n, len(want), len(x.places))
			}
			for key := range homes {
				for kind := range uint64(kinds) {
					k := thing{^(key * shards), kind}
					if got := x.find(k.key, func(p *thing) bool { return p.kind == kind }); got != want[k] {
						t.Fatalf("round %d: %v is %p, want %p", round, k, got, want[k])
					}
				}
			}
		}
	}
}
