package script

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"seraph/deploy"
	"seraph/proxy/internal/module"
)

// TestDump: what is printed is what was read, includes and defines in place, without
// the passwords.
func TestDump(t *testing.T) {
	f := files{"/etc/main.cfg": `#!define PORT 5070
port=PORT
listen=udp:127.0.0.1:PORT advertise example.org
alias=example.org "example.net"
loadmodule "/usr/lib/ser/modules/tm.so"
loadmodule "tm"
loadmodule "auth.so"
loadmodule "usrloc.so"
modparam("usrloc", "db_url", "mysql://ser:hunter2@localhost/ser")
modparam("auth", "secret", "hunter2")
modparam("tm", "fr_timer", 15)
include_file "more.cfg"
route {
	if (method == INVITE && !uri == myself || src_ip == 10.0.0.0/8) route(X); else if ($rU == "a\"b\\c") { $var(x) = ($var(x) + 1) * 2; } else { exit; };
	switch ($rm) { case "ACK": case 5: break; default: t_relay(); }
	while ($var(i) < 3) $var(i) = $var(i) + 1;
	append_branch("sip:x@http://u:hunter2@h");
}`, "/etc/more.cfg": "route[X] { return(-1); }"}
	const want = `port=5070
listen=udp:127.0.0.1:5070 advertise example.org
alias=example.org "example.net"
loadmodule "tm.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
# A password is left out of the next line: put it in before this script is used.
modparam("usrloc", "db_url", "***")
# A password is left out of the next line: put it in before this script is used.
modparam("auth", "secret", "***")
modparam("tm", "fr_timer", 15)

route[X] {
	return(-1);
}

route {
	if ((method == INVITE && !(uri == myself)) || src_ip == 10.0.0.0/8) {
		route(X);
	} else if ($rU == "a\"b\\c") {
		$var(x) = ($var(x) + 1) * 2;
	} else {
		exit;
	}
	switch ($rm) {
	case "ACK":
	case 5:
		break;
	default:
		t_relay();
	}
	while ($var(i) < 3) {
		$var(i) = $var(i) + 1;
	}
	append_branch("sip:x@http://u:***@h");
}
`
	text := strings.Replace(f["/etc/main.cfg"], `	append_branch("sip:x@http://u:hunter2@h");`+"\n", "", 1)
	prog, problems := Compile("/etc/main.cfg", []byte(text), Options{Read: f.read, Modules: newStage().modules()})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	if diff := cmp.Diff(strings.Replace(want, "\tappend_branch(\"sip:x@http://u:***@h\");\n", "", 1), prog.Dump()); diff != "" {
		t.Errorf("the dump differs (-want +got):\n%s", diff)
	}
}

// strict is a module whose parameters take nothing.
type strict struct{ module.Module }

func (s strict) Params() []module.Param {
	list := slices.Clone(s.Module.Params())
	for i := range list {
		list[i].Set = func(string, int) error { return errors.New("is no good") }
	}
	return list
}

// TestDumpWithoutPasswords: what a dump leaves out is named where it is missed.
func TestDumpWithoutPasswords(t *testing.T) {
	modules := newStage().modules()
	for i, m := range modules {
		if m.Name() == "auth" {
			modules[i] = strict{m}
		}
	}
	_, problems := Compile("d.cfg", []byte("loadmodule \"auth.so\"\nmodparam(\"auth\", \"secret\", \"***\")\nroute { break; }\n"), Options{Modules: modules})
	if got, want := texts(problems), "d.cfg:2:28: parameter secret of auth: *** stands where --dump has left a password out: write it here"; !strings.Contains(got, want) {
		t.Errorf("problems are\n%s\nwant %s", got, want)
	}
}

