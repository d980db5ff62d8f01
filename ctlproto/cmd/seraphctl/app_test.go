package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

func TestWrongUse(t *testing.T) {
	d := emptyDesk(t)
	for _, c := range []struct {
		say  string
		args []string
	}{
		{`seraphctl has no command "ad"; did you mean "add"?`, []string{"ad", "alice"}},
		{`seraphctl has no command "frobnicate"; there is acl, add, `, []string{"frobnicate"}},
		{"unknown flag: --colour", []string{"--colour"}},
		{"unknown shorthand flag: 'x' in -x", []string{"show", "-x"}},
		{`--output: "xml" is none of table, json and csv`, []string{"-o", "xml", "version"}},
		{"flag needs an argument: --socket", []string{"version", "--socket"}},
		{"--socket: control socket: path of ", []string{"version", "--socket", "/" + strings.Repeat("x", 200)}},
		{"--socket: control socket: empty path", []string{"version", "--socket", ""}},
		{"ul wants one of: add, dump, rm, show", []string{"ul"}},
		{`did you mean "show"?`, []string{"ul", "shwo"}},
		{`seraphctl domain has no command "list"; did you mean "show"?`, []string{"domain", "list"}},
		{`seraphctl rule has no command "set"; did you mean "add"?`, []string{"rule", "set", "alice", "busy"}},
		{`seraphctl has no command "delete"; did you mean "rm"?`, []string{"delete", "alice"}},
		{`seraphctl acl has no command "add"; did you mean "grant"?`, []string{"acl", "add", "alice", "pstn"}},
		{`seraphctl dlg has no command "show"; did you mean "list"?`, []string{"dlg", "show"}},
		{`seraphctl domain has no command "zzz"; there is add, reload, rm, show`, []string{"domain", "zzz"}},
		{"db wants one of: import-kamailio, migrate, status", []string{"db"}},
		{"db status takes no arguments", []string{"db", "status", "x"}},
		{`has no command "\x1b[1m"`, []string{"\x1b[1m"}},
		{`seraphctl has no command "nonsense"; there is acl, add, `, []string{"help", "nonsense"}},
		{`seraphctl ul has no command "shwo"; did you mean "show"?`, []string{"help", "ul", "shwo"}},
		{`"alice" is one argument too many`, []string{"help", "ul", "show", "alice"}},
		{`--limit: "abc" is no whole number`, []string{"calls", "--limit", "abc"}},
		{`--port: "5060x" is no whole number`, []string{"address", "add", "1", "192.0.2.1", "--port", "5060x"}},
		{`--q: "high" is no number`, []string{"ul", "add", "alice", "sip:x@y", "--q", "high"}},
		{`--expires: "soon" is no duration such as 90s or 1h`, []string{"ul", "add", "alice", "sip:x@y", "--expires", "soon"}},
	} {
		s := d.refuses(exitUsage, c.args, c.say, "\nsee seraphctl")
		if s.out != "" {
			t.Errorf("%v printed %q", c.args, s.out)
		}
		if lines := strings.Count(s.errs, "\n"); lines != 2 {
			t.Errorf("%v: %d lines of errors:\n%s", c.args, lines, s.errs)
		}
	}
}

func TestHelp(t *testing.T) {
	d := emptyDesk(t)
	for _, args := range [][]string{{}, {"--help"}, {"help"}} {
		out := d.must(args...)
		if !strings.Contains(out, "Exit codes: 0 done, 1 failed, 2 wrong use, 3 router or database not reachable.") {
			t.Errorf("%v:\n%s", args, out)
		}
	}
	if got, want := d.must("help", "ul", "add"), d.must("ul", "add", "--help"); got != want {
		t.Errorf("help ul add:\n%s", got)
	}
	if out := d.must("rpc", "--help"); !strings.Contains(out, "seraphctl rpc ul.lookup location alice@example.org") {
		t.Errorf("rpc --help:\n%s", out)
	}
}

