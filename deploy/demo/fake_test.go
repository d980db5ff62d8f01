package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMain lets the test binary be, by the name it is called with, the demo
// itself and the programs that it starts.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "seraph-demo":
		main()
	case "seraph-proxy":
		os.Exit(fakeProxy(arguments(os.Args[1:])))
	case "seraph-webui":
		os.Exit(fakePortal(arguments(os.Args[1:])))
	}
	os.Exit(m.Run())
}

// arguments reads "--name value" pairs.
func arguments(args []string) map[string][]string {
	values := map[string][]string{}
	for i := 0; i+1 < len(args); i += 2 {
		name := strings.TrimPrefix(args[i], "--")
		values[name] = append(values[name], args[i+1])
	}
	return values
}

// fakeProxy greets on the control socket and says 200 to every REGISTER.
func fakeProxy(args map[string][]string) int {
	if os.Getenv("FAKE_PROXY") == "dies" {
		fmt.Fprintln(os.Stderr, "line one\nI cannot go on")
		return 3
	}
	note(args["state"][0], "proxy.pid")
	fmt.Println("arguments", os.Args[1:])
	os.Remove(args["ctl"][0]) // the dead one of a proxy that was killed
	ctl, err := net.Listen("unix", args["ctl"][0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go func() {
		for {
			c, err := ctl.Accept()
			if err != nil {
				return
			}
			fmt.Fprintln(c, `{"jsonrpc":"2.0","method":"hello","params":{"name":"seraph-proxy","version":"fake","protocol":1}}`)
		}
	}()
	conn, err := net.ListenPacket("udp", strings.TrimPrefix(args["listen"][0], "udp:"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go registrar(conn)
	waitForEnd()
	ctl.Close()
	return 0
}

func registrar(conn net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		reply := []string{"SIP/2.0 200 OK"}
		in := bufio.NewScanner(strings.NewReader(string(buf[:n])))
		for in.Scan() {
			name, value, _ := strings.Cut(in.Text(), ":")
			switch strings.ToLower(name) {
			case "via", "from", "call-id", "cseq", "contact":
				reply = append(reply, in.Text())
			case "to":
				reply = append(reply, in.Text()+";tag=fake")
				fmt.Println("REGISTER", value)
			}
		}
		if _, err := conn.WriteTo([]byte(strings.Join(reply, "\r\n")+"\r\nContent-Length: 0\r\n\r\n"), from); err != nil {
			return
		}
	}
}

// fakePortal is healthy.
func fakePortal(args map[string][]string) int {
	database, err := url.PathUnescape(strings.TrimPrefix(args["db"][0], "sqlite://"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	note(filepath.Dir(database), "webui.pid")
	fmt.Println("the portal's last words")
	l, err := net.Listen("tcp", args["listen"][0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck // it ends with the process
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		}
	}))
	waitForEnd()
	return 0
}

// note leaves the process id in a file.
func note(folder, name string) {
	if err := os.WriteFile(filepath.Join(folder, name), fmt.Append(nil, os.Getpid()), 0o600); err != nil {
		fmt.Println(err)
	}
}

func waitForEnd() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
}
