package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/deploy"
	"seraph/proxy/internal/control"
	"seraph/proxy/internal/sip"
)

// reloadScript is a script that names itself in its answers, and sends a call on to a
// phone, with routes armed for what becomes of it.
const reloadScript = `
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
modparam("usrloc", "db_mode", 0)
%SETTINGS%
route {
	if (method == "OPTIONS") { sl_send_reply("200", "%NAME%"); exit; }
	t_on_reply("REPLY");
	t_on_failure("FAILURE");
	t_relay();
}
onreply_route[REPLY] { append_hf("X-Reply: %NAME%\r\n"); }
failure_route[FAILURE] { t_reply("480", "%NAME% failure"); }
`

// write puts a version of the script into the stand's file.
func (s *stand) write(name, settings string) {
	s.t.Helper()
	text := strings.NewReplacer("%NAME%", name, "%SETTINGS%", settings).Replace(reloadScript)
	if err := os.WriteFile(s.cfg.Script, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// answering returns the reason of the answer to an OPTIONS: which script runs.
func answering(p *phone, callID string) string {
	p.t.Helper()
	p.send(p.request("OPTIONS", "sip:"+testDomain, callID, 1, ""))
	return string(p.expect("SIP/2.0 200").Reason())
}

func newReloadStand(t *testing.T) *stand {
	t.Helper()
	return newStand(t, strings.NewReplacer("%NAME%", "old", "%SETTINGS%", "").Replace(reloadScript))
}

// TestReloadScript: later requests run through the new script, and a call that rings
// goes on with the one that it began with, whose failure route answers it.
func TestReloadScript(t *testing.T) {
	s := newReloadStand(t)
	alice, bob := s.phone("alice"), s.phone("bob")
	uri := "sip:bob@" + bob.conn.LocalAddr().String()
	alice.send(alice.request("INVITE", uri, "rings", 1, ""))
	invite := bob.expect("INVITE ")
	bob.answer(invite, 180)
	if ringing := alice.expect("SIP/2.0 180"); !bytes.Contains(ringing.Buf, []byte("X-Reply: old\r\n")) {
		t.Errorf("before the reload: %s", ringing.Buf)
	}
	s.write("new", "")
	waiting, err := s.d.ReloadScript()
	if err != nil || len(waiting) > 0 {
		t.Fatalf("reload: %v, waiting %q", err, waiting)
	}
	if got := answering(alice, "after"); got != "new" {
		t.Errorf("after the reload the script %q answers", got)
	}
	bob.answer(invite, 183)
	if progress := alice.expect("SIP/2.0 183"); !bytes.Contains(progress.Buf, []byte("X-Reply: old\r\n")) {
		t.Errorf("a reply to the call of before is not of the script of before: %s", progress.Buf)
	}
	bob.answer(invite, 486)
	if got := string(alice.expect("SIP/2.0 480").Reason()); got != "old failure" {
		t.Errorf("the call of before ended with %q", got)
	}
	alice.send(alice.request("INVITE", uri, "second", 1, ""))
	second := bob.expect("INVITE ")
	bob.answer(second, 486)
	if got := string(alice.expect("SIP/2.0 480").Reason()); got != "new failure" {
		t.Errorf("the call of after ended with %q", got)
	}
}

// TestReloadOfBadScript: the old script stays in force, whatever is wrong with the new
// one, and the answer and the log say what it is.
func TestReloadOfBadScript(t *testing.T) {
	var log bytes.Buffer
	s := newReloadStand(t)
	s.d.log = slog.New(slog.NewTextHandler(&log, nil))
	alice := s.phone("alice")
	good, err := os.ReadFile(s.cfg.Script)
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct{ text, want string }{
		"wrong":    {string(good) + "\nroute[X] { t_rely(); }", `there is no function "t_rely" (did you mean t_relay?)`},
		"empty":    {"", "the script has no main route"},
		"a module": {"loadmodule \"registrar.so\"\nloadmodule \"ctd.so\"\n" + string(good), "which can only be started with the router: restart it"},
	} {
		if err := os.WriteFile(s.cfg.Script, []byte(x.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.d.ReloadScript()
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %s", name, err, x.want)
		}
		for way, reload := range bothWays(s) {
			log.Reset()
			reload()
			if strings.Count(log.String(), `level=ERROR msg="script not reloaded, the old one stays in force"`) != 1 {
				t.Errorf("%s, by %s: the log is %s", name, way, log.String())
			}
		}
		if got := answering(alice, "bad-"+strings.ReplaceAll(name, " ", "-")); got != "old" {
			t.Errorf("%s: the script %q answers", name, got)
		}
	}
	if err := os.Remove(s.cfg.Script); err != nil {
		t.Fatal(err)
	}
	if _, err := s.d.ReloadScript(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a script that is gone: %v", err)
	}
	if got := answering(alice, "gone"); got != "old" {
		t.Errorf("a script that is gone: the script %q answers", got)
	}
}

// bothWays are the ways in which an operator has the script read again.
func bothWays(s *stand) map[string]func() {
	return map[string]func(){
		"SIGHUP":             func() { s.d.Reload(s.t.Context()) },
		"the control socket": func() { _, _ = scriptReload{s.d}.Reload(s.t.Context()) },
	}
}

// TestReloadLogsWhatWaits: whoever reads the log finds what waits for the next start, however
// the script was read again, and the answer has the remarks on the script.
func TestReloadLogsWhatWaits(t *testing.T) {
	var log bytes.Buffer
	s := newReloadStand(t)
	s.d.log = slog.New(slog.NewTextHandler(&log, nil))
	for way, reload := range bothWays(s) {
		s.write("new", "udp_workers=2\nuser=ser")
		log.Reset()
		reload()
		if got := log.String(); strings.Count(got, "level=WARN") != 2 || !strings.Contains(got, "take effect at the next start only\" script=") || !strings.Contains(got, "changes=udp_workers") ||
			!strings.Contains(got, "user has no effect") {
			t.Errorf("by %s: the log is %s", way, got)
		}
		result, err := scriptReload{s.d}.Reload(t.Context())
		if err != nil || len(result.Remarks) != 1 || result.Remarks[0].Kind != ctlproto.ScriptWarning || !strings.HasPrefix(result.Remarks[0].Message, "user has no effect") {
			t.Errorf("the remarks are %+v, %v", result.Remarks, err)
		}
		s.write("old", "")
		log.Reset()
		reload()
		if got := log.String(); strings.Contains(got, "level=WARN") || strings.Count(got, `msg="script reloaded"`) != 1 {
			t.Errorf("by %s: the log is %s", way, got)
		}
	}
}

// TestReloadNamesWhatWaits: settings and parameters that take effect at the next start
// are named; the rest of the script is in force at once.
func TestReloadNamesWhatWaits(t *testing.T) {
	s := newReloadStand(t)
	alice := s.phone("alice")
	s.write("new", "debug=1\nmax_while_loops=5\nalias=new.example\nudp_workers=2\nmodparam(\"tm\", \"fr_timer\", 7)\nmodparam(\"usrloc\", \"db_mode\", 2)")
	waiting, err := s.d.ReloadScript()
	if got := strings.Join(waiting, " "); err != nil || got != "udp_workers tm.fr_timer usrloc.db_mode" {
		t.Errorf("waiting are %q, error %v", got, err)
	}
	if got := answering(alice, "new"); got != "new" {
		t.Errorf("the script %q answers", got)
	}
	if !s.d.modules.Domain.Local([]byte("new.example")) {
		t.Error("the new alias is not ours")
	}
	if timers := s.d.modules.Tm.Settings(); timers.FrTimer != 0 {
		t.Errorf("fr_timer became %v while the router works", timers.FrTimer)
	}
	// They wait until the next start, however often the script is read again.
	if waiting, err := s.d.ReloadScript(); err != nil || strings.Join(waiting, " ") != "udp_workers tm.fr_timer usrloc.db_mode" {
		t.Errorf("the same script again: %v, waiting %q", err, waiting)
	}
	s.write("new", "modparam(\"tm\", \"fr_timer\", 8)")
	if waiting, err := s.d.ReloadScript(); err != nil || strings.Join(waiting, " ") != "tm.fr_timer" {
		t.Errorf("what is in force again, but for one: %v, waiting %q", err, waiting)
	}
	s.write("old", "")
	if waiting, err := s.d.ReloadScript(); err != nil || len(waiting) > 0 {
		t.Errorf("the script of the start: %v, waiting %q", err, waiting)
	}
}

// TestReloadOfLiveParameter: a parameter that its module takes while it works is in force
// at once; one that is gone waits for the next start, because its default is unknown here.
func TestReloadOfLiveParameter(t *testing.T) {
	s := newReloadStand(t)
	alice, bob := s.phone("alice"), s.phone("bob")
	hops := func(callID string) string {
		alice.send(alice.request("INVITE", "sip:bob@"+bob.conn.LocalAddr().String(), callID, 1, ""))
		invite := bob.expect("INVITE ")
		bob.answer(invite, 486)
		alice.expect("SIP/2.0 480")
		return string(invite.HeaderValue(sip.HdrMaxForwards))
	}
	for i, x := range []struct{ settings, want, waiting string }{
		{`loadmodule "maxfwd.so"`, "69", ""},
		{"loadmodule \"maxfwd.so\"\nmodparam(\"maxfwd\", \"max_limit\", 20)", "20", ""},
		{"loadmodule \"maxfwd.so\"\nmodparam(\"maxfwd\", \"max_limit\", 30)", "30", ""},
		{`loadmodule "maxfwd.so"`, "30", "maxfwd.max_limit"},
		{`loadmodule "maxfwd.so"`, "30", "maxfwd.max_limit"}, // still
		{"loadmodule \"maxfwd.so\"\nmodparam(\"maxfwd\", \"max_limit\", 30)", "30", ""},
	} {
		s.write("new", x.settings)
		text, err := os.ReadFile(s.cfg.Script)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte("\tt_relay();"), []byte("\tmf_process_maxfwd_header(10);\n\tt_relay();"), 1)
		if err := os.WriteFile(s.cfg.Script, text, 0o600); err != nil {
			t.Fatal(err)
		}
		waiting, err := s.d.ReloadScript()
		if got := strings.Join(waiting, " "); err != nil || got != x.waiting {
			t.Errorf("%s: waiting are %q, error %v", x.settings, got, err)
		}
		if got := hops(fmt.Sprintf("hops-%d", i)); got != x.want {
			t.Errorf("%s: Max-Forwards is %s, want %s", x.settings, got, x.want)
		}
	}
}

// TestReloadOfLaterModule: of a module that only a reload has loaded, what that said is in
// force, and another value waits.
func TestReloadOfLaterModule(t *testing.T) {
	s := newReloadStand(t)
	for i, x := range []struct{ settings, waiting string }{
		{"loadmodule \"rr.so\"\nmodparam(\"rr\", \"enable_full_lr\", 1)", ""},
		{"loadmodule \"rr.so\"\nmodparam(\"rr\", \"enable_full_lr\", 0)", "rr.enable_full_lr"},
		{"loadmodule \"rr.so\"\nmodparam(\"rr\", \"enable_full_lr\", 0)\ntcp_max_connections=50", "tcp_max_connections rr.enable_full_lr"},
		{"loadmodule \"rr.so\"\nmodparam(\"rr\", \"enable_full_lr\", 1)", ""},
		{`loadmodule "rr.so"`, "rr.enable_full_lr"},
	} {
		s.write("new", x.settings)
		waiting, err := s.d.ReloadScript()
		if got := strings.Join(waiting, " "); err != nil || got != x.waiting {
			t.Errorf("%d: waiting are %q, error %v", i, got, err)
		}
	}
}

// slowReloader takes five seconds, as with a database that does not answer.
type slowReloader struct{ err error }

func (r slowReloader) Reload(context.Context) error {
	time.Sleep(5 * time.Second)
	return r.err
}

// TestReloadAtOnce: the modules do not wait for each other.
func TestReloadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		start := time.Now()
		reloadAll(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), map[string]control.Reloader{
			"one": slowReloader{}, "two": slowReloader{errors.New("it is away")}, "three": slowReloader{},
		})
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("the reload took %v", took)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "module=two error=\"it is away\"") {
			t.Errorf("the log is %s", log.String())
		}
	})
}