// TestDumpReadsBack: the dump of each script at hand is a script whose dump is the same.
func TestDumpReadsBack(t *testing.T) {
	scripts := map[string]string{"the embedded script": deploy.Script()}
	for _, name := range []string{"ser08", "ser09", "kamailio5"} {
		text, err := os.ReadFile("testdata/scripts/" + name + ".cfg")
		if err != nil {
			t.Fatal(err)
		}
		scripts[name] = string(text)
	}
	for name, text := range scripts {
		first, problems := Compile("a.cfg", []byte(text), Options{Modules: newStage().modules(), Read: os.ReadFile})
		if len(problems) > 0 {
			t.Fatal(name, texts(problems))
		}
		second, problems := Compile("b.cfg", []byte(first.Dump()), Options{Modules: newStage().modules()})
		if len(problems) > 0 {
			t.Fatalf("%s: the dump is\n%s\n%s", name, first.Dump(), texts(problems))
		}
		if diff := cmp.Diff(first.Dump(), second.Dump()); diff != "" {
			t.Errorf("%s: the dumps differ:\n%s", name, diff)
		}
	}
}

// TestDumpRoundTrip: any tree, printed and read, is the same tree.
func TestDumpRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &file{}
		for range rapid.IntRange(1, 3).Draw(t, "routes") {
			r := &route{kind: rapid.SampledFrom([]module.Routes{module.RequestRoute, module.FailureRoute, module.ReplyRoute, module.BranchRoute}).Draw(t, "kind"),
				name: rapid.SampledFrom([]string{"1", "22", "NAME", "a-b.c", "with blank", "ü"}).Draw(t, "name")}
			r.body = drawStmts(t, 3)
			want.routes = append(want.routes, r)
		}
		want.globals = []global{{name: "alias", values: []value{drawString(t), {text: "example.org:5060"}}}}
		want.loads = []load{{path: "tm.so"}}
		want.modparams = []modparam{{module: drawString(t), param: drawString(t), value: drawValue(t)}}
		d := &printer{}
		d.file(want)
		text := d.b.String()
		report := newReport("dump.cfg", text)
		got := parse(newReader("dump.cfg", text, report, nil))
		if problems := report.problems(); len(problems) > 0 {
			t.Fatalf("%s\n%s", text, texts(problems))
		}
		opts := cmp.Options{cmp.AllowUnexported(file{}, global{}, value{}, load{}, modparam{}, route{}, ifStmt{}, arm{}, switchStmt{}, caseArm{}, whileStmt{},
			assignStmt{}, leaveStmt{}, call{}, conj{}, disj{}, not{}, compare{}, relation{}, arith{}, literal{}, variable{}),
			cmpopts.IgnoreTypes(Pos{}), cmpopts.EquateEmpty()}
		want.foreign = got.foreign // noted by the reader
		if diff := cmp.Diff(want, got, opts); diff != "" {
			t.Fatalf("%s\nread back (-want +got):\n%s", text, diff)
		}
	})
}

func drawString(t *rapid.T) value {
	return value{text: rapid.StringOf(rapid.RuneFrom([]rune("ab\"\\'\n\t\r\x01\x7f$/{};#xn0ü "))).Draw(t, "text"), quoted: true}
}

func drawNumber(t *rapid.T) value {
	n := rapid.IntRange(-9, 2147483647).Draw(t, "number")
	return value{text: itoa(n), num: n, number: true}
}

// drawValue draws what may stand as an argument.
func drawValue(t *rapid.T) value {
	switch rapid.IntRange(0, 2).Draw(t, "kind of value") {
	case 0:
		return drawNumber(t)
	case 1:
		return value{text: drawVariable(t), variable: true}
	}
	return drawString(t)
}

func drawVariable(t *rapid.T) string {
	return rapid.SampledFrom([]string{"$ru", "$(rU)", "$var(x)", "$hdr(To)", "$(avp(x))"}).Draw(t, "variable")
}

func drawStmts(t *rapid.T, depth int) []stmt {
	var list []stmt
	for range rapid.IntRange(0, 3).Draw(t, "statements") {
		list = append(list, drawStmt(t, depth))
	}
	return list
}

