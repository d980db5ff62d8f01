package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"seraph/ctlproto"
	"seraph/ctlproto/ctltest"
)

func TestScriptCheck(t *testing.T) {
	d := emptyDesk(t)
	file := filepath.Join(d.folder, "seraph.cfg")
	if err := os.WriteFile(file, []byte("route { }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var asked ctlproto.ScriptCheckParams
	result := ctlproto.ScriptCheckResult{OK: true, Errors: []ctlproto.ScriptError{}}
	d.withRouter(map[string]ctltest.Handler{"script.check": func(params json.RawMessage) (any, *ctlproto.Error) {
		asked = ctlproto.ScriptCheckParams{}
		if err := json.Unmarshal(params, &asked); err != nil {
			t.Error(err)
		}
		return result, nil
	}})
	if out := d.must("script", "check", file); out != file+": ok\n" {
		t.Errorf("a good script: %q", out)
	}
	if want := (ctlproto.ScriptCheckParams{File: file, Text: "route { }\n"}); asked != want {
		t.Errorf("asked %+v, want %+v", asked, want)
	}
	if out := d.must("script", "check", file, "-q"); out != "" {
		t.Errorf("quiet: %q", out)
	}

	result.Remarks = []ctlproto.ScriptError{
		{File: file, Line: 1, Column: 1, Message: "children has no effect here", Caret: "children=8\n^", Kind: ctlproto.ScriptNote},
		{File: file, Line: 2, Column: 1, Message: "nothing leads to route[9]", Kind: ctlproto.ScriptWarning},
	}
	remarks := file + ":1:1: note: children has no effect here\n    children=8\n    ^\n" + file + ":2:1: warning: nothing leads to route[9]\n"
	if out := d.must("script", "check", file); out != remarks+file+": ok\n" {
		t.Errorf("remarks: %q", out)
	}
	if out := d.must("script", "check", file, "-q"); out != file+":2:1: warning: nothing leads to route[9]\n" {
		t.Errorf("remarks, quiet: %q", out)
	}

	result = ctlproto.ScriptCheckResult{Errors: []ctlproto.ScriptError{
		{File: file, Line: 3, Column: 2, Message: "unknown function \"t_rely\"\x1b[1m", Caret: "\tt_rely();\n\t^"},
		{File: "other.cfg", Line: 1, Column: 1, Message: "no such file"},
	}}
	s := d.refuses(exitFailed, []string{"script", "check", file})
	want := file + `:3:2: unknown function "t_rely"\x1b[1m` + "\n            t_rely();\n            ^\nother.cfg:1:1: no such file\n"
	if diff := cmp.Diff(want, s.out); diff != "" || s.errs != "" {
		t.Errorf("faults:\n%s%s", diff, s.errs)
	}
	var got ctlproto.ScriptCheckResult
	decode(t, d.refuses(exitFailed, []string{"script", "check", file, "-o", "json"}).out, &got)
	if diff := cmp.Diff(result, got); diff != "" {
		t.Errorf("JSON:\n%s", diff)
	}

	d.stdin = "route {"
	d.refuses(exitFailed, []string{"script", "check", "-"})
	if want := (ctlproto.ScriptCheckParams{Text: "route {"}); asked != want {
		t.Errorf("standard input: asked %+v, want %+v", asked, want)
	}
}

func TestScriptCheckRefuses(t *testing.T) {
	d := emptyDesk(t)
	d.stdin = "route {}"
	d.refuses(exitUnreachable, []string{"script", "check", "-"}, "seraph-proxy is not running", `"seraph-proxy -c -f FILE" checks without a router`)
	d.refuses(exitFailed, []string{"script", "check", "/nonexistent.cfg"}, "open /nonexistent.cfg: no such file or directory")
	d.stdin = ""
	d.refuses(exitFailed, []string{"script", "check", "-"}, "- is empty: that is no script")
	d.refuses(exitUsage, []string{"script", "check"}, "script check: FILE is missing")
	d.refuses(exitUsage, []string{"script"}, "script wants one of: check, reload")
}

func TestScriptReload(t *testing.T) {
	d := emptyDesk(t)
	d.refuses(exitUnreachable, []string{"script", "reload"}, "seraph-proxy is not running")
	d.refuses(exitUsage, []string{"script", "reload", "x"}, "script reload takes no arguments")
	result := ctlproto.ScriptReloadResult{OK: true}
	d.withRouter(map[string]ctltest.Handler{"script.reload": func(json.RawMessage) (any, *ctlproto.Error) { return result, nil }})
	if out := d.must("script", "reload"); out != "reloaded\n" {
		t.Errorf("%q", out)
	}
	result.AtNextStart = []string{"listen", "usrloc.db_mode"}
	if out := d.must("script", "reload"); out != "reloaded; at the next start of the router only: listen, usrloc.db_mode\n" {
		t.Errorf("%q", out)
	}
	result.Remarks = []ctlproto.ScriptError{{File: "seraph.cfg", Line: 2, Column: 1, Message: "nothing leads to route[9]", Kind: ctlproto.ScriptWarning}}
	if out := d.must("script", "reload"); out != "seraph.cfg:2:1: warning: nothing leads to route[9]\nreloaded; at the next start of the router only: listen, usrloc.db_mode\n" {
		t.Errorf("%q", out)
	}
	result = ctlproto.ScriptReloadResult{Errors: []ctlproto.ScriptError{{File: "seraph.cfg", Line: 3, Column: 2, Message: "wrong", Caret: "x\n^"}}}
	if s := d.refuses(exitFailed, []string{"script", "reload"}); s.out != "seraph.cfg:3:2: wrong\n    x\n    ^\n" {
		t.Errorf("%q", s.out)
	}
}
