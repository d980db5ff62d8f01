package script

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/modules/textops"
)

// limitedScript compiles a script that has the true textops, and gives it a message.
func limitedScript(t *testing.T, script, message string) (p *play, log string) {
	t.Helper()
	var buf bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&buf, nil))
	p = compile(t, "route { ; }", logger)
	list := []module.Module{textops.New(textops.Config{})}
	prog, problems := Compile("limits.cfg", []byte("max_while_loops=10000\nloadmodule \"textops.so\"\n"+script), Options{Modules: list, Log: logger})
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	*p.prog = *prog
	p.receive(message)
	return p, buf.String()
}

// TestURIIsBounded: a loop does not make a Request-URI that nobody can send, nor work that
// nobody waits for.
func TestURIIsBounded(t *testing.T) {
	p := compile(t, "route { ; }", nil)
	r := p.message(invite, stranger)
	prog := compile(t, "max_while_loops=10000\n"+`route { while (1) { if (!prefix("1234567890")) { return; }; }; }`, nil)
	prog.prog.Request(r)
	if n := len(r.Main.URI); n < 4<<10 || n > 8<<10 {
		t.Errorf("the Request-URI has %d bytes", n)
	}
	if s := ctx(r).Steps; s < 200000 {
		t.Errorf("the loop has cost %d steps", s)
	}
}

// TestLongTextsAreSteps: what is searched or written counts, so that a long message and a
// loop do not keep a worker for seconds. The sender hears of it, in one line of the log.
func TestLongTextsAreSteps(t *testing.T) {
	long := strings.Replace(invite, "Content-Length: 0\r\n\r\n", "Content-Length: 50000\r\n\r\n"+strings.Repeat("x", 50000), 1)
	for _, c := range []struct{ name, script, message string }{
		{"search", `route { while (1) { search("nothing.*at all"); }; }`, long},
		{"search at lines", `route { while (1) { search("^Nothing:.*x"); }; }`, long},
		{"prefix", `route { while (1) { while (1) { prefix("123"); }; }; }`, invite},
		{"$rU", `route { while (1) { while (1) { $rU = $rU + "123"; }; }; }`, invite},
		{"append_to_reply", `route { while (1) { while (1) { append_to_reply("X-Long: 0123456789012345678901234567890123456789\r\n"); }; }; }`, invite},
		{"append_hf", `route { while (1) { while (1) { append_hf("X-Long: 0123456789012345678901234567890123456789\r\n"); }; }; }`, invite},
	} {
		p, log := limitedScript(t, c.script, c.message)
		if len(p.sent) != 1 || !strings.HasPrefix(p.sent[0], "SIP/2.0 500 ") {
			t.Errorf("%s: sent %.100q, want 500", c.name, p.sent)
		}
		if strings.Contains(strings.Join(p.sent, ""), "X-Long") {
			t.Errorf("%s: the 500 bears what the script has put into replies", c.name)
		}
		if n := strings.Count(log, "too many steps"); n != 1 || strings.Contains(log, "panic") || strings.Count(log, "\n") > 2 {
			t.Errorf("%s: the log says %.500s", c.name, log)
		}
	}
}

// TestSearchSteps: how much one search of a long message costs.
func TestSearchSteps(t *testing.T) {
	long := strings.Replace(invite, "Content-Length: 0\r\n\r\n", "Content-Length: 50000\r\n\r\n"+strings.Repeat("x", 50000), 1)
	_, log := limitedScript(t, `route { while (1) { search("nothing"); }; }`, long)
	if strings.Contains(log, "max_while_loops") {
		t.Errorf("ten thousand searches of a long message ran: %s", log)
	}
}

// TestReplyLinesAreBounded: what does not fit is refused, and the reply goes out.
func TestReplyLinesAreBounded(t *testing.T) {
	p, log := limitedScript(t, `route { $var(n) = 0; while ($var(n) < 2000 && append_to_reply("X-Long: 0123456789012345678901234567890123456789\r\n")) { $var(n) = $var(n) + 1; }; }`, invite)
	if log != "" || len(p.sent) != 0 {
		t.Errorf("the script ends with %q, sent %q", log, p.sent)
	}
	c := ctx(p.message(invite, stranger))
	line := []byte("X-Long: " + strings.Repeat("y", 1000) + "\r\n")
	n := 0
	for c.AppendToReply(line) && n < 1000 {
		n++
	}
	if n != 16 {
		t.Errorf("%d lines of 1,010 bytes were taken, want 16", n)
	}
}

// TestLoopIsToldOnce: a loop within a loop writes one line.
func TestLoopIsToldOnce(t *testing.T) {
	var buf bytes.Buffer
	p := compile(t, `route { while (1) { while (1) { ; }; }; }`, slog.New(slog.NewTextHandler(&buf, nil)))
	for n := range 2 {
		p.prog.Request(p.message(invite, stranger))
		if got := strings.Count(buf.String(), "max_while_loops"); got != n+1 {
			t.Errorf("%d messages wrote %d lines", n+1, got)
		}
	}
}