// TestHelpIsNarrow: no line of a help text is wider than a terminal of 80 columns. What
// cobra says of the completion of each shell is its own.
func TestHelpIsNarrow(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		text := cmd.UsageString()
		if cmd.Parent() == nil || cmd.Parent().Name() != "completion" {
			text = cmd.Long + "\n" + text
		}
		for line := range strings.SplitSeq(text, "\n") {
			if n := utf8.RuneCountInString(line); n > helpWidth {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
		for _, c := range cmd.Commands() {
			visit(c)
		}
	}
	visit((&app{}).root())
}

func TestFileInPlaceOfTheSocket(t *testing.T) {
	d := emptyDesk(t)
	d.socket = filepath.Join(d.folder, "file")
	if err := os.WriteFile(d.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.refuses(exitUnreachable, []string{"online"}, "seraph-proxy is not running")
}

// TestEveryCommandIsDocumented: docs/seraphctl.md has a heading for each
// command and names each flag.
func TestEveryCommandIsDocumented(t *testing.T) {
	page := read(t, "docs/seraphctl.md")
	root := (&app{}).root()
	var visit func(cmd *cobra.Command, path string)
	visit = func(cmd *cobra.Command, path string) {
		for _, c := range cmd.Commands() {
			name := strings.TrimSpace(path + " " + c.Name())
			if c.HasSubCommands() {
				visit(c, name)
				continue
			}
			if !regexp.MustCompile(`(?m)^#+ .*\b` + name + `\b`).MatchString(page) {
				t.Errorf("docs/seraphctl.md has no heading with %q", name)
			}
			for _, word := range strings.Fields(c.LocalFlags().FlagUsages()) {
				if strings.HasPrefix(word, "--") && word != "--help" && !strings.Contains(page, "`"+word) {
					t.Errorf("docs/seraphctl.md does not explain %s of %q", word, name)
				}
			}
		}
	}
	visit(root, "")
	for _, flag := range []string{"--socket", "--db", "--state", "--output", "--quiet"} {
		if !strings.Contains(page, "`"+flag) {
			t.Errorf("docs/seraphctl.md does not explain %s", flag)
		}
	}
}

// TestEveryMethodIsDocumented: docs/control-protocol.md has a heading for each
// method, and no other.
func TestEveryMethodIsDocumented(t *testing.T) {
	page := read(t, "docs/control-protocol.md")
	known := map[string]bool{}
	files, err := filepath.Glob("../../*.go")
	if err != nil {
		t.Fatal(err)
	}
	source := ""
	for _, file := range files {
		source += read(t, "ctlproto/"+filepath.Base(file))
	}
	for _, m := range regexp.MustCompile(`Method\w+\s+= "([^"]+)"`).FindAllStringSubmatch(source, -1) {
		known[m[1]] = true
		if !regexp.MustCompile("(?m)^### .*`" + regexp.QuoteMeta(m[1]) + "[` ]").MatchString(page) {
			t.Errorf("docs/control-protocol.md has no heading with %s", m[1])
		}
	}
	if len(known) < 20 {
		t.Fatalf("found %d methods only", len(known))
	}
	for _, m := range regexp.MustCompile("(?m)^### .*`([a-z]+\\.[A-Za-z_]+)").FindAllStringSubmatch(page, -1) {
		if !known[m[1]] {
			t.Errorf("docs/control-protocol.md describes %s, which is no method", m[1])
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSocketHasBothNames: the control socket's path may be named as with seraph-proxy; the help
// names one.
func TestSocketHasBothNames(t *testing.T) {
	d := emptyDesk(t)
	for _, flag := range []string{"--ctl", "--socket"} {
		d.refuses(exitUnreachable, []string{"online", flag, "/nonexistent/x.sock"}, "nothing listens on /nonexistent/x.sock (--socket names another one)")
		d.refuses(exitUnreachable, []string{flag + "=/nonexistent/x.sock", "online"}, "nothing listens on /nonexistent/x.sock")
	}
	if out := d.must("--help"); strings.Contains(out, "--ctl") || !strings.Contains(out, "--socket PATH") {
		t.Errorf("the help is\n%s", out)
	}
}
