package script

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/relay"
)

// noting is a module whose function note("text") tells the test what its variables hold.
func noting(notes *[]string) module.Module {
	return &fake{name: "note", funcs: []module.Func{{Name: "note", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true,
		Compile: func(args []module.Arg) (module.Call, error) {
			f, literal, err := args[0].Format()
			if err != nil {
				return nil, err
			}
			return func(c *module.Ctx) int {
				text := literal
				if f != nil {
					text = string(f.Text(c, "<null>"))
				}
				*notes = append(*notes, text)
				return module.True
			}, nil
		}}}}
}

// told compiles a script that loads the module note, and returns it with its engine.
func told(t testing.TB, text string) (p *play, notes *[]string) {
	t.Helper()
	return toldBy(t, loads+`loadmodule "note.so"`+"\n"+text, nil)
}

// toldBy is told for a whole script, with a log.
func toldBy(t testing.TB, text string, log *slog.Logger) (p *play, notes *[]string) {
	t.Helper()
	notes = &[]string{}
	prog, problems := Compile("note.cfg", []byte(text), Options{Modules: append(newStage().modules(), noting(notes)), Log: log})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	p = compile(t, "route { ; }", nil)
	p.prog = prog
	p.engine.SetHooks(prog)
	return p, notes
}

// notesOf runs the statements of a main route on the INVITE.
func notesOf(t testing.TB, statements string) string {
	t.Helper()
	p, notes := told(t, "route {\n"+statements+"\n}")
	p.prog.Request(p.message(invite, stranger))
	return strings.Join(*notes, " | ")
}

// TestValues: what expressions come to.
func TestValues(t *testing.T) {
	for expr, want := range map[string]string{
		`5`:                           "5",
		`-5`:                          "-5",
		`0x10`:                        "16",
		`010`:                         "8",
		`0`:                           "0",
		`"text"`:                      "text",
		`"a" + "b" + 3`:               "ab3",
		`1 + 2 * 3`:                   "7",
		`(1 + 2) * 3`:                 "9",
		`7 / 2`:                       "3",
		`7 % 4`:                       "3",
		`7 mod 4`:                     "3",
		`10 - 2 - 3`:                  "5",
		`10-$var(none)`:               "10",
		`1 + "2"`:                     "3",
		`"1" + 2`:                     "12",
		`$var(none) + 1`:              "1",
		`$var(none) + "x"`:            "x",
		`1 + "x"`:                     "<null>",
		`1 / 0`:                       "<null>",
		`1 % 0`:                       "<null>",
		`$null`:                       "<null>",
		`"sip:" + $rU + "@" + $rd`:    "sip:Bob@example.org",
		`$ru`:                         "sip:Bob@example.org;user=phone",
		`$rp`:                         "5060",
		`$rz`:                         "sip",
		`$fu`:                         "sip:alice@example.net",
		`$fU + "/" + $fd + "/" + $ft`: "alice/example.net/1",
		`$tU + "/" + $td`:             "bob/example.org",
		`$tt`:                         "<null>",
		`$si + ":" + $sp`:             "192.0.2.7:5070",
		`$Ri + ":" + $Rp`:             "127.0.0.1:5060",
		`$pr`:                         "udp",
		`$proto`:                      "udp",
		`$rm`:                         "INVITE",
		`$ci`:                         "call-1",
		`$cs + 1`:                     "2",
		`$ua`:                         "<null>",
		`$hdr(Call-ID)`:               "call-1",
		`$(hdr(Call-ID))`:             "call-1",
		`$hdr(X-None)`:                "<null>",
		`$bs`:                         "0",
		`$rs`:                         "<null>",
		`$T_reply_code`:               "<null>",
		`$ou`:                         "sip:Bob@example.org;user=phone",
		`9223372036 * 9223372036`:     "refused",
		`2147483647 * 2147483647`:     "4611686014132420609",
		`2147483647*2147483647*100`:   "<null>",
		`"a" + (1 + 2) + ("b" + $si)`: "a3b192.0.2.7",
		`$si + $Ri + $pr + $si`:       "192.0.2.7127.0.0.1udp192.0.2.7",
		`$var(none) + $var(none)`:     "0",
		`"x" + $null`:                 "x",
		`$avp(none)`:                  "<null>",
		`$rc`:                         "1",
		`$ml > 5`:                     "refused",
		`(1 && 1)`:                    "refused",
	} {
		t.Run(expr, func(t *testing.T) {
			text := loads + `loadmodule "note.so"` + "\nroute { $var(x) = " + expr + `; note("$var(x)"); }`
			var notes []string
			prog, problems := Compile("value.cfg", []byte(text), Options{Modules: append(newStage().modules(), noting(&notes))})
			if want == "refused" {
				if len(problems) == 0 {
					t.Error("the script was taken")
				}
				return
			}
			if len(problems) > 0 {
				t.Fatal(texts(problems))
			}
			p := compile(t, "route { ; }", nil)
			prog.Request(p.message(invite, stranger))
			if got := strings.Join(notes, " "); got != want {
				t.Errorf("%s is %q, want %q", expr, got, want)
			}
		})
	}
}

