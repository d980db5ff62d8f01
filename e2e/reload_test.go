package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/e2e/peer"
	"seraph/e2e/stand"
	"seraph/e2e/wait"
)

// reloadScript is the script of the reload test: the answer to who is not there, and the
// header of what is relayed, name it; its routes stand in a file of their own.
const reloadScript = `#!define NAME "%s"
#!substdef "!STORY!%s!g"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
include_file "routes.cfg"
`

const reloadRoutes = `request_route {
	if (is_method("REGISTER")) { save("location"); exit; }
	if (loose_route()) { t_relay(); exit; }
	record_route();
	if (!lookup("location")) { sl_send_reply("480", NAME); exit; }
	t_on_branch("BRANCH");
	t_on_reply("REPLY");
	t_on_failure("FAILURE");
	t_relay();
}
branch_route[BRANCH] { append_hf("X-Branch: STORY $rU $T_branch_idx\r\n"); }
onreply_route[REPLY] { append_hf("X-Reply: STORY\r\n"); }
failure_route[FAILURE] { t_reply("480", "STORY failure of $rU"); }
`

// TestScriptReload: SIGHUP and seraphctl swap the script under a call that rings, one
// that is up and one that fails; a bad script changes nothing and is explained.
func TestScriptReload(t *testing.T) {
	if stand.OnKamailio() {
		return // it reads its script at the start only
	}
	script := func(name string) string { return fmt.Sprintf(reloadScript, name, name) }
	s := stand.Start(t, stand.Options{Script: "route { exit; }"})
	path := filepath.Join(s.Dir, "seraph.cfg")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.Dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("routes.cfg", reloadRoutes)
	write("seraph.cfg", script("first"))
	if out, code := s.TryCtl("", "script", "reload"); code == 0 || !strings.Contains(out, "can only be started with the router") {
		t.Fatalf("a script that loads modules with work of their own: %d, %s", code, out)
	}
	s.KillProxy()
	s.Launch()

	bob := s.Peer(peer.Config{Name: "bob", Password: "-"}).Registered()
	alice := s.Peer(peer.Config{Name: "walter", Domain: "elsewhere.example"})
	absent := func() string {
		call := alice.Call("sip:nobody@" + stand.Domain)
		final := call.Expects(480)
		call.AckFailure(final)
		return final.Start
	}
	up, other := connect(t, alice, bob)
	rings := alice.Call(bob.AoR())
	ringing := bob.Expect(peer.Request("INVITE"))
	if got := ringing.Get("X-Branch"); got != "first bob 0" {
		t.Errorf("the branch says %q", got)
	}
	bob.Reply(ringing, 180, "Ringing")
	rings.Expects(180)

	write("seraph.cfg", script("second"))
	if err := s.Proxy.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wait.For(t, 10*time.Second, "SIGHUP reads the script", func() error {
		if got := absent(); !strings.Contains(got, "second") {
			return fmt.Errorf("the answer is %q", got)
		}
		return nil
	})
	bob.Reply(ringing, 486, "Busy Here")
	if final := rings.Expects(480); !strings.Contains(final.Start, "first failure of bob") {
		t.Errorf("the call that rang ends with %q, which is not of the script that it began with", final.Start)
	} else {
		rings.AckFailure(final)
	}
	other.Send("INFO")
	alice.Reply(alice.Expect(peer.Request("INFO")), 200, "OK")
	bob.Expect(peer.Response(200, "INFO"))
	hangup(up, bob)
	alice.Expect(peer.Response(200, "BYE"))

	write("routes.cfg", reloadRoutes+"route[MORE] {\n\tt_rely();\n}\n")
	out, code := s.TryCtl("", "script", "reload")
	if code == 0 || !strings.Contains(out, filepath.Join(s.Dir, "routes.cfg")+`:15:2: there is no function "t_rely" (did you mean t_relay?)`) {
		t.Errorf("a bad script: %d, %s", code, out)
	}
	if got := absent(); !strings.Contains(got, "second") {
		t.Errorf("after a bad script the answer is %q", got)
	}
	write("routes.cfg", reloadRoutes)
	write("seraph.cfg", script("third")+"port=5099\n")
	if out := s.Ctl("", "script", "reload"); out != "reloaded; at the next start of the router only: port\n" {
		t.Errorf("reload says %q", out)
	}
	if got := absent(); !strings.Contains(got, "third") {
		t.Errorf("after the reload the answer is %q", got)
	}
	if out := s.Ctl("", "script", "check", path); !strings.Contains(out, ": ok\n") {
		t.Errorf("check says %q", out)
	}
	s.NothingLeft()
}
