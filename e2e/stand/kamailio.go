package stand

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"seraph/e2e/proc"
	"seraph/e2e/wait"
)

//go:embed kamailio.cfg
var kamailioConfig string

// OnKamailio reports whether the tests run against Kamailio (SERAPH_E2E_ROUTER=kamailio).
// That tries the *tests*: a scripted peer that fails there is wrong, whatever
// our own router does. What only Seraph has is left out then.
func OnKamailio() bool { return os.Getenv("SERAPH_E2E_ROUTER") == "kamailio" }

// launchKamailio starts Kamailio in the router's place.
func (s *Stand) launchKamailio() {
	s.t.Helper()
	file := filepath.Join(s.Dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(kamailioConfig), 0o644); err != nil {
		s.t.Fatal(err)
	}
	args := []string{"-f", file, "-DD", "-E", "-Y", s.Dir}
	for _, ip := range s.options.IPs {
		at := net.JoinHostPort(ip, strconv.Itoa(s.ports[ip]))
		args = append(args, "-l", "udp:"+at, "-l", "tcp:"+at)
	}
	p, err := proc.Start(proc.Command{Name: "kamailio", Path: "kamailio", Args: args, Dir: s.Dir, LogDir: s.Dir})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Proxy = p
	wait.For(s.t, 20*time.Second, "Kamailio serves", func() error {
		if !p.Running() {
			s.t.Fatalf("kamailio ended with %d:\n%s", p.ExitCode(), p.Log.Tail(30))
		}
		return optionsAnswered(s.Address())
	})
}

// optionsAnswered asks a router for any answer at all.
func optionsAnswered(address string) error {
	conn, err := net.Dial("udp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	request := strings.Join([]string{
		"OPTIONS sip:" + address + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bKready%d", conn.LocalAddr(), time.Now().UnixNano()),
		"Max-Forwards: 70", "From: <sip:ready@elsewhere.example>;tag=1", "To: <sip:" + address + ">",
		"Call-ID: ready", "CSeq: 1 OPTIONS", "Content-Length: 0", "", "",
	}, "\r\n")
	if _, err := conn.Write([]byte(request)); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 2048))
	return err
}
