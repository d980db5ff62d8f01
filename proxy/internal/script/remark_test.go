package script

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// remarksOf compiles a script that has no problems and returns what is remarked, as it is
// printed, and the log.
func remarksOf(t *testing.T, text string, opt Options) (remarks, log string) {
	t.Helper()
	var b bytes.Buffer
	opt.Modules, opt.Log = newStage().modules(), slog.New(slog.NewTextHandler(&b, nil))
	p, problems := Compile("seraph.cfg", []byte(text), opt)
	if len(problems) > 0 {
		t.Fatal(texts(problems))
	}
	lines := make([]string, len(p.Remarks()))
	for i, r := range p.Remarks() {
		lines[i] = r.Error()
	}
	return strings.Join(lines, "\n"), b.String()
}

// TestRemarks: what an author may have meant otherwise comes with its place, and stands in the
// log of the router that starts; what has no effect and needs none is a note.
func TestRemarks(t *testing.T) {
	const text = `loadmodule "sl.so"
user=ser
	children=8
dns_use_search_list=no
route { route(1); if ($rU && !$hdr(X) || $(fu)) m_dump(); if ($var(x) && $rc && $rU == "a") m_dump(); }
route[1] { m_dump(); }
route[9] { m_dump(); }
failure_route[2] { log("x"); }
`
	got, log := remarksOf(t, text+loads, Options{})
	want := `seraph.cfg:2:1: warning: user has no effect: start the proxy as that user, in that folder: it never changes either
    user=ser
    ^
seraph.cfg:3:2: note: children has no effect here
    	children=8
    	^
seraph.cfg:5:23: warning: a text is true only where it reads as a number, not as 0: compare $rU with $null or ""
    route { route(1); if ($rU && !$hdr(X) || $(fu)) m_dump(); if ($var(x) && $rc && $rU == "a") m_dump(); }
                          ^
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("remarks\n%s\nwant first\n%s", got, want)
	}
	for _, want := range []string{
		`seraph.cfg:5:31: warning: a text is true only where it reads as a number, not as 0: compare $hdr(X) with`,
		`seraph.cfg:5:42: warning: a text is true only where it reads as a number, not as 0: compare $(fu) with`,
		"seraph.cfg:7:1: warning: nothing leads to route[9]\n    route[9] { m_dump(); }\n    ^",
		"seraph.cfg:8:1: warning: nothing leads to failure_route[2]\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("remarks\n%s\nlack %s", got, want)
		}
	}
	if n := strings.Count(got, "a text is true"); n != 3 {
		t.Errorf("%d texts as conditions are remarked, want 3", n)
	}
	if !strings.Contains(log, `level=WARN msg="nothing leads to route[9]" file=seraph.cfg line=7`) || strings.Contains(log, "children") {
		t.Errorf("the log\n%s", log)
	}

	got, _ = remarksOf(t, loads+"route { route(1); m_dump(); }\nroute[1] {\n\tdrop;\n}\n", Options{})
	if want := "seraph.cfg:14:2: warning: drop ends this route block only, as in SER: exit ends the script\n    \tdrop;\n    \t^"; got != want {
		t.Errorf("drop: %s, want %s", got, want)
	}
	if got, log := remarksOf(t, loads+"route { m_dump(); }\n", Options{}); got+log != "" {
		t.Errorf("nothing is to be said: %s %s", got, log)
	}
}

// TestTextsAsNumbers: -c and the log warn where a text that is no number passes for 0, and takes a branch
// that was meant for numbers; what such a text cannot pass, and what the script has looked at first, is left alone.
func TestTextsAsNumbers(t *testing.T) {
	for statement, at := range map[string]int{
		`switch ($rU) { case 5: exit; case 0: m_dump(); }`: 35, `switch ($(hdr(X))) { case 0: m_dump(); }`: 27,
		`if ($rU < 1000) m_dump();`: 5, `if ($rU <= 0) m_dump();`: 5, `if ($hdr(X) < 5) m_dump();`: 5, `if ($rU < "1000") m_dump();`: 5,
		`if (1000 > $rU) m_dump();`: 12, `if (0 >= $rU) m_dump();`: 10, `if ($rU >= 0) m_dump();`: 5, `if ($rU > -1) m_dump();`: 5, `if (0 <= $rU) m_dump();`: 10,
		`if (0 == $rU) m_dump();`: 10, `if (0 != $rU) m_dump();`: 10, `while ($rU < 10) m_dump();`: 8, `if (method == INVITE && !($rU < 10)) m_dump();`: 27,
		`if ($rU =~ "^[0-9]+$" || $rU < 1000) m_dump();`: 26, `if ($fU =~ "^[0-9]+$" && $rU < 1000) m_dump();`: 26, `if ($rU !~ "x" && $rU < 1000) m_dump();`: 19,
		`if ($rU =~ "^1" && $rU == "1") m_dump(); if ($rU < 1000) m_dump();`: 46,
		`switch ($rU) { case 5: exit; case "0": m_dump(); }`:                 0, `switch ($sp) { case 0: m_dump(); }`: 0, `switch ($var(x)) { case 0: m_dump(); }`: 0, `switch (0) { case 0: m_dump(); }`: 0,
		`if ($rU < 0) m_dump();`: 0, `if ($rU > 1000) m_dump();`: 0, `if ($rU >= 1) m_dump();`: 0, `if (1000 < $rU) m_dump();`: 0, `if ($rU <= -1) m_dump();`: 0,
		`if ($rU == 0) m_dump();`: 0, `if (5 == $rU) m_dump();`: 0, `if ("0" == $rU) m_dump();`: 0, `if ($rU < $var(x)) m_dump();`: 0, `if ($sp < 1000) m_dump();`: 0, `if ($rs < 300) m_dump();`: 0,
		`if ($rU =~ "^[0-9]+$" && $rU < 1000) m_dump();`: 0, `if ($rU < 1000 && $rU =~ "^[0-9]+$" && $sp > 1) m_dump();`: 0, `if ($rU =~ "^1" && (method == ACK || $rU < 1000)) m_dump();`: 0,
	} {
		got, log := remarksOf(t, loads+"route {\n"+statement+"\n}\n", Options{})
		want := fmt.Sprintf("seraph.cfg:13:%d: warning: a text that is no number counts as 0", at)
		if at == 0 && got+log != "" || at > 0 && (strings.Count(got, "warning:") != 1 || !strings.HasPrefix(got, want) || strings.Count(log, "level=WARN") != 1) {
			t.Errorf("%s: want it at %d, got %s; the log %s", statement, at, got, log)
		}
	}
}

// TestRemarksKeepSecrets: a remark shows no password of its line, nothing of a file that is no
// script, and there are not more than a report may have.
func TestRemarksKeepSecrets(t *testing.T) {
	include := map[string]string{"/etc/none": "user=root\nchildren=4\n", "/etc/script": "children=4\nloadmodule \"sl.so\"\n"}
	read := func(path string) ([]byte, error) { return []byte(include[path]), nil }
	got, _ := remarksOf(t, "include_file \"/etc/none\"\ninclude_file \"/etc/script\"\n"+loads+"route { m_dump(); }\n", Options{Read: read, Guarded: true, Given: true})
	if strings.Contains(got, "root") || strings.Count(got, "/etc/none") != 1 || !strings.Contains(got, "this is no routing script") || !strings.Contains(got, "/etc/script:1:1: note: children") {
		t.Errorf("remarks\n%s", got)
	}
	got, _ = remarksOf(t, "fifo_db_url=\"mysql://ser:hunter2@db/ser\"\n"+loads+"route { m_dump(); }\n", Options{})
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "note: fifo_db_url has no effect here") {
		t.Errorf("remarks\n%s", got)
	}
	got, _ = remarksOf(t, strings.Repeat("fork=no\n", 5000)+loads+"route { m_dump(); }\n", Options{})
	if n := strings.Count(got, "note: fork"); n != maxRemarks {
		t.Errorf("%d remarks, want %d", n, maxRemarks)
	}
}
