package sip

import (
	"slices"
	"testing"
)

// TestStatusSet: what is put in is there, once; what is no refusal is not, and asking for it harms nothing.
func TestStatusSet(t *testing.T) {
	var s StatusSet
	if !s.Empty() {
		t.Error("a new set is not empty")
	}
	for _, status := range []int{-1 << 40, -1, 0, 100, 200, 299, 700, 1 << 40} {
		s.Add(status)
		if s.Has(status) || !s.Empty() {
			t.Errorf("%d is in the set", status)
		}
	}
	want := []int{300, 363, 364, 405, 408, 501, 603, 699}
	for _, status := range append(slices.Clone(want), 405, 300) {
		s.Add(status)
	}
	if got := slices.Collect(s.All); !slices.Equal(got, want) || !s.Has(405) || s.Has(404) || s.Empty() {
		t.Errorf("the set has %v, want %v", got, want)
	}
	for status := range s.All {
		if status != 300 {
			t.Errorf("the lowest is %d", status)
		}
		break
	}
	same := s
	s.Remove(300, 399)
	s.Remove(699, 1<<40)
	s.Remove(-1<<40, 10)
	s.Remove(500, 400)
	if got := slices.Collect(s.All); !slices.Equal(got, []int{405, 408, 501, 603}) || s == same {
		t.Errorf("then it has %v", got)
	}
}
