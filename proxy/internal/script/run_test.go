package script

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
)

// TestFlow runs scripts and looks at which functions were called. save returns
// -1, www_challenge 0, every other function 1.
func TestFlow(t *testing.T) {
	for _, x := range []struct{ name, script, want string }{
		{"statements in order", `route { t_newtran(); lookup("location"); t_relay(); }`,
			"t_newtran() lookup(location) t_relay()"},
		{"a false call goes on", `route { save("location"); m_dump(); }`, "save(location) m_dump()"},
		{"a call that returns 0 ends the script", `route { route(1); m_dump(); } route[1] { www_challenge("", "0"); t_relay(); }`,
			"www_challenge(,0)"},
		{"a condition that returns 0 ends the script", `route { if (!www_challenge("", "0")) { t_relay(); } else { t_newtran(); }; m_dump(); }`,
			"www_challenge(,0)"},
		{"if and else", `route { if (save("a")) t_relay(); else m_dump(); }`, "save(a) m_dump()"},
		{"else if", `route { if (save("a")) { t_relay(); } else if (lookup("b")) { m_dump(); } else { t_newtran(); }; }`,
			"save(a) lookup(b) m_dump()"},
		{"semicolon before else", `route { if (save("a")) { t_relay(); }; else { m_dump(); }; }`, "save(a) m_dump()"},
		{"stray semicolons", `route { ;; if (1) { ; m_dump();; };; };`, "m_dump()"},
		{"no body", `route { if (1) ; m_dump(); }`, "m_dump()"},
		{"dangling else", `route { if (0) if (1) m_dump(); else t_relay(); t_newtran(); }`, "t_newtran()"},
		{"and stops early", `route { if (save("a") && lookup("b")) t_relay(); }`, "save(a)"},
		{"and of three", `route { if (lookup("a") && lookup("b") && save("c")) t_relay(); }`, "lookup(a) lookup(b) save(c)"},
		{"or stops early", `route { if (lookup("a") || save("b")) t_relay(); }`, "lookup(a) t_relay()"},
		{"break ends the route block", `route { route(1); m_dump(); } route[1] { if (1) { break; } t_relay(); }`, "m_dump()"},
		{"drop ends the route block", `route { route(1); m_dump(); } route[1] { drop; t_relay(); }`, "m_dump()"},
		{"break with parentheses", `route { break(); t_relay(); }`, ""},
		{"exit ends the script", `route { route(1); m_dump(); } route[1] { exit; }`, ""},
		{"return goes on after the call", `route { route(1); m_dump(); } route[1] { return; t_relay(); }`, "m_dump()"},
		{"return 0 ends the script", `route { route(1); m_dump(); } route[1] { return(0); }`, ""},
		{"return is the value of a route", `route { if (route(1)) m_dump(); if (!route(2)) t_relay(); }
			route[1] { return 1; } route[2] { return -1; }`, "m_dump() t_relay()"},
		{"the last statement is the value of a route", `route { if (!route(1)) m_dump(); if (route(2)) t_relay(); }
			route[1] { lookup("a"); save("a"); } route[2] { save("a"); lookup("a"); }`,
			"lookup(a) save(a) m_dump() save(a) lookup(a) t_relay()"},
		{"a condition is not the value of a route", `route { if (route(1)) m_dump(); } route[1] { if (save("a")) { exit; } }`,
			"save(a) m_dump()"},
		{"retcode", `route { if (!save("a")) { if (retcode == -1) m_dump(); } if (route(1) && retcode == 7) t_relay(); } route[1] { return 7; }`,
			"save(a) m_dump() t_relay()"},
		{"main route with a number", `route[0] { m_dump(); }`, "m_dump()"},
		{"Kamailio's name of it", `request_route { m_dump(); exit; }`, "m_dump()"},
		{"flags", `route { setflag(3); resetflag("3"); setflag(31); if (isflagset(3)) t_relay(); if (isflagset(31)) m_dump(); }`, "m_dump()"},
		{"comments", "route { # one\n m_dump(); // two\n /* t_relay();\n */ }", "m_dump()"},
		{"numbers as arguments", `route { m_store(0); t_reply(202, "Accepted"); }`, "m_store(0) t_reply(202,Accepted)"},
		{"strings", `route { search('\n"'); search("\x41\102\t\"\.\\"); }`, `search(\n") search(AB` + "\t" + `"\.\)`},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := compile(t, x.script, nil)
			p.returns["save"], p.returns["www_challenge"] = module.False, module.Stop
			if got := p.request(invite, stranger); got != x.want {
				t.Errorf("called %q, want %q", got, x.want)
			}
		})
	}
}

