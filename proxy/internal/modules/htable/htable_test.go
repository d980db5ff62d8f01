package htable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/htable"
	"seraph/proxy/internal/transport"
)

// desk is a module, a message, and variables as a script would have them.
type desk struct {
	*htable.Module
	t     testing.TB
	c     *module.Ctx
	scope module.Scope
}

func newDesk(t testing.TB, tables ...string) *desk {
	t.Helper()
	d := &desk{Module: htable.New(htable.Config{}), t: t}
	for _, table := range tables {
		if err := moduletest.Set(t, d.Module, "htable", table); err != nil {
			t.Fatal(err)
		}
	}
	d.scope.Add(d.Vars())
	d.c = moduletest.Message(t, moduletest.Request("INVITE", "sip:bob@example.org"))
	d.from("192.0.2.7")
	return d
}

func (d *desk) from(ip string) {
	d.c.From = transport.Flow{Proto: transport.UDP, Remote: netip.AddrPortFrom(netip.MustParseAddr(ip), 5060)}
}

func (d *desk) variable(text string) *module.Variable {
	d.t.Helper()
	v, n, err := module.ParseVariable(text, &d.scope)
	if err != nil || n != len(text) {
		d.t.Fatalf("%s: %v, %d bytes of it read", text, err, n)
	}
	return v
}

// get is a variable's value as text, "null" for none.
func (d *desk) get(text string) string {
	d.t.Helper()
	v := d.variable(text).Value(d.c)
	if v.Kind == module.NullValue {
		return "null"
	}
	return string(v.Append(nil))
}

func (d *desk) set(text string, x module.Value) bool {
	d.t.Helper()
	return d.variable(text).Set(d.c, x)
}

func text(s string) module.Value { return module.Value{Kind: module.TextValue, Str: []byte(s)} }

func (d *desk) want(values map[string]string) {
	d.t.Helper()
	for name, want := range values {
		if got := d.get(name); got != want {
			d.t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	d := newDesk(t, "ban=>size=8", "count=>initval=5;")
	d.want(map[string]string{"$sht(ban=>$si)": "null", "$sht(count=>x)": "5", "$shtex(ban=>$si)": "null"})
	d.set("$sht(ban=>$si)", module.Number(1))
	d.set("$sht(ban=>$ci::last)", text("Ahoy"))
	d.want(map[string]string{"$sht(ban=>192.0.2.7)": "1", "$sht(ban=>call-1::last)": "Ahoy", "$sht(ban => 192.0.2.7)": "1",
		"$(sht(ban=>$si))": "1", "$sht(ban=>$fU)": "null", "$shtex(ban=>$si)": "0"})
	d.from("192.0.2.8")
	d.want(map[string]string{"$sht(ban=>$si)": "null"})
	d.from("192.0.2.7")
	d.set("$sht(ban=>$si)", module.Value{})
	d.want(map[string]string{"$sht(ban=>$si)": "null"})
	d.want(map[string]string{"$shtinc(count=>y)": "6", "$shtinc(ban=>n)": "1"})
	d.want(map[string]string{"$shtinc(count=>y)": "7", "$shtdec(ban=>n)": "0", "$shtinc(ban=>call-1::last)": "1"})
	if d.variable("$shtinc(ban=>n)").Writable() || !d.variable("$sht(ban=>n)").Own() {
		t.Error("$shtinc can be set, or $sht is the message's")
	}
}

// TestTextIsCopied: what is in a table is the script's no more, and the other way round.
func TestTextIsCopied(t *testing.T) {
	d := newDesk(t, "a=>")
	mine := []byte("first")
	d.set("$sht(a=>x)", module.Value{Kind: module.TextValue, Str: mine})
	copy(mine, "XXXXX")
	got := d.variable("$sht(a=>x)").Value(d.c)
	copy(got.Str, "YYYYY")
	d.want(map[string]string{"$sht(a=>x)": "first"})
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, "ban=>autoexpire=300", "fixed=>autoexpire=300;updateexpire=0", "ever=>")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); d.Run(ctx) }()
		for _, table := range []string{"ban", "fixed", "ever"} {
			d.set("$sht("+table+"=>x)", module.Number(1))
			d.set("$sht("+table+"=>y)", module.Number(1))
		}
		time.Sleep(200 * time.Second)
		d.want(map[string]string{"$shtex(ban=>x)": "100", "$shtex(ever=>x)": "0"})
		d.want(map[string]string{"$shtinc(ban=>x)": "2", "$shtinc(fixed=>x)": "2"})
		time.Sleep(100 * time.Second)
		d.want(map[string]string{"$sht(ban=>x)": "2", "$sht(ban=>y)": "null", "$sht(fixed=>x)": "null", "$sht(ever=>x)": "1", "$shtex(ban=>y)": "null"})
		if !d.set("$shtex(ever=>x)", module.Number(5)) || !d.set("$shtex(ban=>x)", module.Number(0)) {
			t.Error("the time of an item cannot be set")
		}
		if d.set("$shtex(ever=>none)", module.Number(5)) || d.set("$shtex(ever=>x)", module.Number(-1)) || d.set("$shtex(ever=>x)", text("soon")) {
			t.Error("a time is set that cannot be")
		}
		time.Sleep(time.Hour)
		d.want(map[string]string{"$sht(ban=>x)": "2", "$sht(ever=>x)": "null"})
		synctest.Wait()
		items := map[string]int64{}
		d.Statistics(func(_, name string, v int64) { items[name] = v })
		if diff := cmp.Diff(map[string]int64{"ban": 1, "fixed": 0, "ever": 1}, items); diff != "" {
			t.Errorf("what has expired is still there:\n%s", diff)
		}
		cancel()
		<-done
	})
}