// TestScriptReloadMethod: script.reload of the control socket and seraphctl.
func TestScriptReloadMethod(t *testing.T) {
	s := newReloadStand(t)
	c, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s.write("new", "port=5070")
	if got, err := c.ScriptReload(t.Context()); err != nil || !got.OK || len(got.Errors) != 0 || len(got.AtNextStart) != 1 || got.AtNextStart[0] != "port" {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.WriteFile(s.cfg.Script, []byte("route {\n\tt_rely();\n}"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := c.ScriptReload(t.Context())
	if err != nil || got.OK || len(got.Errors) != 1 || got.Errors[0].Line != 2 || got.Errors[0].Column != 2 || got.Errors[0].File != s.cfg.Script {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.Remove(s.cfg.Script); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ScriptReload(t.Context()); err == nil || !strings.Contains(err.Error(), "the old script stays in force") {
		t.Errorf("a script that is gone: %v", err)
	}
	if got := answering(s.phone("alice"), "new"); got != "new" {
		t.Errorf("the script %q answers", got)
	}
}

// TestScriptCheckShowsScriptsOnly: who may ask the proxy to check a file does not get to
// see what stands in its other files.
func TestScriptCheckShowsScriptsOnly(t *testing.T) {
	s := newReloadStand(t)
	c, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	secret := filepath.Join(s.cfg.State, "key.txt")
	if err := os.WriteFile(secret, []byte("hunter2 is the key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]ctlproto.ScriptCheckParams{
		"the file":              {File: secret},
		"an included file":      {File: "/tmp/mine.cfg", Text: "include_file \"" + secret + "\"\nroute { ; }"},
		"a relative one":        {Text: "include_file \"key.txt\"\nroute { ; }"},
		"a device, not waiting": {Text: "include_file \"/dev/zero\"\nroute { ; }"},
	} {
		got, err := c.ScriptCheck(t.Context(), p)
		if err != nil || got.OK || len(got.Errors) == 0 {
			t.Fatalf("%s: %+v, %v", name, got, err)
		}
		for _, e := range got.Errors {
			if strings.Contains(e.Message+e.Caret, "hunter2") {
				t.Errorf("%s is shown: %+v", name, e)
			}
		}
	}
	mine, err := c.ScriptCheck(t.Context(), ctlproto.ScriptCheckParams{Text: "rout { ; }"})
	if err != nil || len(mine.Errors) == 0 || !strings.Contains(mine.Errors[0].Caret, "rout {") {
		t.Errorf("of a text that the caller has sent: %+v, %v", mine, err)
	}
}

// TestReloadUnderLoad: requests that come while the script is reloaded again and again
// are all answered, each by one of the scripts.
func TestReloadUnderLoad(t *testing.T) {
	s := newReloadStand(t)
	alice := s.phone("alice")
	done := make(chan error)
	go func() {
		var failed error
		for i := range 40 {
			name := "even"
			if i%2 == 1 {
				name = "odd"
			}
			text := strings.NewReplacer("%NAME%", name, "%SETTINGS%", "debug="+strings.Repeat("1", i%3+1)).Replace(reloadScript)
			failed = errors.Join(failed, os.WriteFile(s.cfg.Script+".new", []byte(text), 0o600), os.Rename(s.cfg.Script+".new", s.cfg.Script))
			_, err := s.d.ReloadScript()
			failed = errors.Join(failed, err)
		}
		done <- failed
	}()
	seen := map[string]int{}
	for i := 0; ; i++ {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			if len(seen) < 2 {
				t.Errorf("the answers were of %v", seen)
			}
			return
		default:
		}
		seen[answering(alice, fmt.Sprintf("load-%d", i))]++
	}
}

// TestReloadTakesModuleBack: a module of the start that a reload leaves out, a line commented out
// by mistake, works on and is named; the script of before is taken again.
func TestReloadTakesModuleBack(t *testing.T) {
	const pike = "loadmodule \"pike.so\"\nmodparam(\"pike\", \"reqs_density_per_unit\", 30)"
	s := newStand(t, strings.NewReplacer("%NAME%", "old", "%SETTINGS%", pike).Replace(reloadScript))
	p := s.phone("alice")
	for i, x := range []struct{ settings, waiting string }{
		{"", "loadmodule pike, pike.reqs_density_per_unit"},
		{pike, ""},
		{"", "loadmodule pike, pike.reqs_density_per_unit"},
		{strings.Replace(pike, "30", "20", 1), ""},
		{pike + "\nmodparam(\"pike\", \"remove_latency\", 10)", "pike.remove_latency"},
	} {
		name := fmt.Sprintf("script-%d", i)
		s.write(name, x.settings)
		waiting, err := s.d.ReloadScript()
		if got := strings.Join(waiting, ", "); err != nil || got != x.waiting {
			t.Errorf("%d: waiting are %q, error %v", i, got, err)
		}
		if got := answering(p, name); got != name {
			t.Errorf("%d: the script in force is %q", i, got)
		}
	}
}

// TestReloadOfPipes: of a parameter that stands several times each change is in force, and what
// is not there any more is gone.
func TestReloadOfPipes(t *testing.T) {
	const load = "loadmodule \"ratelimit.so\"\n"
	pipe := func(value string) string { return fmt.Sprintf("modparam(\"ratelimit\", \"pipe\", %q)\n", value) }
	s := newStand(t, strings.NewReplacer("%NAME%", "old", "%SETTINGS%", load+pipe("0:TAILDROP:100")+pipe("1:TAILDROP:200")).Replace(reloadScript))
	for _, x := range []struct{ settings, want string }{
		{load + pipe("0:TAILDROP:5") + pipe("1:TAILDROP:200"), "0:5 1:200"},
		{load + pipe("1:RED:7"), "1:7"},
		{load, ""},
		{load + pipe("3:TAILDROP:1") + pipe("0:TAILDROP:9"), "0:9 3:1"},
		{load + pipe("0:TAILDROP:100") + pipe("1:TAILDROP:200"), "0:100 1:200"},
	} {
		s.write("new", x.settings)
		waiting, err := s.d.ReloadScript()
		if err != nil || len(waiting) > 0 {
			t.Errorf("%s: waiting are %q, error %v", x.settings, waiting, err)
		}
		var got []string
		for _, p := range s.d.modules.Guards.Ratelimit.Pipes() {
			got = append(got, fmt.Sprintf("%d:%d", p.ID, p.Limit))
		}
		if strings.Join(got, " ") != x.want {
			t.Errorf("%s: the pipes are %q, want %s", x.settings, got, x.want)
		}
	}
	s.write("bad", load+pipe("0:TAILDROP:1")+pipe("1:NETWORK:7"))
	if _, err := s.d.ReloadScript(); err == nil {
		t.Error("a pipe of an unknown algorithm is taken")
	}
	if p := s.d.modules.Guards.Ratelimit.Pipes(); p[0].Limit != 100 {
		t.Errorf("a script that is refused has changed pipe 0 to %d", p[0].Limit)
	}
}

// TestReloadOfDebug: without debug the log has the level of the command line again.
func TestReloadOfDebug(t *testing.T) {
	s := newReloadStand(t)
	s.d.cfg.Level = new(slog.LevelVar)
	for _, x := range []struct {
		settings string
		want     slog.Level
	}{{"debug=0", slog.LevelError}, {"", slog.LevelInfo}, {"debug=4", slog.LevelDebug}, {"", slog.LevelInfo}} {
		s.write("new", x.settings)
		if _, err := s.d.ReloadScript(); err != nil {
			t.Fatal(err)
		}
		if got := s.d.cfg.Level.Level(); got != x.want {
			t.Errorf("%q: the level is %v, want %v", x.settings, got, x.want)
		}
	}
}

// TestReloadOfManaged: dlg_manage that a reload brings into some corner of the script and the next
// one takes out again leaves calls listed as before.
func TestReloadOfManaged(t *testing.T) {
	s := newStand(t, deploy.Script(), "alice", "bob")
	alice, bob := s.phone("alice"), s.phone("bob")
	alice.register()
	bob.register()
	managed := strings.Replace(deploy.Script(), "\nroute {", "\nroute {\n\tif ($rU == \"nobody\") dlg_manage();\n", 1)
	for _, x := range []struct {
		name, text string
		listed     int
	}{{"at first", deploy.Script(), 1}, {"narrowed", managed, 0}, {"taken back", deploy.Script(), 1}} {
		if err := os.WriteFile(s.cfg.Script, []byte(x.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.d.ReloadScript(); err != nil {
			t.Fatal(err)
		}
		id := strings.ReplaceAll(x.name, " ", "-")
		alice.start("INVITE", "sip:bob@"+testDomain, id, "")
		bob.answer(bob.expect("INVITE "), 200)
		alice.expect("SIP/2.0 200")
		listed := 0
		s.d.modules.Dialog.List(func(d ctlproto.Dialog) bool {
			if d.CallID == id {
				listed++
			}
			return true
		})
		if listed != x.listed {
			t.Errorf("%s: %d calls are listed, want %d", x.name, listed, x.listed)
		}
	}
}