// TestRelations: what comparisons of values come to.
func TestRelations(t *testing.T) {
	for _, x := range []struct {
		cond string
		want bool
	}{
		{`$rU == "bob"`, true}, // case does not count
		{`$rU == "alice"`, false},
		{`$rU != "alice"`, true},
		{`"bob" == $tU`, true},
		{`$rU == $tU`, true},
		{`$sp == 5070`, true},
		{`$sp == "5070"`, true},
		{`$sp == "x"`, false},
		{`$sp > 5000 && $sp < 6000 && $sp >= 5070 && $sp <= 5070`, true},
		{`$rU > 5`, false},
		{`$rU < 5`, true}, // as 0
		{`$rU >= 0 && $rU <= 0 && 5 > $rU && !(0 > $rU)`, true},
		{`$var(x) < 1 && $var(x) > -1`, true},
		{`$tU + "1" == 1`, false},
		{`"0" + $sp == 5070`, false}, // texts, as the left side is one
		{`$sp == "0" + $sp`, true},
		{`5070 == "0" + $sp`, true},
		{`$rU == 0`, false},
		{`0 == $rU`, true}, // as in Kamailio
		{`$sp - 5070 == ""`, false},
		{`$sp - 5070 != ""`, true},
		{`"" + "" == ""`, true},
		{`$var(x) == $null`, true},
		{`$var(x) != $null`, false},
		{`$null == $var(x)`, true},
		{`$rU == $null`, false},
		{`$var(x) == 0`, true},
		{`$var(x) == ""`, true},
		{`$var(x)`, false},
		{`!$var(x)`, true},
		{`$rU`, false}, // no number
		{`$sp - 5070`, false},
		{`$rU =~ "^BO"`, true},
		{`$rU !~ "^BO"`, false},
		{`$sp =~ "^50"`, true},
		{`$var(x) =~ "."`, false},
		{`$var(x) !~ "."`, true},
		{`($sp + 1) == 5071`, true},
		{`($rU == "bob" || $rU == "eve") and not ($fU == "bob")`, true},
		{`!($rU == "bob")`, false},
		{`!($rU == "bob") || $rd == "x"`, false},
		{`!$var(x) & !isflagset(1)`, true},
		{`$sp == 5070 & $rU == "bob"`, true},
		{`$sp == 1 | ($rU == "bob" && !isflagset(1))`, true},
		{`-1 < 0`, true},
	} {
		want := "no"
		if x.want {
			want = "yes"
		}
		if got := notesOf(t, "if ("+x.cond+`) { note("yes"); } else { note("no"); }`); got != want {
			t.Errorf("%s: %s, want %s", x.cond, got, want)
		}
	}
}

