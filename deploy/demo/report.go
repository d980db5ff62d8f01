package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// reportFile is there exactly while the demo serves; only its owner can read it.
const reportFile = "demo.json"

// report is the content of reportFile.
type report struct {
	URL    string  `json:"url"`
	Admin  string  `json:"admin_url"`
	Ctl    string  `json:"ctl"` // path of the control socket
	SIP    string  `json:"sip"` // IP:port of the router, UDP and TCP
	Domain string  `json:"domain"`
	DB     string  `json:"db"`  // URL of the database
	PID    int     `json:"pid"` // of the demo; a file with another one is left from a demo that was killed
	Users  []login `json:"users"`
}

// login is one user of the report.
type login struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Admin    bool   `json:"admin,omitempty"` // may sign in at admin_url
}

func (d *demo) report() report {
	r := report{URL: d.url(), Admin: d.adminURL(), Ctl: d.socket, SIP: d.sipAddr().String(), Domain: domain, DB: d.database, PID: os.Getpid()}
	for _, p := range cast {
		r.Users = append(r.Users, login{p.name, d.passwords[p.name], p.admin})
	}
	return r
}

// retract removes reportFile.
func (f *folder) retract() error {
	if err := os.Remove(f.file(reportFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// introduce tells a newcomer what there is and what to try.
func (d *demo) introduce() {
	var b strings.Builder
	for _, line := range d.moved {
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "\nSeraph is running. Open  %s  and sign in:\n\n", d.url())
	for _, p := range cast {
		state := "nobody is registered: take a phone of your own"
		switch {
		case p.phone:
			state = "has a phone that answers by itself"
		case p.admin:
			state = "administers at  " + d.adminURL()
		}
		fmt.Fprintf(&b, "  user %-6s password %s   %s\n", p.name, d.passwords[p.name], state)
	}
	ctl := shell(d.bin+"/seraphctl") + " --socket " + shell(d.socket) + " --state " + shell(d.folder.path)
	fmt.Fprintf(&b, `
What to try:
  1. Sign in as alice. In her phone book Bob is on line, Carol offline, Dana non-local.
  2. Click Bob's name: alice's phone rings and answers, it calls bob's, both are connected.
  3. While her phone was off, bob called and wrote: look at her Missed calls and Messages.
  4. Sign in as admin at %[6]s: add a user, for instance.
  5. In another terminal:
       %[1]s online
       %[1]s dial alice bob
       %[1]s message alice bob 'Hello Bob'
  6. Register a real phone or a softphone as carol: domain %[2]s, outbound proxy %[3]s
     (UDP or TCP). %[4]s

Files: %[5]s (database, logs, demo.json); remove the folder to begin anew.
Ctrl-C ends everything.

`, ctl, domain, d.sipAddr(), d.reach(), d.folder.path, d.adminURL())
	fmt.Fprint(d.out, b.String()) // a closed terminal is noticed by its signal
}

// shell quotes a path for the shell, where that is needed.
func shell(path string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%"
	if strings.IndexFunc(path, func(r rune) bool { return !strings.ContainsRune(plain, r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// reach says from where a phone can come.
func (d *demo) reach() string {
	if d.host.IsLoopback() {
		return "Only this machine can reach it: DEMO_LISTEN=0.0.0.0 lets others in."
	}
	return "Other machines can reach it: so can everybody in this network."
}
