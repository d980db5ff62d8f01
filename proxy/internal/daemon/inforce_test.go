package daemon

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules"
	"seraph/proxy/internal/sip"
)

// bare is a script that loads nothing with parameters but what settings says.
func bare(settings string) string {
	return "loadmodule \"sl.so\"\n" + settings + "\nroute { sl_send_reply(\"200\", \"OK\"); }\n"
}

// rewrite puts another script into the stand's file and has it read.
func (s *stand) rewrite(text string) (string, error) {
	s.t.Helper()
	if err := os.WriteFile(s.cfg.Script, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	waiting, err := s.d.ReloadScript()
	return strings.Join(waiting, " "), err
}

// TestReloadLoadsEachModule: a reload that is the first to load a module either has each of its
// parameters in force, or names it as one that waits for the next start, or is refused and names
// the module.
func TestReloadLoadsEachModule(t *testing.T) {
	s := newStand(t, bare(""))
	var text strings.Builder
	for _, m := range s.d.modules.All() {
		load := fmt.Sprintf("loadmodule %q\n", m.Name()+".so")
		if hasWork(m) {
			if d, ok := m.(module.Dependent); ok {
				load = fmt.Sprintf("loadmodule %q\n", d.Needs()[0]+".so") + load
			}
			_, err := s.rewrite(bare(load))
			if err == nil || !strings.HasPrefix(err.Error(), "the script loads ") || !strings.Contains(err.Error(), m.Name()+", which") {
				t.Errorf("%s, which has work, is loaded by a reload: %v", m.Name(), err)
			}
			continue
		}
		if m.Name() != "sl" {
			text.WriteString(load)
		}
		for _, p := range m.Params() {
			fmt.Fprintf(&text, "modparam(%q, %q, %s)\n", m.Name(), p.Name, sample(t, m.Name(), p))
		}
	}
	waiting, err := s.rewrite(bare(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.d.modules.All() {
		if hasWork(m) {
			continue
		}
		for _, p := range m.Params() {
			name := m.Name() + "." + p.Name
			named := slices.Contains(strings.Fields(waiting), name)
			switch {
			case p.Idle != "" && named:
				t.Errorf("%s, which never has an effect, is named as waiting", name)
			case p.Idle != "" || named:
			case isAskedFor(t, m.Name(), p):
				t.Errorf("%s, which others than the module go by, is not named as waiting", name)
			case !isSet(t, s.d.modules.All(), m.Name(), p):
				t.Errorf("%s is neither in force nor named as waiting", name)
			}
		}
	}
	if again, err := s.d.ReloadScript(); err != nil || strings.Join(again, " ") != waiting {
		t.Errorf("the same script again: %v, waiting %q, want %q", err, again, waiting)
	}
}

// fresh is a module without any parameter set.
func fresh(t *testing.T, name string) module.Module {
	t.Helper()
	return named(t, modules.New(modules.Config{}).All(), name)
}

func named(t *testing.T, list []module.Module, name string) module.Module {
	t.Helper()
	for _, m := range list {
		if m.Name() == name {
			return m
		}
	}
	t.Fatalf("there is no module %s", name)
	return nil
}

// param is a parameter of a module by its name.
func param(t *testing.T, m module.Module, name string) module.Param {
	t.Helper()
	for _, p := range m.Params() {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s has no parameter %s", m.Name(), name)
	return module.Param{}
}

// sample is a value that a parameter takes, as a script writes it, and, if there is one, that
// makes a difference.
func sample(t *testing.T, name string, p module.Param) string {
	t.Helper()
	best := ""
	for _, text := range []string{"1", "2", "0", "100", "1000", "", "deny", "^sip:", "$avp(x)", "https://phone.example.org"} {
		var n int
		if _, err := fmt.Sscan(text, &n); (err == nil) != (p.Kind == module.Int) {
			continue
		}
		m := fresh(t, name)
		if param(t, m, p.Name).Set(text, n) != nil {
			continue
		}
		written := text
		if p.Kind == module.String {
			written = fmt.Sprintf("%q", text)
		}
		if !equal(m, fresh(t, name)) {
			return written
		}
		best = written
	}
	if best == "" {
		t.Fatalf("%s.%s takes none of the samples: add one", name, p.Name)
	}
	return best
}

// equal compares what modules hold.
func equal(a, b module.Module) bool {
	return cmp.Equal(a, b, cmp.Exporter(func(reflect.Type) bool { return true }),
		cmp.Comparer(func(a, b *regexp.Regexp) bool { return fmt.Sprint(a) == fmt.Sprint(b) }),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().Type().Kind() == reflect.Func }, cmp.Ignore()))
}

// isSet reports whether the router's own module has the sample of a parameter: setting it once
// more changes nothing.
func isSet(t *testing.T, list []module.Module, name string, p module.Param) bool {
	t.Helper()
	all := func() module.Module {
		m := fresh(t, name)
		for _, x := range m.Params() {
			set(t, x, sample(t, name, x))
		}
		return m
	}
	without := fresh(t, name)
	for _, x := range without.Params() {
		if x.Name != p.Name {
			set(t, x, sample(t, name, x))
		}
	}
	ours := named(t, list, name)
	return equal(ours, all()) || equal(without, all()) // a value that changes nothing is always in force
}

func set(t *testing.T, p module.Param, written string) {
	t.Helper()
	text := strings.Trim(written, `"`)
	var n int
	_, _ = fmt.Sscan(text, &n)
	if err := p.Set(text, n); err != nil {
		t.Fatal(err)
	}
}

// isAskedFor reports whether a module without work of its own tells others the value of a
// parameter: some method answers otherwise once it is set.
func isAskedFor(t *testing.T, name string, p module.Param) bool {
	t.Helper()
	m := fresh(t, name)
	before := answersOf(m)
	set(t, param(t, m, p.Name), sample(t, name, p))
	return !reflect.DeepEqual(before, answersOf(m))
}

// answersOf are what the methods of a module say that want no argument, but for those that each
// module has.
func answersOf(m module.Module) map[string]any {
	answers := map[string]any{}
	v := reflect.ValueOf(m)
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		if method.Type().NumIn() > 0 || method.Type().NumOut() != 1 || slices.Contains([]string{"Name", "Params", "Funcs", "Vars"}, name) {
			continue
		}
		answers[name] = method.Call(nil)[0].Interface()
	}
	return answers
}

// TestReloadOfValuesOfTheStart: what the router takes from modules when it starts waits for the
// next one, though the modules themselves only have functions, or not even these.
func TestReloadOfValuesOfTheStart(t *testing.T) {
	const tm, ws = "loadmodule \"tm.so\"\n", "loadmodule \"websocket.so\"\n"
	timer := func(seconds int) string { return bare(tm + fmt.Sprintf("modparam(\"tm\", \"fr_timer\", %d)", seconds)) }
	origin := func(host string) string {
		return bare(ws + fmt.Sprintf("modparam(\"websocket\", \"origin\", \"https://%s.example\")", host))
	}
	for name, x := range map[string]struct {
		start string
		steps [][2]string // a script, and what waits
	}{
		"tm": {bare(""), [][2]string{
			{timer(2), "tm.fr_timer"}, {timer(2), "tm.fr_timer"}, {bare(tm), ""},
			{bare(tm + "modparam(\"tm\", \"wt_timer\", 5)"), ""}, {timer(3), "tm.fr_timer"}, {bare(""), ""},
		}},
		"tm taken back": {timer(9), [][2]string{
			{bare(""), "tm.fr_timer"}, {timer(2), "tm.fr_timer"}, {bare(""), "tm.fr_timer"}, {timer(9), ""},
		}},
		"websocket": {bare(""), [][2]string{
			{origin("phone"), "websocket.origin"}, {bare(""), ""}, {origin("phone"), "websocket.origin"},
			{bare(ws + "modparam(\"websocket\", \"keepalive_timeout\", 30)"), "websocket.keepalive_timeout"},
		}},
		"websocket taken back": {origin("phone"), [][2]string{
			{bare(""), "websocket.origin"}, {origin("evil"), "websocket.origin"}, {origin("phone"), ""},
		}},
	} {
		s := newStand(t, x.start)
		for i, step := range x.steps {
			waiting, err := s.rewrite(step[0])
			if err != nil || waiting != step[1] {
				t.Errorf("%s, %d: waiting are %q, want %q, error %v", name, i, waiting, step[1], err)
			}
		}
		if settings := s.d.modules.Tm.Settings(); settings.FrTimer != 0 && settings.FrTimer.Seconds() != 9 {
			t.Errorf("%s: fr_timer became %v while the router works", name, settings.FrTimer)
		}
	}
}

// TestReloadTakesValueBack: a module that only has functions keeps its values while a script leaves
// it out. Taken back without one of them, it is named; another value that it takes is in force.
func TestReloadTakesValueBack(t *testing.T) {
	const process = "loadmodule \"tm.so\"\n%s\nroute { %s t_relay(); }\n"
	with := func(settings string) string {
		return fmt.Sprintf(process, "loadmodule \"maxfwd.so\"\n"+settings, "mf_process_maxfwd_header(10);")
	}
	limit := func(n int) string { return with(fmt.Sprintf("modparam(\"maxfwd\", \"max_limit\", %d)", n)) }
	without := fmt.Sprintf(process, "", "")
	for name, x := range map[string]struct {
		start string
		steps [][3]string // a script, what waits, and Max-Forwards after it
	}{
		"of the start": {limit(20), [][3]string{
			{without, "", "70"}, {with(""), "maxfwd.max_limit", "20"}, {without, "", "70"}, {limit(40), "", "40"},
			{without, "", "70"}, {with(""), "maxfwd.max_limit", "40"}, {limit(20), "", "20"},
		}},
		"of a reload": {without, [][3]string{
			{limit(30), "", "30"}, {without, "", "70"}, {with(""), "maxfwd.max_limit", "30"}, {limit(30), "", "30"}, {limit(50), "", "50"}, {without, "", "70"}, {limit(30), "", "30"},
		}},
		"without a value": {with(""), [][3]string{{without, "", "70"}, {limit(30), "", "30"}, {with(""), "maxfwd.max_limit", "30"}}},
	} {
		s := newStand(t, x.start)
		alice, bob := s.phone("alice"), s.phone("bob")
		for i, step := range x.steps {
			waiting, err := s.rewrite(step[0])
			if err != nil || waiting != step[1] {
				t.Errorf("%s, %d: waiting are %q, want %q, error %v", name, i, waiting, step[1], err)
			}
			id := fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), i)
			alice.send(alice.request("OPTIONS", "sip:bob@"+bob.conn.LocalAddr().String(), id, 1, ""))
			request := bob.expect("OPTIONS ")
			if got := string(request.HeaderValue(sip.HdrMaxForwards)); got != step[2] {
				t.Errorf("%s, %d: Max-Forwards is %s, want %s", name, i, got, step[2])
			}
			bob.answer(request, 200)
			alice.expect("SIP/2.0 200")
		}
	}
}
