package htable_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/htable"
)

// TestModel: a table does what a map with times does, as long as it is not full.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		m := htable.New(htable.Config{Now: func() time.Time { return now }})
		if err := moduletest.Set(t, m, "htable", "a=>autoexpire=10;initval=3"); err != nil {
			t.Fatal(err)
		}
		d := &desk{Module: m, t: t, c: moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y"))}
		d.scope.Add(m.Vars())
		type item struct {
			value string
			until time.Time // zero for never
		}
		model := map[string]item{}
		live := func(key string) (item, bool) {
			i, ok := model[key]
			return i, ok && (i.until.IsZero() || now.Before(i.until))
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			key := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "key")
			name := "(a=>" + key + ")"
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				n := rapid.IntRange(-5, 5).Draw(rt, "number")
				d.set("$sht"+name, module.Number(int64(n)))
				model[key] = item{fmt.Sprint(n), now.Add(10 * time.Second)}
			case 1:
				d.set("$sht"+name, text("word"))
				model[key] = item{"word", now.Add(10 * time.Second)}
			case 2:
				d.set("$sht"+name, module.Value{})
				delete(model, key)
			case 3:
				n := 3
				if i, ok := live(key); ok {
					if _, err := fmt.Sscan(i.value, &n); err != nil {
						n = 3
					}
				}
				want := fmt.Sprint(n + 1)
				if got := d.get("$shtinc" + name); got != want {
					rt.Fatalf("$shtinc%s is %s, want %s", name, got, want)
				}
				model[key] = item{want, now.Add(10 * time.Second)}
			case 4:
				seconds := rapid.IntRange(0, 8).Draw(rt, "seconds")
				i, ok := live(key)
				if got := d.set("$shtex"+name, module.Number(int64(seconds))); got != ok {
					rt.Fatalf("$shtex%s can be set: %v, want %v", name, got, ok)
				}
				if i.until = now.Add(time.Duration(seconds) * time.Second); seconds == 0 {
					i.until = time.Time{}
				}
				if ok {
					model[key] = i
				}
			case 5:
				now = now.Add(time.Duration(rapid.IntRange(1, 6).Draw(rt, "pause")) * time.Second)
			}
			want := "3"
			if i, ok := live(key); ok {
				want = i.value
			}
			if got := d.get("$sht" + name); got != want {
				rt.Fatalf("$sht%s is %s, want %s", name, got, want)
			}
		}
	})
}