// TestStatements: assignments, switch, while, return.
func TestStatements(t *testing.T) {
	for _, x := range []struct{ name, statements, want string }{
		{"assign", `$var(a) = 1; $var(a) = $var(a) + 1; note("$var(a)");`, "2"},
		{"remove", `$var(a) = 1; $var(a) = $null; note("$var(a)");`, "<null>"},
		{"avp", `$avp(a) = "x"; $avp(b) = 5; $avp(a) = $avp(a) + $avp(b); note("$avp(a) $avp(b) $avp(s:a)");`, "x5 5 x5"},
		{"avp removed", `$avp(a) = "x"; $avp(b) = 5; $avp(a) = $null; note("$avp(a) $avp(b)");`, "<null> 5"},
		{"Request-URI", `$ru = "sip:eve@192.0.2.9:5080"; note("$ru $rU $rd $rp $ou");`, "sip:eve@192.0.2.9:5080 eve 192.0.2.9 5080 sip:Bob@example.org;user=phone"},
		{"its user", `$rU = "00" + $rU; note("$ru");`, "sip:00Bob@example.org;user=phone"},
		{"its user from a number", `$rU = 110; note("$ru");`, "sip:110@example.org;user=phone"},
		{"its user, beside a password", `$ru = "sip:a:pw@h.example;x"; $rU = "d"; note("$ru"); $rU = $null; note("$ru");`, "sip:d:pw@h.example;x | sip:h.example;x"},
		{"its user removed", `$rU = $null; note("$ru");`, "sip:example.org;user=phone"},
		{"its host", `$rd = "example.net"; note("$ru");`, "sip:Bob@example.net;user=phone"},
		{"its host and port", `$rd = "192.0.2.1:5080"; note("$ru"); $rd = "[2001:db8::1]:5090"; note("$ru"); $rd = "h.example"; note("$ru");`, "sip:Bob@192.0.2.1:5080;user=phone | sip:Bob@[2001:db8::1]:5090;user=phone | sip:Bob@h.example:5090;user=phone"},
		{"removed by an empty text", `$rd = "h:5080"; $rp = ""; $du = "sip:192.0.2.9"; $du = ""; $rU = ""; note("$ru $du");`, "sip:h;user=phone <null>"},
		{"of another scheme", `$ru = "urn:service:sos"; note("$ru"); $ru = "tel:110"; note("$ru"); $ru = "sip:5060"; note("$ru");`, "urn:service:sos | tel:110 | sip:5060"},
		{"its port", `$rp = 5080; note("$ru"); $rp = $null; note("$ru");`, "sip:Bob@example.org:5080;user=phone | sip:Bob@example.org;user=phone"},
		{"the next hop", `$du = "sip:192.0.2.9;transport=tcp"; note("$du"); $du = $null; note("$du");`, "sip:192.0.2.9;transport=tcp | <null>"},
		{"flags of the branch", `setbflag(3); if (isbflagset(3) && !isbflagset(4) && !isflagset(3)) { note("set"); } resetbflag(3); if (!isbflagset(3)) { note("reset"); }`, "set | reset"},
		{"a refused value changes nothing", `$var(x) = "x"; $ru = $var(x); $rU = $fu; $rd = $var(x) + ";b"; $rd = $var(x) + ":70000"; $rd = $var(x) + "?a"; $rd = $hdr(X-None); $rp = $sp * 100; $rp = $var(x); $rp = $sp - $sp; $du = $var(x); $ru = $si + ":5060"; $ru = "gw:" + $sp; note("$ru $du");`, "sip:Bob@example.org;user=phone <null>"},
		{"switch", `switch ($rm) { case "ACK": note("ack"); break; case "INVITE": note("invite"); break; default: note("other"); } note("end");`, "invite | end"},
		{"switch runs on", `switch ($sp) { case 1: note("1"); case 5070: note("5070"); case 2: note("2"); break; default: note("other"); }`, "5070 | 2"},
		{"switch by a number", `switch ("0" + $sp) { case 5070: note("5070"); break; default: note("other"); } switch ($sp) { case "05070": note("05070"); break; default: note("other"); }`, "5070 | other"},
		{"switch by nonsense", `switch ($rU) { case 0: note("0"); break; default: note("other"); } switch ($var(x)) { case "x": note("x"); case "": note("none"); }`, "0 | none"},
		{"switch by default", `switch ($rU) { default: note("other"); case "x": note("x"); }`, "other | x"},
		{"switch without a case that fits", `switch ($rU) { case "x": note("x"); } note("end");`, "end"},
		{"empty switch", `switch ($rU) { } note("end");`, "end"},
		{"break within if within switch", `switch (1) { case 1: if (1) { break; } note("no"); } note("end");`, "end"},
		{"while", `while ($var(i) < 3) { $var(i) = $var(i) + 1; note("$var(i)"); }`, "1 | 2 | 3"},
		{"while with break", `while (1) { $var(i) = $var(i) + 1; if ($var(i) == 2) break; note("$var(i)"); } note("end");`, "1 | end"},
		{"while is bounded", `while (1) { $var(i) = $var(i) + 1; } note("$var(i)");`, "100"},
		{"exit within while", `while (1) { exit; } note("no");`, ""},
		{"dollar signs", `note("$$ru costs 5$ or $5 $(rU)s");`, "$ru costs 5$ or $5 Bobs"},
		{"rewriting with variables", `rewriteuser("00$rU"); rewritehost("$var(none)x"); rewriteport("50$(cs)0"); note("$ru");`, "sip:00Bob@x:5010;user=phone"},
		{"rewriting what is not well formed", `rewriteuri("$var(none)"); rewriteuser("$fu"); rewritehost("a;$rU"); rewriteport("$rU"); prefix("$var(none)"); note("$ru");`, "sip:Bob@example.org;user=phone"},
		{"rewriting the whole", `rewriteuri("sip:$fU@$rd"); note("$ru");`, "sip:alice@example.org"},
		{"rewriting with a bare variable", `$var(u) = "eve"; rewriteuser($var(u)); note("$ru");`, "sip:eve@example.org;user=phone"},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := notesOf(t, x.statements); got != x.want {
				t.Errorf("%s\nnotes %q, want %q", x.statements, got, x.want)
			}
		})
	}
}

