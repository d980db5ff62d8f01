package script

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"seraph/proxy/internal/module"
)

// TestCasesModel: a value finds the case that comparing one after the other with it would
// find, and the same case is known again.
func TestCasesModel(t *testing.T) {
	texts := []string{"", "a", "A", "ab", "Ab", "0", "1", "-1", "01", "+1", "é", "É", "1 ", "9999999999999999999", strings.Repeat("x", 100), strings.Repeat("X", 100)}
	draw := func(t *rapid.T, name string) module.Value {
		switch rapid.IntRange(0, 4).Draw(t, name) {
		case 0:
			return module.Value{}
		case 1, 2:
			return module.Number(int64(rapid.IntRange(-1, 2).Draw(t, "number")))
		}
		return module.Text([]byte(rapid.SampledFrom(texts).Draw(t, "text")))
	}
	rapid.Check(t, func(t *rapid.T) {
		x := newCases(0)
		var list []module.Value
		places := map[int]int{} // in list, by the place in the switch
		for at := range rapid.IntRange(0, 8).Draw(t, "cases") {
			v := draw(t, "case")
			if v.Kind == module.NullValue {
				continue // a default
			}
			want := at
			for i, w := range list {
				if w.Kind == v.Kind && w.Equal(v) {
					want = places[i]
					break
				}
			}
			if got := x.add(at, v); got != want {
				t.Fatalf("case %d is the same as %d, want %d", at, got, want)
			}
			if want == at {
				places[len(list)] = at
				list = append(list, v)
			}
		}
		v, want := draw(t, "value"), -1
		for i, w := range list {
			if w.Equal(v) {
				want = places[i]
				break
			}
		}
		if got := x.first(v); got != want {
			t.Fatalf("%+v finds case %d of %+v, want %d", v, got, list, want)
		}
	})
}

// TestManyCases: a switch with fifty thousand cases is read at once, and what stands there
// twice is found.
func TestManyCases(t *testing.T) {
	var text strings.Builder
	text.WriteString("route {\nswitch ($rU) {\n")
	for i := range 25000 {
		fmt.Fprintf(&text, "case %d: case \"n%d\":\n", i, i)
	}
	text.WriteString("exit;\ncase \"N24999\": exit;\n} }")
	_, problems := Compile("many.cfg", []byte(text.String()), Options{})
	if got := texts(problems); len(problems) != 1 || !strings.Contains(got, "many.cfg:25004:1: this case is there already, at line 25002") {
		t.Errorf("problems are\n%.1000s", got)
	}
}