// TestHandbookSnippets: the message store of the handbook, as it stands there.
func TestHandbookSnippets(t *testing.T) {
	const script = `
route {
  if (!lookup("location")) {
    if (method == "MESSAGE") {
      if (!t_newtran()) { sl_reply_error(); break; };
      if (m_store("0")) { t_reply("202", "Accepted for Later Delivery"); break; };
      t_reply("503", "Service Unavailable");
      break;
    };
  };
  if (!save("location")) { sl_reply_error(); };
  m_dump();
}`
	message := strings.ReplaceAll(invite, "INVITE", "MESSAGE")
	for _, x := range []struct {
		text, fails, want string
	}{
		{message, "lookup", "lookup(location) t_newtran() m_store(0) t_reply(202,Accepted for Later Delivery)"},
		{message, "lookup m_store", "lookup(location) t_newtran() m_store(0) t_reply(503,Service Unavailable)"},
		{message, "lookup t_newtran", "lookup(location) t_newtran() sl_reply_error()"},
		{message, "save", "lookup(location) save(location) sl_reply_error() m_dump()"},
		{invite, "lookup", "lookup(location) save(location) m_dump()"},
	} {
		p := compile(t, script, nil)
		for name := range strings.FieldsSeq(x.fails) {
			p.returns[name] = module.False
		}
		if got := p.request(x.text, stranger); got != x.want {
			t.Errorf("with %q failing: called %q, want %q", x.fails, got, x.want)
		}
	}
}

// TestReplyRoutes: the general route runs before the armed one; drop discards.
func TestReplyRoutes(t *testing.T) {
	for _, x := range []struct {
		name, script string
		armed        int
		want         string
		keep         bool
	}{
		{"none", `route { ; }`, 0, "", true},
		{"general", `route { ; } onreply_route { search("g"); }`, 0, "search(g)", true},
		{"general and armed", `route { ; } onreply_route { search("g"); exit; } onreply_route[4] { search("4"); }`, 4, "search(g) search(4)", true},
		{"an armed route that a reload took away", `route { ; }`, 9, "", true},
		{"break keeps the response", `route { ; } onreply_route[4] { break; }`, 4, "", true},
		{"drop discards it", `route { ; } onreply_route[4] { drop; search("no"); }`, 4, "", false},
		{"drop in the general route", `route { ; } onreply_route { drop; } onreply_route[4] { search("no"); }`, 4, "", false},
		{"drop in a route called from there", `route { ; } onreply_route[4] { route(1); search("no"); } route[1] { if (1) { drop; } }`, 4, "", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := compile(t, x.script, nil)
			keep := p.prog.Reply(p.message(ringing, stranger), x.armed)
			if got := strings.Join(p.calls, " "); got != x.want || keep != x.keep {
				t.Errorf("called %q, kept %v; want %q, %v", got, keep, x.want, x.keep)
			}
		})
	}
}

// TestFailureRoute: the number picks the route, and c.Route tells modules where they are.
func TestFailureRoute(t *testing.T) {
	p := compile(t, `route { ; } failure_route[1] { m_store("1"); } failure_route[2] { m_store("2"); route(5); } route[5] { t_relay(); }`, nil)
	for number, want := range map[int]string{1: "m_store(1)", 2: "m_store(2) t_relay()", 3: ""} {
		p.calls = nil
		r := p.message(invite, stranger)
		p.prog.Failure(r, number)
		if got := strings.Join(p.calls, " "); got != want {
			t.Errorf("failure route %d called %q, want %q", number, got, want)
		}
		if number < 3 && ctx(r).Route != module.FailureRoute {
			t.Errorf("failure route %d: c.Route is %d", number, ctx(r).Route)
		}
	}
}

// TestPanic: a fault of a module costs its message a 500 and the log a line; the
// next message is served.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	st := newStage()
	faulty := true
	bug := module.Func{Name: "bug", Routes: module.AnyRoute, Compile: func([]module.Arg) (module.Call, error) {
		return func(*module.Ctx) int {
			if faulty {
				panic("index out of range")
			}
			st.calls = append(st.calls, "bug()")
			return 1
		}, nil
	}}
	prog, problems := Compile("bug.cfg", []byte(`loadmodule "bug.so" route { bug(); } onreply_route { bug(); }`), Options{
		Modules: []module.Module{&fake{name: "bug", funcs: []module.Func{bug}}}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p := compile(t, "route { ; }", nil)
	*p.prog = *prog
	p.receive(invite)
	if len(p.sent) != 1 || !strings.HasPrefix(p.sent[0], "SIP/2.0 500 ") || !strings.Contains(p.sent[0], "\r\nCall-ID: call-1\r\n") {
		t.Errorf("sent %q, want a 500 of call-1", p.sent)
	}
	for _, want := range []string{"panic in worker", "call_id=call-1", "index out of range"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
	if !prog.Reply(p.message(ringing, stranger), 0) {
		t.Error("a response is lost where its route panics")
	}
	faulty = false
	p.receive(strings.Replace(invite, "z9hG4bK1", "z9hG4bK3", 1))
	if len(st.calls) != 1 {
		t.Errorf("after the panic the script was not run: %v", st.calls)
	}
}

// TestLog: log and error write one line with the Call-ID, at SER's levels.
func TestLog(t *testing.T) {
	var log bytes.Buffer
	p := compile(t, `route { log("quiet"); log(1, "a warning\n"); log(L_ERR, "an error"); error("one", "two"); }`,
		slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})))
	log.Reset()
	p.request(invite, stranger)
	var lines []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(line, "level=")
		lines = append(lines, strings.TrimSpace(line))
	}
	want := []string{`WARN msg="a warning" call_id=call-1`, `ERROR msg="an error" call_id=call-1`, `WARN msg="one: two" call_id=call-1`}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("logged\n%s", got)
	}
}