// TestNamedRoutes: names in brackets, with and without quotes, and what they return.
func TestNamedRoutes(t *testing.T) {
	p, notes := told(t, `
request_route {
	route("AUTH"); note("$rc"); route(NAT-1); note("$rc");
	if (!route(FALSE)) { note("false"); }
	$var(n) = -7; route(VALUE); note("$rc");
	route(LAST); note("no");
}
route[AUTH] { note("auth"); return; }
route["NAT-1"] { note("nat"); return(5); }
route[FALSE] { return -1; }
route[VALUE] { return $var(n) + 2; }
route[LAST] { note("last"); return(0); }`)
	p.prog.Request(p.message(invite, stranger))
	if got, want := strings.Join(*notes, " "), "auth 1 nat 5 false -5 last"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
}

// TestVariablesEndWithTheMessage: $var does not live on into the next message.
func TestVariablesEndWithTheMessage(t *testing.T) {
	p, notes := told(t, `route { note("$var(x)"); $var(x) = "mine"; }`)
	r := p.message(invite, stranger)
	p.prog.Request(r)
	p.prog.Request(r)
	if got := strings.Join(*notes, " "); got != "<null> <null>" {
		t.Errorf("notes %q", got)
	}
}

// tmModule is a tm that relays and arms, whose t_on_… take the numbers of the compiler.
func tmModule() module.Module {
	arm := func(name string, set func(c *module.Ctx, n int)) module.Func {
		return module.Func{Name: name, Min: 1, Max: 1, Routes: module.AnyRoute, Compile: func(args []module.Arg) (module.Call, error) {
			n, err := args[0].Int(0, 1<<16)
			return func(c *module.Ctx) int { set(c, n); return module.True }, err
		}}
	}
	m := relaying().(*fake)
	m.funcs = []module.Func{m.funcs[0],
		arm("t_on_failure", func(c *module.Ctx, n int) { c.OnFailure = n }),
		arm("t_on_reply", func(c *module.Ctx, n int) { c.OnReply = n }),
		arm("t_on_branch", func(c *module.Ctx, n int) { c.OnBranch = n }),
	}
	return m
}

