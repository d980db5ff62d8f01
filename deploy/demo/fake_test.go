package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"seraph/sql/store"
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

// fakeProxy greets on the control socket, where it has no contact of anybody, says
// 200 to every REGISTER, and keeps calls and messages, all of which are for people
// who are away; with FAKE_PROXY=forgets it does not keep them.
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
			go answerCalls(c)
		}
	}()
	conn, err := net.ListenPacket("udp", strings.TrimPrefix(args["listen"][0], "udp:"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	db, err := store.Open(context.Background(), args["db"][0], store.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer db.Close()
	go registrar(conn, db)
	waitForEnd()
	ctl.Close()
	return 0
}

// answerCalls says to each call on the control socket that there is nothing such.
func answerCalls(c net.Conn) {
	in := bufio.NewScanner(c)
	for in.Scan() {
		var request struct {
			ID json.RawMessage `json:"id"`
		}
		if err := json.Unmarshal(in.Bytes(), &request); err != nil {
			return
		}
		fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32001,"message":"AOR not found"}}`+"\n", request.ID)
	}
}

// keep does with a request what a router does with one for somebody away, and
// returns the status of the answer; "" for none.
func keep(method string, db *store.DB, seq int) string {
	alice, bob := cast[0].aor(), cast[1].aor()
	forgets := os.Getenv("FAKE_PROXY") == "forgets"
	var err error
	switch {
	case method == "ACK":
		return ""
	case method == "INVITE" && !forgets:
		err = db.Calls.Record(context.Background(), []store.Call{{CallID: strconv.Itoa(seq), FromTag: "t", Caller: bob, CallerURI: bob.URI(), Callee: alice, Code: 480}})
	case method == "MESSAGE" && !forgets:
		_, err = db.Silo.Add(context.Background(), store.SiloMessage{Owner: alice, From: bob.URI(), To: alice.URI(), ContentType: "text/plain",
			Body: []byte("hi"), CallID: "c", Expires: time.Now().Add(time.Hour)}, 0)
	}
	if err != nil {
		fmt.Println(method, err)
	}
	return map[string]string{"INVITE": "480 Temporarily Unavailable", "MESSAGE": "202 Accepted"}[method]
}

func registrar(conn net.PacketConn, db *store.DB) {
	buf := make([]byte, 65536)
	for seq := 0; ; seq++ {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		method, _, _ := strings.Cut(string(buf[:n]), " ")
		status := "200 OK"
		if method != "REGISTER" {
			status = keep(method, db, seq)
		}
		if status == "" {
			continue
		}
		reply := []string{"SIP/2.0 " + status}
		in := bufio.NewScanner(strings.NewReader(string(buf[:n])))
		for in.Scan() {
			name, value, _ := strings.Cut(in.Text(), ":")
			switch strings.ToLower(name) {
			case "via", "from", "call-id", "cseq", "contact":
				reply = append(reply, in.Text())
			case "to":
				reply = append(reply, in.Text()+";tag=fake")
				fmt.Println(method, value)
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
