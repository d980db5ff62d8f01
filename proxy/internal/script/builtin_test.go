package script

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// builtInScript is a script with one modparam of a built-in module.
func builtInScript(module, rest string) string {
	return "loadmodule \"" + module + ".so\"\nmodparam(\"" + module + "\", " + rest + ")\n" + loads + "route { m_dump(); }\n"
}

// TestBuiltInParams: what a built-in module has in Kamailio is taken; one on which an operator may
// count is a warning that says what there is in its place, the others are notes.
func TestBuiltInParams(t *testing.T) {
	for _, c := range []struct{ module, rest, want string }{
		{"jsonrpcs", `"pretty_format", 1`, "note: parameter pretty_format of jsonrpcs has no effect here"},
		{"jsonrpcs", `"pretty_format", yes`, "note: parameter pretty_format of jsonrpcs has no effect here"},
		{"jsonrpcs", `"dgram_socket", "/run/x.sock"`, "warning: parameter dgram_socket of jsonrpcs has no effect: tools come by the FIFO (fifo_name) or the control socket (unix_sock)"},
		{"jsonrpcs", `"transport", 7`, "warning: parameter transport of jsonrpcs has no effect: there are the FIFO (fifo_name) and the control socket"},
		{"ctl", `"binrpc", "unix:/run/ctl"`, "warning: parameter binrpc of ctl has no effect: kamcmd is not understood"},
		{"debugger", `"cfgtrace", 1`, "warning: parameter cfgtrace of debugger has no effect: scripts are not traced"},
		{"db_mysql", `"ping_interval", "60"`, "note: parameter ping_interval of db_mysql has no effect here"},
		{"mi_fifo", `"fifo_user", 1000`, "warning: parameter fifo_user of mi_fifo has no effect: the FIFO belongs to the user of the process"},
	} {
		got, log := remarksOf(t, builtInScript(c.module, c.rest), Options{})
		if !strings.Contains(got, c.want) || strings.Contains(got, "***") {
			t.Errorf("%s %s: %q, want %q", c.module, c.rest, got, c.want)
		}
		if strings.Contains(log, "has no effect") != strings.Contains(c.want, "warning") {
			t.Errorf("%s %s: the log\n%s", c.module, c.rest, log)
		}
	}
}

// TestBuiltInWrongParams: what Kamailio does not have, or would not take, is a problem; what would be
// needed to understand the routes is refused.
func TestBuiltInWrongParams(t *testing.T) {
	for _, c := range []struct{ module, rest, want string }{
		{"jsonrpcs", `"pretty_fromat", 1`, `module jsonrpcs has no parameter "pretty_fromat" (did you mean pretty_format?)`},
		{"jsonrpcs", `"pretty_format", "x"`, "parameter pretty_format of jsonrpcs is a number"},
		{"jsonrpcs", `"pretty_format", $ru`, "a parameter is a text or a number"},
		{"jsonrpcs", `"fifo_name", 5`, "parameter fifo_name of jsonrpcs is a text: write it in quotes"},
		{"jsonrpcs", `"fifo_name", "kamailio_rpc.fifo"`, "fifo_name is the whole path of the FIFO"},
		{"jsonrpcs", `"fifo_mode", 02000`, "fifo_mode is a file mode such as 0660"},
		{"kex", `"x", 1`, "module kex is built in and has no parameters"},
		{"pv", `"varset", "init=i:1"`, "parameter varset of pv is not supported: $var begins without a value with each message"},
	} {
		_, problems := Compile("seraph.cfg", []byte(builtInScript(c.module, c.rest)), Options{Modules: newStage().modules()})
		if len(problems) == 0 || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%s %s: %v, want %s", c.module, c.rest, texts(problems), c.want)
		}
	}
}

// TestFIFOOfModules: where Kamailio's scripts name the FIFO, it is the router's; the setting fifo
// goes before it.
func TestFIFOOfModules(t *testing.T) {
	for _, c := range []struct{ script, path, dir, group, remark string }{
		{`loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "fifo_name", "/run/kamailio/rpc.fifo")
modparam("jsonrpcs", "fifo_mode", 0600)
modparam("jsonrpcs", "fifo_group", "voip")
modparam("jsonrpcs", "fifo_reply_dir", "/run/replies")
`, "/run/kamailio/rpc.fifo", "/run/replies", "voip", ""},
		{`loadmodule "mi_fifo.so"
modparam("mi_fifo", "fifo_name", "/tmp/openser_fifo")
modparam("mi_fifo", "fifo_mode", "0600")
modparam("mi_fifo", "reply_dir", "/tmp/")
`, "/tmp/openser_fifo", "/tmp/", "", ""},
		{`fifo="/run/seraph/fifo"
fifo_mode=0600
loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "fifo_name", "/run/kamailio/rpc.fifo")
`, "/run/seraph/fifo", "", "", "the setting fifo names another FIFO"},
	} {
		p, problems := Compile("seraph.cfg", []byte(c.script+loads+"route { m_dump(); }\n"), Options{Modules: newStage().modules()})
		if p == nil {
			t.Fatal(texts(problems))
		}
		if g := p.Globals(); g.FIFO != c.path || g.FIFODir != c.dir || g.FIFOGroup != c.group || g.FIFOMode != 0o600 {
			t.Errorf("the FIFO is %q, %q, %q, %o", g.FIFO, g.FIFODir, g.FIFOGroup, g.FIFOMode)
		}
		told := ""
		for _, r := range p.Remarks() {
			told += r.Message
		}
		if (told == "") != (c.remark == "") || !strings.Contains(told, c.remark) {
			t.Errorf("remarks %q, want %q", told, c.remark)
		}
	}
}

// TestBuiltInModulesAreNone: none of the modules that are built in is there as one with work.
func TestBuiltInModulesAreNone(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(builtIn)) {
		for _, m := range newStage().modules() {
			if m.Name() == name {
				t.Errorf("%s is both", name)
			}
		}
		for param, p := range builtIn[name] {
			if p.refused != "" && (p.set != nil || p.told != "") || p.set != nil && p.told != "" {
				t.Errorf("%s of %s is more than one of set, told and refused", param, name)
			}
		}
	}
}

// TestReloadNamesBuiltIns: another FIFO is named as what takes effect at the next start.
func TestReloadNamesBuiltIns(t *testing.T) {
	compile := func(path string) *Program {
		p, problems := Compile("seraph.cfg", []byte(builtInScript("jsonrpcs", `"fifo_name", "`+path+`"`)), Options{Modules: newStage().modules()})
		if p == nil {
			t.Fatal(texts(problems))
		}
		return p
	}
	old := compile("/run/a")
	if c := compile("/run/b").Since(old); len(c.Params) != 1 || c.Params[0].Module != "jsonrpcs" || c.Params[0].Name != "fifo_name" {
		t.Errorf("changes %+v", c)
	}
	if c := compile("/run/a").Since(old); len(c.Params) != 0 {
		t.Errorf("changes %+v", c)
	}
}
