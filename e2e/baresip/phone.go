// Package baresip drives baresip as a real phone without a screen: it registers,
// rings, answers, takes REFER, plays a tone and records what it hears.
package baresip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

// modules is where Debian keeps baresip's modules.
const modules = "/usr/lib/baresip/modules"

// Account is what a phone is given.
type Account struct {
	User, Domain, Password string
	Router                 string // "ip:port"
	Network                string // "udp" (default) or "tcp"
	AutoAnswer             bool   // takes a call at once, else it rings until Accept
	RefuseTransfer         bool   // answers REFER with a refusal
	Tone                   int    // Hz of the tone it plays into a call
}

// Phone is one running baresip.
type Phone struct {
	Account
	*proc.Process
	t    testing.TB
	dir  string
	ctrl *control
}

// Start starts a phone and waits until it is registered; it ends with the test.
func Start(t testing.TB, a Account) *Phone {
	t.Helper()
	p := &Phone{Account: a, t: t, dir: t.TempDir()}
	if p.Network == "" {
		p.Network = "udp"
	}
	sip, err := proc.FreePort("127.0.0.1", 1)
	if err != nil {
		t.Fatal(err)
	}
	ctrl, err := proc.FreePort("127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	p.configure(sip, ctrl)
	p.Process, err = proc.Start(proc.Command{
		Name: "baresip-" + a.User, Path: "baresip", Args: []string{"-f", p.dir, "-s", "-v"}, Dir: p.dir, LogDir: p.dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Quit()
		if t.Failed() {
			t.Logf("trace of %s's phone:\n%s", a.User, p.Log.Tail(60))
		}
	})
	wait.For(t, 10*time.Second, a.User+"'s phone listens to commands", func() error {
		p.ctrl, err = dialControl(ctrl)
		return err
	})
	wait.For(t, 10*time.Second, a.User+"'s phone is registered", func() error {
		if !strings.Contains(p.Log.String(), "200 OK") || !strings.Contains(p.Log.String(), "REGISTER") {
			return fmt.Errorf("no 200 to its REGISTER yet")
		}
		return nil
	})
	return p
}

// configure writes the three files of baresip's configuration folder.
func (p *Phone) configure(sip, ctrl int) {
	p.t.Helper()
	tone := filepath.Join(p.dir, "tone.wav")
	p.write("config", strings.Join([]string{
		"poll_method epoll",
		fmt.Sprintf("sip_listen 127.0.0.1:%d", sip),
		"net_interface 127.0.0.1",
		"call_max_calls 4",
		"audio_source aufile," + tone,
		"audio_player aubridge,sink",
		"audio_alert aubridge,alert",
		"snd_path " + p.dir,
		"module_path " + modules,
		"module g711.so", "module aufile.so", "module aubridge.so", "module sndfile.so",
		"module_tmp account.so",
		"module_app contact.so", "module_app menu.so", "module_app ctrl_tcp.so",
		fmt.Sprintf("ctrl_tcp_listen 127.0.0.1:%d", ctrl), "",
	}, "\n"))
	params := fmt.Sprintf(`;auth_user=%s;auth_pass=%s;outbound="sip:%s;transport=%s";regint=600;audio_codecs=PCMU`,
		p.User, p.Password, p.Router, p.Network)
	if p.AutoAnswer {
		params += ";answermode=auto"
	}
	if p.RefuseTransfer {
		params += ";call_transfer=no"
	}
	p.write("accounts", fmt.Sprintf("<sip:%s@%s;transport=%s>%s\n", p.User, p.Domain, p.Network, params))
	p.write("contacts", "")
	if err := writeTone(tone, p.Tone, 60*time.Second); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Phone) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// Quit ends the phone the proper way: it hangs up and unregisters.
func (p *Phone) Quit() {
	p.t.Helper()
	if err := p.Stop(); err != nil {
		p.t.Error(err)
	}
}

// Accept takes the call that rings.
func (p *Phone) Accept() { p.command("accept", "") }

// Hangup refuses the call that rings (with 486 unless told otherwise) or ends the current one.
func (p *Phone) Hangup(params string) { p.command("hangup", params) }

// Dial calls a URI.
func (p *Phone) Dial(uri string) { p.command("dial", uri) }

func (p *Phone) command(name, params string) {
	p.t.Helper()
	if err := p.ctrl.run(name, params); err != nil {
		p.t.Fatalf("%s's phone: %s %s: %v", p.User, name, params, err)
	}
}

// Rings waits until the phone rings.
func (p *Phone) Rings() { p.event("CALL_INCOMING") }

// Talks waits until a call of the phone is established.
func (p *Phone) Talks() { p.event("CALL_ESTABLISHED") }

// Closes waits until a call of the phone has ended.
func (p *Phone) Closes() { p.event("CALL_CLOSED") }

func (p *Phone) event(name string) {
	p.t.Helper()
	if !wait.Until(15*time.Second, func() bool { return p.ctrl.take(name) }) {
		p.t.Fatalf("%s's phone: no %s within 15 s; it told %v", p.User, name, p.ctrl.seen())
	}
}

// Hears waits until the phone has recorded half a second of a tone.
func (p *Phone) Hears(hz int) {
	p.t.Helper()
	wait.For(p.t, 15*time.Second, fmt.Sprintf("%s hears %d Hz", p.User, hz), func() error {
		files, err := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return errors.New("nothing recorded yet")
		}
		for _, f := range files {
			if heard, err := containsTone(f, hz); err != nil || heard {
				return err
			}
		}
		return fmt.Errorf("not in %d recordings", len(files))
	})
}
