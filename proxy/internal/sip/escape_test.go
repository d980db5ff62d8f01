package sip

import (
	"bytes"
	"testing"
)

func TestSameUnescaped(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"bob", "bob", true}, {"bob", "Bob", false}, {"bob", "bobb", false}, {"", "b", false},
		{"%2B4930", "+4930", true}, {"%2b4930", "%2B4930", true}, {"b%c3%bcro", "b%C3%BCro", true}, {"%62%6F%62", "bob", true},
		{"4930;tgrp=TG-1", "4930%3Btgrp%3DTG-1", true}, {"4930;tgrp=TG-1", "4930%3Btgrp%3DTG-2", false},
		{"%252B", "%2B", false}, {"%252B", "+", false}, {"%2", "%2", true}, {"%2", "%252", true}, {"%zz", "%zz", true}, {"%zz", "%ZZ", false}, {"%2", "%", false},
	} {
		a, b := []byte(c.a), []byte(c.b)
		if SameUnescaped(a, b) != c.want || SameUnescaped(b, a) != c.want {
			t.Errorf("%q and %q are the same: %v", a, b, !c.want)
		}
		if got := bytes.Equal(AppendUnescaped(nil, a), AppendUnescaped(nil, b)); got != c.want {
			t.Errorf("%q and %q are appended alike: %v", a, b, got)
		}
	}
}

func FuzzSameUnescaped(f *testing.F) {
	f.Add([]byte("%2B4930"), []byte("+4930"))
	f.Add([]byte("%2"), []byte("%%2"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, y := AppendUnescaped(nil, a), AppendUnescaped(nil, b)
		if len(x) > len(a) || SameUnescaped(a, b) != bytes.Equal(x, y) || !SameUnescaped(a, a) {
			t.Errorf("%q becomes %q, %q becomes %q", a, x, b, y)
		}
	})
}