// TestBounds: whatever strangers make a script store, a table does not grow beyond its size.
func TestBounds(t *testing.T) {
	d := newDesk(t, "a=>maxsize=160;autoexpire=60")
	v := d.variable("$sht(a=>$hdr(X-Key))")
	for i := range 5000 {
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", fmt.Sprintf("X-Key: key%d", i)))
		if !v.Set(c, module.Number(int64(i))) {
			t.Fatal("not set")
		}
		if i == 4999 {
			if got := v.Value(c); got.Num != 4999 {
				t.Errorf("the last one is %+v", got)
			}
		}
	}
	d.Statistics(func(_, name string, n int64) {
		if n > 160 || n < 100 {
			t.Errorf("%d items, want 160 at most", n)
		}
	})
	if d.set("$sht(a=>x)", text(strings.Repeat("v", 1025))) {
		t.Error("a text of 1025 bytes is taken")
	}
	long := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y", "X-Key: "+strings.Repeat("k", 256)))
	if v.Set(long, module.Number(1)) || v.Value(long).Kind != module.NullValue {
		t.Error("a key of 256 bytes is taken")
	}
	none := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y"))
	if v.Set(none, module.Number(1)) || d.variable("$shtinc(a=>$hdr(X-Key))").Value(none).Kind != module.NullValue {
		t.Error("an empty key is taken")
	}
}

func TestFunctions(t *testing.T) {
	d := newDesk(t, "a=>", "b=>")
	fill := func() {
		moduletest.Compile(t, d.Module, "sht_reset", "a")(d.c)
		for key, v := range map[string]module.Value{"alice": text("on line"), "albert": text("away"), "192.0.2.7": module.Number(77), "bob": text("7")} {
			d.set("$sht(a=>"+key+")", v)
		}
	}
	names := func() string {
		slots, err := d.Dump("a")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, want := range []string{"192.0.2.7", "albert", "alice", "bob"} {
			for _, s := range slots {
				for _, i := range s.Slot {
					if i.Name == want {
						list = append(list, i.Name)
					}
				}
			}
		}
		return strings.Join(list, " ")
	}
	for _, c := range []struct {
		call []string
		left string
	}{
		{[]string{"sht_reset", "a"}, ""},
		{[]string{"sht_reset", "b"}, "192.0.2.7 albert alice bob"},
		{[]string{"sht_rm", "a", "bob"}, "192.0.2.7 albert alice"},
		{[]string{"sht_rm", "a", "$si"}, "albert alice bob"},
		{[]string{"sht_rm", "a", "nobody"}, "192.0.2.7 albert alice bob"},
		{[]string{"sht_rm_name_re", "a=>^AL"}, "192.0.2.7 bob"},
		{[]string{"sht_rm_value_re", "a=>^7"}, "albert alice"},
		{[]string{"sht_rm_name", "a", "sw", "al"}, "192.0.2.7 bob"},
		{[]string{"sht_rm_name", "a", "re", "^$fU$"}, "192.0.2.7 albert bob"},
		{[]string{"sht_rm_name", "a", "re", "$hdr(X-Broken)("}, "192.0.2.7 albert alice bob"},
		{[]string{"sht_rm_value", "a", "sw", "7"}, "albert alice"},
		{[]string{"sht_rm_value", "a", "re", "way$"}, "192.0.2.7 alice bob"},
	} {
		fill()
		if got := moduletest.Compile(t, d.Module, c.call[0], c.call[1:]...)(d.c); got != 1 || names() != c.left {
			t.Errorf("%q: %d, left are %q, want %q", c.call, got, names(), c.left)
		}
	}
	fill()
	for _, c := range []struct {
		call []string
		want int
	}{
		{[]string{"sht_has_name", "a", "eq", "$fU"}, 1},
		{[]string{"sht_has_name", "a", "eq", "al"}, -1},
		{[]string{"sht_has_name", "a", "sw", "al"}, 1},
		{[]string{"sht_has_name", "a", "re", "^b.b$"}, 1},
		{[]string{"sht_has_name", "a", "re", "^B.B$"}, 1},
		{[]string{"sht_has_name", "a", "ne", "bob"}, 1},
		{[]string{"sht_has_name", "b", "ne", "bob"}, -1},
		{[]string{"sht_has_str_value", "a", "eq", "away"}, 1},
		{[]string{"sht_has_str_value", "a", "eq", "77"}, -1},
		{[]string{"sht_has_str_value", "a", "sw", "7"}, 1},
	} {
		if got := moduletest.Compile(t, d.Module, c.call[0], c.call[1:]...)(d.c); got != c.want {
			t.Errorf("%q: %d, want %d", c.call, got, c.want)
		}
	}
}