// relayed compiles a script that has a tm that relays, and the module note.
func relayed(t testing.TB, text string) (*play, *[]string) {
	t.Helper()
	notes := &[]string{}
	prog, problems := Compile("relay.cfg", []byte("loadmodule \"tm.so\"\nloadmodule \"textops.so\"\nloadmodule \"note.so\"\n"+text),
		Options{Modules: []module.Module{tmModule(), noting(notes), &fake{name: "textops", funcs: []module.Func{adding()}}}})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	p := compile(t, "route { ; }", nil)
	p.prog = prog
	p.engine.SetHooks(prog)
	return p, notes
}

// adding is append_hf.
func adding() module.Func {
	return module.Func{Name: "append_hf", Min: 1, Max: 1, Routes: module.AnyRoute, Dynamic: true, Compile: func(args []module.Arg) (module.Call, error) {
		f, literal, err := args[0].Format()
		return func(c *module.Ctx) int {
			text := []byte(literal)
			if f != nil {
				text = f.Line(c)
			}
			c.Msg.Insert(c.Msg.HeadersEnd(), text)
			return module.True
		}, err
	}}
}

// TestBranchRoute: it runs for each branch, sees that branch's Request-URI, and what it
// changes is that branch's alone; drop leaves a branch out.
func TestBranchRoute(t *testing.T) {
	p, notes := relayed(t, `
route {
	append_branch("sip:two@192.0.2.22");
	append_branch("sip:three@192.0.2.23");
	append_hf("X-All: yes\r\n");
	t_on_branch("OWN");
	$var(n) = "script";
	t_relay();
	note("after $ru $var(n)");
}
branch_route[OWN] {
	note("$T_branch_idx $rU $var(n)");
	append_hf("X-Branch: $T_branch_idx\r\n");
	if ($rU == "two") { drop; }
	if ($rU == "three") { $rU = "drei"; $du = "sip:192.0.2.99"; }
}`)
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
	if got, want := strings.Join(*notes, " | "), "0 one script | 1 two script | 2 three script | after sip:one@192.0.2.21 script"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
	if got := strings.Join(targets(p.sent), " "); got != "sip:one@192.0.2.21 sip:drei@192.0.2.23" {
		t.Errorf("sent to %s", got)
	}
	for i, m := range p.sent {
		if !strings.HasPrefix(m, "INVITE ") {
			continue
		}
		if want := "X-Branch: 0"; strings.Contains(m, "one@") && !strings.Contains(m, want) || strings.Contains(m, "drei@") && !strings.Contains(m, "X-Branch: 2") ||
			strings.Count(m, "X-Branch") != 1 || strings.Count(m, "X-All: yes") != 1 {
			t.Errorf("message %d has the edits of another branch:\n%s", i, m)
		}
	}
}

// TestBranchRouteAfterFailure: the branch route that the request route has armed does not run
// for what the failure route adds, unless that arms it again.
func TestBranchRouteAfterFailure(t *testing.T) {
	for extra, want := range map[string]string{`t_on_branch("B");`: "one | failure | two", "": "one | failure"} {
		p, notes := relayed(t, `
route { t_on_branch("B"); t_on_failure("F"); append_hf("X: all\r\n"); t_relay(); }
failure_route[F] { note("failure"); `+extra+` append_branch("sip:two@192.0.2.22"); t_relay(); }
branch_route[B] { note("$rU"); append_hf("X-For: $rU\r\n"); }`)
		p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
		p.receive(reply(t, p, "486 Busy Here"))
		if got := strings.Join(*notes, " | "); got != want {
			t.Errorf("%q: notes %q, want %q", extra, got, want)
		}
		second := p.sent[len(p.sent)-1]
		if !strings.HasPrefix(second, "INVITE sip:two@192.0.2.22 ") || strings.Contains(second, "X-For: one") ||
			strings.Contains(second, "X-For: two") != (extra != "") || !strings.Contains(second, "X: all") {
			t.Errorf("%q: the second branch is\n%s", extra, second)
		}
	}
}

