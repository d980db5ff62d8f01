package baresip

import (
	"os"
	"path/filepath"
	"strings"
)

// Forget forgets what the phone has told and heard so far, so that what is waited for
// next is new.
func (p *Phone) Forget() {
	p.t.Helper()
	p.ctrl.mu.Lock()
	p.ctrl.events = nil
	p.ctrl.mu.Unlock()
	heard, err := filepath.Glob(filepath.Join(p.dir, "dump-*.wav"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range heard {
		if err := os.Remove(file); err != nil {
			p.t.Fatal(err)
		}
	}
}

// HasNotRung fails the test if the phone has rung since it forgot.
func (p *Phone) HasNotRung() {
	p.t.Helper()
	if p.ctrl.take("CALL_INCOMING") {
		p.t.Errorf("%s's phone has rung", p.User)
	}
}

// IsRefused gives the phone its own account once more, with which it registers at once,
// and waits until that has failed.
func (p *Phone) IsRefused() {
	p.t.Helper()
	account, err := os.ReadFile(filepath.Join(p.dir, "accounts"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.Forget()
	p.command("uanew", strings.TrimSpace(string(account)))
	p.event("REGISTER_FAIL")
}