func TestControl(t *testing.T) {
	d := newDesk(t, "ban=>size=4;autoexpire=300;maxsize=100", "b=>updateexpire=0")
	for _, err := range []error{d.SetNumber("ban", "192.0.2.7", 3), d.SetText("ban", "why", "flood")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d.want(map[string]string{"$sht(ban=>$si)": "3", "$sht(ban=>why)": "flood"})
	if got, err := d.Item("ban", "192.0.2.7"); err != nil || got != (ctlproto.HtableItem{Name: "192.0.2.7", Value: int64(3)}) {
		t.Errorf("Item: %+v, %v", got, err)
	}
	slots, err := d.Dump("ban")
	if err != nil || len(slots) == 0 {
		t.Fatalf("Dump: %+v, %v", slots, err)
	}
	n := 0
	for _, s := range slots {
		if s.Size != len(s.Slot) || s.Entry < 0 || s.Entry > 15 {
			t.Errorf("slot %+v", s)
		}
		n += s.Size
	}
	if n != 2 {
		t.Errorf("%d items in the dump", n)
	}
	want := []ctlproto.HtableTable{{Name: "ban", Expire: 300, UpdateExpire: 1, Size: 16, MaxSize: 100}, {Name: "b", Size: 256, MaxSize: 65536}}
	if diff := cmp.Diff(want, d.Tables()); diff != "" {
		t.Error(diff)
	}
	if got := d.Stats(); len(got) != 2 || got[0].All != 2 || got[0].Slots != 16 || got[0].Min != 0 || got[0].Max < 1 || got[1].All != 0 {
		t.Errorf("Stats: %+v", got)
	}
	if err := d.Delete("ban", "why"); err != nil {
		t.Error(err)
	}
	if err := d.Flush("ban"); err != nil {
		t.Error(err)
	}
	d.want(map[string]string{"$sht(ban=>$si)": "null"})
	for what, err := range map[string]error{"delete": d.Delete("ban", "why"), "get": second(d.Item("ban", "why"))} {
		if !errors.Is(err, htable.ErrNoKey) {
			t.Errorf("%s of what is not there: %v", what, err)
		}
	}
	if err := d.SetText("ban", "", "x"); !errors.Is(err, htable.ErrTooLarge) {
		t.Errorf("an empty key: %v", err)
	}
	for _, err := range []error{d.Flush("bann"), d.Delete("bann", "x"), d.SetNumber("bann", "x", 1), second(d.Dump("bann")), second(d.Item("bann", "x"))} {
		if err == nil || err.Error() != `there is no table "bann"; did you mean "ban"?` {
			t.Errorf("a table that there is not: %v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestAtOnce: requests that count at once lose nothing.
func TestAtOnce(t *testing.T) {
	d := newDesk(t, "a=>")
	v, w := d.variable("$shtinc(a=>n)"), d.variable("$sht(a=>n)")
	var wg sync.WaitGroup
	for range 8 {
		c := moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y"))
		wg.Go(func() {
			for range 1000 {
				v.Value(c)
				w.Value(c)
			}
		})
	}
	wg.Wait()
	d.want(map[string]string{"$sht(a=>n)": "8000"})
}

func TestPrint(t *testing.T) {
	var log bytes.Buffer
	m := htable.New(htable.Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := moduletest.Set(t, m, "htable", "ban=>"); err != nil {
		t.Fatal(err)
	}
	moduletest.Compile(t, m, "sht_print")(moduletest.Message(t, moduletest.Request("INVITE", "sip:x@y")))
	if !strings.Contains(log.String(), "name=ban items=0") {
		t.Error(log.String())
	}
}

func TestBadDefinitions(t *testing.T) {
	for def, want := range map[string]string{
		"":                        `table "" is not of the form name=>attribute=value;…`,
		"a b=>size=8":             `table "a b=>size=8" is not of the form name=>attribute=value;…`,
		"a=>size=0":               `table a: size "0" is not from 1 to 31`,
		"a=>autoexpire=-1":        `table a: autoexpire "-1" is not from 0 to 315360000`,
		"a=>maxsize=0":            `table a: maxsize "0" is not from 1 to 16777216`,
		"a=>maxsize=x":            `table a: maxsize "x" is not from 1 to 16777216`,
		"a=>updateexpire=2":       `table a: updateexpire "2" is not from 0 to 1`,
		"a=>dbmode=1":             `table a: dbmode "1" is not from 0 to 0`,
		"a=>dbtable=htable":       `table a: there is no attribute "dbtable"; known are size, autoexpire, maxsize, initval, updateexpire`,
		"taken=>":                 `there is a table "taken" already`,
		"a=>initval=999999999999": `table a: initval "999999999999" is not from -2147483648 to 2147483647`,
	} {
		m := htable.New(htable.Config{})
		if err := moduletest.Set(t, m, "htable", "taken=>size=3"); err != nil {
			t.Fatal(err)
		}
		if err := moduletest.Set(t, m, "htable", def); err == nil || err.Error() != want {
			t.Errorf("%q: %v", def, err)
		}
	}
	if err := moduletest.Set(t, htable.New(htable.Config{}), "timer_interval", "0"); err == nil {
		t.Error("timer_interval 0 is taken")
	}
}

func TestBadArguments(t *testing.T) {
	d := newDesk(t, "ban=>")
	for text, want := range map[string]string{
		"$sht(bann=>x)":      `there is no table "bann"; did you mean "ban"?`,
		"$sht(x-y-z-q=>x)":   `there is no table "x-y-z-q": modparam("htable", "htable", "x-y-z-q=>size=8") makes one`,
		"$sht(ban)":          `"ban" is not of the form table=>key`,
		"$sht(ban=>)":        `"ban=>" is not of the form table=>key`,
		"$sht(ban=>$nosuch)": "there is no variable $nosuch",
		"$sht":               "$sht wants a table and a key: $sht(table=>key)",
		"$sht(ban=>" + strings.Repeat("k", 256) + ")": "a key has at most 255 bytes",
	} {
		if _, _, err := module.ParseVariable(text, &d.scope); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := module.ParseVariable("$sht(ban=>x)", &module.Scope{}); err == nil || !strings.Contains(err.Error(), "there is no variable $sht") {
		t.Errorf("without the module: %v", err)
	}
	for _, c := range [][]string{
		{"sht_reset", "x"}, {"sht_rm", "x", "y"}, {"sht_rm_name_re", "ban"}, {"sht_rm_name_re", "ban=>("}, {"sht_rm_value_re", "x=>y"},
		{"sht_rm_name", "ban", "eq", "x"}, {"sht_rm_value", "ban", "like", "x"}, {"sht_has_name", "ban", "like", "x"}, {"sht_has_name", "ban", "re", "("},
		{"sht_rm", "ban", "$nosuch"}, {"sht_has_str_value", "x", "eq", "y"},
	} {
		if got := moduletest.Refused(t, d.Module, c[0], c[1:]...); got == "" {
			t.Errorf("%q", c)
		}
	}
}

// FuzzDefine: no definition of a table makes the router fall.
func FuzzDefine(f *testing.F) {
	f.Add("ipban=>size=8;autoexpire=300;")
	f.Add("=>;=;=")
	f.Fuzz(func(t *testing.T, def string) {
		d := newDesk(t)
		if moduletest.Set(t, d.Module, "htable", def) != nil {
			return
		}
		if got := d.Tables(); len(got) != 1 || got[0].Size < 8 || got[0].MaxSize < 1 {
			t.Errorf("%q makes %+v", def, got)
		}
	})
}

// TestBadAttributeLeavesTheTable: what names a table with a bad attribute is not wrong, and each
// bad attribute is told.
func TestBadAttributeLeavesTheTable(t *testing.T) {
	m := htable.New(htable.Config{})
	err := moduletest.Set(t, m, "htable", "ban=>size=0;dbtable=x;autoexpire=5")
	if err == nil || !strings.Contains(err.Error(), `size "0"`) || !strings.Contains(err.Error(), `"dbtable"`) {
		t.Errorf("the error is %v", err)
	}
	moduletest.Compile(t, m, "sht_reset", "ban")
}
