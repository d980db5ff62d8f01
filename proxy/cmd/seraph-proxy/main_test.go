package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// command runs the program with these arguments.
func command(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheckAndDump: the dump of the script that is built in is a script without problems
// whose dump is the same.
func TestCheckAndDump(t *testing.T) {
	if code, out, errs := command("-c"); code != exitOK || out != "the embedded script: no problem found\n" || errs != "" {
		t.Errorf("-c: %d, %q, %q", code, out, errs)
	}
	code, dump, errs := command("--dump")
	if code != exitOK || errs != "" || !strings.Contains(dump, "\nroute {\n") {
		t.Fatalf("--dump: %d, %q, %q", code, dump, errs)
	}
	file := write(t, "dump.cfg", dump)
	if code, _, errs := command("-c", "-f", file); code != exitOK {
		t.Errorf("-c of the dump: %d, %s", code, errs)
	}
	if _, again, _ := command("--dump", "-f", file); again != dump {
		t.Errorf("the dump of the dump is\n%s", again)
	}
}

// TestCheckNamesEverything: every mistake of a script, and of what it includes, in one
// run, with exit code 1; the same for --dump.
func TestCheckNamesEverything(t *testing.T) {
	file := write(t, "seraph.cfg", "loadmodule \"tm.so\"\nmodparam(\"tm\", \"fr_timr\", 5)\ninclude_file \"more.cfg\"\nrequest_route {\n\tt_rely();\n\troute(RELAI);\n\t$rX = 1;\n}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "more.cfg"), []byte("loadmodule \"tmm.so\"\nroute[RELAY] { t_relay(); }\ndebg=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-c", "--dump"} {
		code, out, errs := command(flag, "-f", file)
		if code != exitFail || out != "" {
			t.Errorf("%s: %d, %q", flag, code, out)
		}
		for _, want := range []string{
			"seraph.cfg:2:16: module tm has no parameter \"fr_timr\" (did you mean fr_timer?)\n",
			"seraph.cfg:5:2: there is no function \"t_rely\" (did you mean t_relay?)\n    \tt_rely();\n    \t^\n",
			"seraph.cfg:6:8: there is no route[RELAI] (did you mean RELAY?)\n",
			"seraph.cfg:7:2: there is no variable $rX; did you mean $rU?\n",
			"more.cfg:1:12: there is no module \"tmm\" (did you mean tm?)\n",
			"more.cfg:3:1: there is no setting \"debg\" (did you mean debug?)\n",
		} {
			if !strings.Contains(errs, want) {
				t.Errorf("%s lacks %q:\n%s", flag, want, errs)
			}
		}
	}
	if code, _, errs := command("-c", "-f", "/nonexistent/seraph.cfg"); code != exitFail || !strings.Contains(errs, "no such file") {
		t.Errorf("a file that is not there: %d, %s", code, errs)
	}
}

// TestDefines: -A defines words before the script begins, as Kamailio's does; the script may not define
// them as something else.
func TestDefines(t *testing.T) {
	file := write(t, "seraph.cfg", "#!define GREETING \"hi\"\n#!ifdef WITH_NAT\nloadmodule \"nathelper.so\"\n#!endif\nloadmodule \"sl.so\"\nroute { sl_send_reply(CODE, GREETING); }\n")
	code, dump, errs := command("--dump", "-f", file, "-A", "WITH_NAT", "-A", `CODE="486"`)
	if code != exitOK || !strings.Contains(dump, `loadmodule "nathelper.so"`) || !strings.Contains(dump, `sl_send_reply("486", "hi")`) {
		t.Errorf("--dump: %d, %s\n%s", code, errs, dump)
	}
	if code, dump, errs := command("--dump", "-f", file, "--define", `CODE="486"`); code != exitOK || strings.Contains(dump, "nathelper") {
		t.Errorf("--dump without WITH_NAT: %d, %s\n%s", code, errs, dump)
	}
	if code, _, errs := command("-c", "-f", file, "-A", `CODE="486"`, "-A", "GREETING=other"); code != exitFail || !strings.Contains(errs, "GREETING is defined already, on the command line (-A)") {
		t.Errorf("a word of the script's: %d, %s", code, errs)
	}
	for bad, want := range map[string]string{"": "not of the form", "9": "not of the form", "A+B": "not of the form", "A=\"x": "closing quote", "A=x\nlisten=udp:0.0.0.0:5": "not of the form"} {
		if code, _, errs := command("-c", "-f", file, "-A", bad); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("-A %q: %d, %s", bad, code, errs)
		}
	}
}

// TestCheckRemarks: -c says what the start would warn of, each with its place, and what has no
// effect, and the exit code is still 0.
func TestCheckRemarks(t *testing.T) {
	file := write(t, "seraph.cfg", "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nuser=ser\nchildren=8\nroute { route(1); t_relay(); }\n"+
		"route[1] { if (src_ip==10.0.0.1) { sl_send_reply(\"403\",\"no\"); drop; } }\nroute[9] { t_relay(); }\n"+
		"loadmodule \"msilo.so\"\nmodparam(\"msilo\", \"contact_hdr\", \"Contact: <sip:x@example.org>\\r\\n\")\n")
	code, out, errs := command("-c", "-f", file)
	if code != exitOK || out != file+": no problem found, 5 remarks\n" {
		t.Errorf("-c: %d, %q", code, out)
	}
	for _, want := range []string{
		file + ":3:1: warning: user has no effect: start the proxy as that user, in that folder: it never changes either\n    user=ser\n    ^\n",
		file + ":4:1: note: children has no effect here\n    children=8\n    ^\n",
		file + ":6:63: warning: drop ends this route block only, as in SER: exit ends the script\n",
		file + ":7:1: warning: nothing leads to route[9]\n    route[9] { t_relay(); }\n    ^\n",
		file + ":9:19: warning: parameter contact_hdr of msilo has no effect: a MESSAGE has no Contact (RFC 3428 section 4)\n",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("-c says\n%s\nand lacks %s", errs, want)
		}
	}
}

// TestSocketHasBothNames: the control socket's path may be named as with seraphctl; the help
// names one.
func TestSocketHasBothNames(t *testing.T) {
	for _, flag := range []string{"--ctl", "--socket"} {
		o, err := parse([]string{flag, "/x/ctl.sock"}, io.Discard)
		if err != nil || o.Control != "/x/ctl.sock" {
			t.Errorf("%s: %q, %v", flag, o.Control, err)
		}
	}
	if _, _, help := command("--help"); strings.Contains(help, "--socket") || !strings.Contains(help, "--ctl") {
		t.Errorf("the help is %s", help)
	}
	if code, _, errs := command("--sockets", "/x"); code != exitUsage || !strings.Contains(errs, "unknown flag: --sockets") {
		t.Errorf("%d, %s", code, errs)
	}
}

// TestDumpHidesPasswords: neither those of modparams nor those in URLs.
func TestDumpHidesPasswords(t *testing.T) {
	file := write(t, "seraph.cfg", "loadmodule \"usrloc.so\"\nloadmodule \"auth.so\"\nmodparam(\"auth\", \"secret\", \"hunter2hunter2hunter2\")\n"+
		"modparam(\"usrloc\", \"db_url\", \"mysql://ser:hunter2@localhost/ser\")\nroute { exit; }\n")
	if code, out, errs := command("--dump", "-f", file); code != exitOK || strings.Contains(out, "hunter2") || strings.Count(out, `"***"`) != 2 {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
}