func drawStmt(t *rapid.T, depth int) stmt {
	kind := rapid.IntRange(0, 6).Draw(t, "kind of statement")
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return &assignStmt{name: drawVariable(t), value: drawVal(t, 3)}
	case 1:
		return &leaveStmt{word: rapid.SampledFrom([]string{"break", "drop", "exit", "return"}).Draw(t, "word"), code: 1}
	case 2:
		if rapid.Bool().Draw(t, "value") {
			return &leaveStmt{word: "return", code: 1, value: &arith{op: "+", left: drawVal(t, 1), right: drawVal(t, 1)}}
		}
		return &leaveStmt{word: "return", code: rapid.IntRange(-5, 5).Draw(t, "code")}
	case 3:
		return drawCall(t)
	case 4:
		s := &ifStmt{}
		for range rapid.IntRange(1, 3).Draw(t, "arms") {
			s.arms = append(s.arms, arm{drawCond(t, 3), drawStmts(t, depth-1)})
		}
		s.els = drawStmts(t, depth-1)
		return s
	case 5:
		return &whileStmt{cond: drawCond(t, 3), body: drawStmts(t, depth-1)}
	}
	s := &switchStmt{value: drawVal(t, 2)}
	for range rapid.IntRange(0, 3).Draw(t, "cases") {
		c := caseArm{other: rapid.Bool().Draw(t, "default"), body: drawStmts(t, depth-1)}
		if !c.other {
			if c.value = drawString(t); rapid.Bool().Draw(t, "number") {
				c.value = drawNumber(t)
			}
		}
		s.cases = append(s.cases, c)
	}
	return s
}

func drawCall(t *rapid.T) *call {
	c := &call{name: rapid.SampledFrom([]string{"t_relay", "route", "f2"}).Draw(t, "function"), parens: true}
	for range rapid.IntRange(0, 3).Draw(t, "arguments") {
		c.args = append(c.args, drawValue(t))
	}
	return c
}

// drawVal draws a value.
func drawVal(t *rapid.T, depth int) expr {
	kind := rapid.IntRange(0, 3).Draw(t, "kind of value")
	switch {
	case kind == 0 && depth > 0:
		return &arith{op: rapid.SampledFrom([]string{"+", "-", "*", "/", "%"}).Draw(t, "operator"), left: drawVal(t, depth-1), right: drawVal(t, depth-1)}
	case kind == 1:
		return &literal{drawNumber(t)}
	case kind == 2:
		return &literal{drawString(t)}
	}
	return &variable{text: drawVariable(t)}
}

// drawCond draws a condition.
func drawCond(t *rapid.T, depth int) expr {
	kind := rapid.IntRange(0, 6).Draw(t, "kind of condition")
	if depth == 0 {
		kind = 3 + kind%4
	}
	switch kind {
	case 0, 1:
		list := []expr{drawCond(t, depth-1), drawCond(t, depth-1)}
		if kind == 0 {
			return &conj{list}
		}
		return &disj{list}
	case 2:
		return &not{drawCond(t, depth-1)}
	case 3:
		return &relation{op: rapid.SampledFrom([]string{"==", "!=", "=~", "!~", "<", ">", "<=", ">="}).Draw(t, "relation"), left: drawVal(t, 2), right: drawVal(t, 2)}
	case 4:
		return drawCall(t)
	case 5:
		return rapid.SampledFrom([]expr{
			&compare{subject: "method", op: "==", value: value{text: "INVITE"}},
			&compare{subject: "uri", op: "!=", value: value{text: "myself"}},
			&compare{subject: "src_ip", op: "==", value: value{text: "2001:db8::/32"}},
			&compare{subject: "src_ip", op: "==", value: value{text: "10.0.0.0/255.0.0.0"}},
			&compare{subject: "msg:len", op: ">=", value: value{text: "max_len"}},
			&compare{subject: "src_port", op: "<", value: value{text: "5", num: 5, number: true}},
		}).Draw(t, "comparison")
	}
	return &variable{text: drawVariable(t)}
}
