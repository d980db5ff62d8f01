package main

import (
	"embed"
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

//go:embed *.cfg
var configs embed.FS

// router is one server that can be measured.
type router struct {
	product string // "seraph", "kamailio", or "kamailio" and how it is set up
	name    string // for the table
	command func(dir string, port int) (proc.Command, error)
	// prepare, if set, runs once the router serves.
	prepare func(dir string) error
}

// kamailio runs a configuration of the folder; args are further arguments.
func kamailio(config string, children int, args ...string) router {
	name := fmt.Sprintf("kamailio -n %d", children)
	return router{product: "kamailio", name: name, command: func(dir string, port int) (proc.Command, error) {
		cfg, err := write(dir, config)
		return proc.Command{
			Name: fmt.Sprintf("kamailio-%d", children), Path: "kamailio", Dir: dir, LogDir: dir,
			Args: append([]string{"-f", cfg, "-DD", "-E", "-x", "fm", "-X", "fm", "-b", "4194304", "-m", "4096",
				"-n", strconv.Itoa(children), "-l", listen(port), "-Y", dir}, args...),
		}, err
	}}
}

// seraph runs a configuration of the folder; args are further arguments. Without
// "--db" it has an SQLite database in its state folder.
func seraph(binary, config string, args ...string) router {
	return router{product: "seraph", name: "seraph", command: func(dir string, port int) (proc.Command, error) {
		cfg, err := write(dir, config)
		if err != nil {
			return proc.Command{}, err
		}
		state := filepath.Join(dir, stateFolder)
		return proc.Command{
			Name: "seraph", Path: binary, Dir: dir, LogDir: dir,
			Args: append([]string{"-f", cfg, "--state", state, "--listen", listen(port), "--ctl", filepath.Join(dir, "ctl.sock")}, args...),
		}, os.MkdirAll(state, 0o700)
	}}
}

const stateFolder = "state"

func listen(port int) string { return fmt.Sprintf("udp:127.0.0.1:%d", port) }

// write copies a configuration into dir.
func write(dir, name string) (string, error) {
	text, err := configs.ReadFile(name)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, text, 0o644)
}

// server is a running router with the address that calls go to.
type server struct {
	router
	*proc.Process
	commandLine string
	port        int
	first       result // of work that costs more the first time
}

// start returns when the router answers a REGISTER that is sent from the port
// callee with the wanted status.
func (r router) start(dir string, callee int, wanted string) (*server, error) {
	port, err := proc.FreePort("127.0.0.1", 0)
	if err != nil {
		return nil, err
	}
	c, err := r.command(dir, port)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", r.name, err)
	}
	p, err := proc.Start(c)
	if err != nil {
		return nil, err
	}
	line := filepath.Base(c.Path) + " " + strings.ReplaceAll(strings.Join(c.Args, " "), dir+"/", "")
	s := &server{router: r, Process: p, commandLine: line, port: port}
	err = s.register(callee, wanted)
	if err == nil && r.prepare != nil {
		err = r.prepare(dir)
	}
	if err != nil {
		_ = s.Stop()
		return nil, fmt.Errorf("%s does not serve: %w\n%s", r.name, err, p.Log.Tail(20))
	}
	return s, nil
}

// register binds sip:bob@127.0.0.1 to the callee's port, as soon as the router
// answers as wanted: 15 seconds at most. It is sent from that very port, before the
// callee takes it, because a router may call a phone where its REGISTER came from.
func (s *server) register(callee int, wanted string) error {
	loopback := net.IPv4(127, 0, 0, 1)
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: loopback, Port: callee}, &net.UDPAddr{IP: loopback, Port: s.port})
	if err != nil {
		return err
	}
	defer conn.Close()
	cseq := 0
	var last error
	if !wait.Until(15*time.Second, func() bool {
		if !s.Running() {
			last = fmt.Errorf("it ended")
			return true
		}
		cseq++
		last = s.registerOnce(conn, callee, cseq, wanted)
		return last == nil
	}) {
		return last
	}
	return last
}

func (s *server) registerOnce(conn net.Conn, callee, cseq int, wanted string) error {
	local, unique := conn.LocalAddr().String(), time.Now().UnixNano()
	request := strings.Join([]string{
		fmt.Sprintf("REGISTER sip:127.0.0.1:%d SIP/2.0", s.port),
		fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport", local, unique),
		"Max-Forwards: 70", "From: <sip:bob@127.0.0.1>;tag=bench", "To: <sip:bob@127.0.0.1>",
		fmt.Sprintf("Call-ID: bench-%d", unique), fmt.Sprintf("CSeq: %d REGISTER", cseq),
		fmt.Sprintf("Contact: <sip:bob@127.0.0.1:%d>", callee), "Expires: 3600", "Content-Length: 0", "", "",
	}, "\r\n")
	if _, err := conn.Write([]byte(request)); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		return err
	}
	status, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	if !strings.HasPrefix(status, "SIP/2.0 "+wanted+" ") {
		return fmt.Errorf("REGISTER was answered %q", status)
	}
	return nil
}
