package script

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDrop: in a called route drop ends the script wherever that shows that it is Kamailio's or
// OpenSER's; in SER's it ends the block.
func TestDrop(t *testing.T) {
	const ser = `route { route(1); note("served"); } route[1] { route(2); note("one"); } route[2] { drop; note("two"); }`
	for name, x := range map[string]struct{ text, want string }{
		"SER":               {ser, "one served"},
		"#!KAMAILIO":        {"#!KAMAILIO\n" + ser, ""},
		"#!OPENSER":         {"#!OPENSER\n" + ser, ""},
		"#!SER":             {"#!SER\n" + ser, ""},
		"a mark at the end": {ser + "\n#!ALL", ""},
		"a define":          {"#!define X\n" + ser, ""},
		"request_route":     {strings.Replace(ser, "route", "request_route", 1), ""},
		"a named route":     {ser + ` route[RELAY] { note("r"); }`, ""},
		"an armed route":    {ser + ` failure_route[F] { note("r"); }`, ""},
		"a quoted number":   {ser + ` failure_route["1"] { note("r"); }`, "one served"},
		"exit":              {ser + ` route[3] { exit; }`, ""},
		"return":            {ser + ` route[3] { return; }`, ""},
		"return 1":          {ser + ` route[3] { return(1); }`, ""},
		"switch":            {ser + ` route[3] { switch (1) { case 1: break; } }`, ""},
		"break":             {ser + ` route[3] { if (method == "X") { break; }; }`, "one served"},
		"a variable":        {ser + ` route[3] { if ($rU == "x") note("v"); }`, ""},
		"an assignment":     {ser + ` route[3] { $var(x) = 1; }`, ""},
		"a text":            {ser + ` route[3] { note("$ru"); }`, ""},
		"a price":           {ser + ` route[3] { log("costs 5$, or more$"); }`, "one served"},
		"branch_route":      {ser + ` branch_route[1] { note("b"); }`, ""},
		"a module":          {"loadmodule \"pv.so\"\n" + ser, ""},
		"a comment":         {"# #!KAMAILIO\n" + ser, "one served"},
		"a shell's line":    {"#!/usr/sbin/ser\n" + ser, "one served"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			p, notes := toldBy(t, "loadmodule \"note.so\"\n"+x.text, slog.New(slog.NewTextHandler(&log, nil)))
			p.prog.Request(p.message(invite, stranger))
			if got := strings.Join(*notes, " "); got != x.want {
				t.Errorf("notes %q, want %q", got, x.want)
			}
			if warned := strings.Contains(log.String(), "drop ends this route block only"); warned != (x.want != "") {
				t.Errorf("the log says %q", log.String())
			}

			// What is dumped means the same.
			again, notes := toldBy(t, p.prog.Dump(), nil)
			again.prog.Request(again.message(invite, stranger))
			if got := strings.Join(*notes, " "); got != x.want {
				t.Errorf("notes %q, want %q, of the dump\n%s", got, x.want, p.prog.Dump())
			}
		})
	}
}

// TestForeignModules: each module that a script can load is one of SER 0.9's or shows that the
// script is none of it; and no word of either list is idle.
func TestForeignModules(t *testing.T) {
	ser := []string{"acc", "auth", "auth_db", "dispatcher", "domain", "group", "maxfwd", "msilo", "mysql", "nathelper", "permissions",
		"pike", "registrar", "rr", "sl", "speeddial", "textops", "tm", "uri", "usrloc", "xlog"}
	loadable := slices.AppendSeq(slices.Collect(maps.Keys(secondNames)), maps.Keys(builtIn))
	folders, err := os.ReadDir("../modules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if f.IsDir() {
			loadable = append(loadable, f.Name())
		}
	}
	slices.Sort(loadable)
	known := slices.Sorted(slices.Values(slices.Concat(ser, foreignModules)))
	if diff := cmp.Diff(loadable, known); diff != "" {
		t.Error(diff)
	}
	manual, err := os.ReadFile("../../../docs/routing-language.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(manual), "\n- one of the modules ")
	list, _, _ = strings.Cut(list, ".\n")
	if diff := cmp.Diff(foreignModules, strings.Fields(strings.ReplaceAll(list, "`", ""))); diff != "" {
		t.Errorf("the manual: %s", diff)
	}
}

// TestDropInConditions: it ends the script out of conditions and loops too, and a call that
// was to be refused is not relayed.
func TestDropInConditions(t *testing.T) {
	p, notes := told(t, `request_route { if (method == "INVITE" && route(CHECK)) { note("true"); } note("served"); }
route[CHECK] { $var(i) = 0; while ($var(i) < 2) { $var(i) = $var(i) + 1; switch ($rm) { case "INVITE": drop; } } note("after"); }`)
	p.prog.Request(p.message(invite, stranger))
	if len(*notes) > 0 {
		t.Errorf("notes %q", *notes)
	}
}
