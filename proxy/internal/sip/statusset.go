package sip

import "math/bits"

// Final statuses other than 2xx.
const (
	lowestRefusal  = 300
	highestRefusal = 699
)

// StatusSet is a set of final statuses other than 2xx (RFC 3261 §21.3 to §21.6): what the branches of one
// request have come to. The zero value is empty; sets are compared with ==. It takes no memory beside its own.
type StatusSet struct {
	words [(highestRefusal - lowestRefusal + 64) / 64]uint64
}

// Add puts a status into the set. One that is no final status, or a 2xx, changes nothing.
func (s *StatusSet) Add(status int) {
	if i := status - lowestRefusal; i >= 0 && status <= highestRefusal {
		s.words[i/64] |= 1 << (i % 64)
	}
}

// Remove takes the statuses from first to last, both included, out of the set.
func (s *StatusSet) Remove(first, last int) {
	for status := max(first, lowestRefusal); status <= min(last, highestRefusal); status++ {
		i := status - lowestRefusal
		s.words[i/64] &^= 1 << (i % 64)
	}
}

// Has reports whether a status is in the set.
func (s *StatusSet) Has(status int) bool {
	i := status - lowestRefusal
	return i >= 0 && status <= highestRefusal && s.words[i/64]&(1<<(i%64)) != 0
}

// Empty reports whether the set has no status.
func (s *StatusSet) Empty() bool { return *s == StatusSet{} }

// All yields the statuses, the lowest first.
func (s *StatusSet) All(yield func(status int) bool) {
	for i, word := range s.words {
		for ; word != 0; word &= word - 1 {
			if !yield(lowestRefusal + 64*i + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