// TestBranchRouteFault: a fault in a branch route costs the branch route only.
func TestBranchRouteFault(t *testing.T) {
	bug := module.Func{Name: "bug", Routes: module.AnyRoute, Compile: func([]module.Arg) (module.Call, error) {
		return func(*module.Ctx) int { panic("index out of range") }, nil
	}}
	prog, problems := Compile("bug.cfg", []byte("loadmodule \"tm.so\" loadmodule \"bug.so\"\nroute { t_on_branch(1); t_relay(); } branch_route[1] { bug(); }"),
		Options{Modules: []module.Module{tmModule(), &fake{name: "bug", funcs: []module.Func{bug}}}})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	p := compile(t, "route { ; }", nil)
	p.engine.SetHooks(prog)
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
	if got := strings.Join(targets(p.sent), " "); got != "sip:one@192.0.2.21" {
		t.Errorf("sent %q", p.sent)
	}
}

// TestBranchRouteDropsAll: without a branch left nothing is sent and t_relay is false.
func TestBranchRouteDropsAll(t *testing.T) {
	p, notes := relayed(t, `route { t_on_branch(1); if (!t_relay()) { note("false"); } } branch_route[1] { drop; }`)
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
	if len(targets(p.sent)) != 0 || strings.Join(*notes, "") != "false" {
		t.Errorf("sent %q, notes %q", p.sent, *notes)
	}
}

// reply is a response to the request that the router sent.
func reply(t testing.TB, p *play, status string) string {
	t.Helper()
	last := p.sent[len(p.sent)-1]
	via := branchOf.FindStringSubmatch(last)
	if via == nil {
		t.Fatalf("no Via in %q", last)
	}
	return "SIP/2.0 " + status + "\r\n" + via[1] + "\r\n" + strings.Replace(invite[strings.Index(invite, "Via:"):], "org>\r\n", "org>;tag=2\r\n", 1)
}

// TestAVPs: they go with the transaction into its reply and failure routes, and what a
// reply route sets is there in the failure route. $var does not.
func TestAVPs(t *testing.T) {
	p, notes := relayed(t, `
route { $avp(who) = "alice"; $avp(n) = 3; $var(x) = 1; t_on_reply("R"); t_on_failure("F"); t_relay(); }
onreply_route[R] { note("reply $avp(who) $avp(n) $var(x)"); $avp(seen) = $rs; $avp(n) = $null; }
failure_route[F] { note("failure $avp(who) $avp(n) $avp(seen) $T_reply_code $var(x)"); }`)
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
	p.receive(reply(t, p, "486 Busy Here"))
	if got, want := strings.Join(*notes, " | "), "reply alice 3 <null> | failure alice <null> 486 486 <null>"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
}

// TestAVPsAreBounded: what does not fit is refused, and what was there stays.
func TestAVPsAreBounded(t *testing.T) {
	got := notesOf(t, `
	$avp(a) = "0123456789";
	$var(big) = "0123456789abcdef";
	while ($var(i) < 8) { $var(big) = $var(big) + $var(big); $var(i) = $var(i) + 1; }
	note("$ml"); $avp(b) = $var(big); if ($avp(b) == $null) { note("refused"); }
	note("$avp(a)");
	while ($var(i) < 10) { $var(big) = $var(big) + $var(big); $var(i) = $var(i) + 1; }
	if ($var(big) == $null) { note("too long"); }`)
	if want := fmt.Sprintf("%d | refused | 0123456789 | too long", len(invite)); got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
}

// TestReloadKeepsArmedRoutes: a transaction that began before a reload fails into the
// script that it began with; a new one runs the new script.
func TestReloadKeepsArmedRoutes(t *testing.T) {
	const text = `route { t_on_reply("R"); t_on_failure("F"); t_relay(); note("%s request"); }
onreply_route[R] { note("%s reply"); } failure_route[F] { note("%s failure"); }`
	p, notes := relayed(t, strings.ReplaceAll(text, "%s", "old"))
	p.receive(strings.Replace(invite, "Bob@example.org;user=phone", "one@192.0.2.21", 1))
	answer := reply(t, p, "486 Busy Here")
	renewed, problems := Compile("new.cfg", []byte("loadmodule \"tm.so\" loadmodule \"note.so\"\n"+strings.ReplaceAll(text, "%s", "new")),
		Options{Modules: []module.Module{tmModule(), noting(notes)}})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	p.engine.SetHooks(renewed)
	p.receive(answer)
	p.receive(strings.NewReplacer("Bob@example.org;user=phone", "one@192.0.2.21", "z9hG4bK1", "z9hG4bK9", "call-1", "call-9").Replace(invite))
	if got, want := strings.Join(*notes, " | "), "old request | old reply | old failure | new request"; got != want {
		t.Errorf("notes %q, want %q", got, want)
	}
}

// TestLocalRequest: event_route[tm:local-request] sees what our own user agent sends,
// before the main route; its edits hold, and drop keeps the request back.
func TestLocalRequest(t *testing.T) {
	const text = `route { note("main $ua $pr"); t_relay(); } event_route[tm:local-request] { note("event $rm"); append_hf("X-By: us\r\n"); %s }`
	local := strings.Replace(invite, "Bob@example.org;user=phone", "one@127.0.0.1:9", 1)
	inject := func(extra string) (string, error) {
		p, notes := relayed(t, strings.Replace(text, "%s", extra, 1))
		err := p.engine.Inject([]byte(local), &relay.Local{Replied: func(int, []byte) {}})
		return strings.Join(*notes, " | "), err
	}
	if got, err := inject(""); err != nil || got != "event INVITE | main <null> local" {
		t.Errorf("notes %q, error %v", got, err)
	}
	if got, err := inject("drop;"); !errors.Is(err, relay.ErrDropped) || got != "event INVITE" {
		t.Errorf("after drop: notes %q, error %v", got, err)
	}
}

// TestExponentialRoutes: routes that call each other again and again end, with 500, and
// the next message is served.
func TestExponentialRoutes(t *testing.T) {
	var b strings.Builder
	b.WriteString("route { route(1); note(\"done\"); }\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&b, "route[%d] { route(%d); route(%d); }\n", i, i+1, i+1)
	}
	b.WriteString("route[60] { $var(n) = $var(n) + 1; }\n")
	var log bytes.Buffer
	Compile("note.cfg", []byte(strings.Replace(b.String(), "note(\"done\");", "", 1)), Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if !strings.Contains(log.String(), "routes are called so often") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("the log is %s", log.String())
	}
	p, notes := told(t, b.String())
	p.receive(invite)
	if len(*notes) != 0 || len(p.sent) != 1 || !strings.HasPrefix(p.sent[0], "SIP/2.0 500 ") {
		t.Errorf("notes %q, sent %q", *notes, p.sent)
	}
}

// TestNestedLoopsEnd: each loop is bounded, and all of them together are.
func TestNestedLoopsEnd(t *testing.T) {
	p, notes := told(t, "route { "+strings.Repeat("while (1) { ", 20)+`$var(x) = $var(x) + "abcdefghij";`+strings.Repeat("}", 20)+` note("done"); }`)
	p.receive(invite)
	if len(*notes) != 0 || len(p.sent) != 1 || !strings.HasPrefix(p.sent[0], "SIP/2.0 500 ") {
		t.Errorf("notes %q, sent %q", *notes, p.sent)
	}
}

// TestMaxWhileLoops: the setting bounds each loop.
func TestMaxWhileLoops(t *testing.T) {
	p, notes := told(t, `max_while_loops=7
route { while (1) { $var(i) = $var(i) + 1; } note("$var(i)"); }`)
	p.prog.Request(p.message(invite, stranger))
	if got := strings.Join(*notes, ""); got != "7" {
		t.Errorf("%s rounds", got)
	}
	for _, bad := range []string{"0", "10001", "-1", "x"} {
		if _, problems := Compile("x.cfg", []byte("max_while_loops="+bad+"\nroute { ; }"), Options{}); len(problems) == 0 {
			t.Errorf("max_while_loops=%s was taken", bad)
		}
	}
}
