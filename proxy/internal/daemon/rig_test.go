package daemon

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/deploy"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/transport"
	"seraph/sql/aor"
	"seraph/sql/store"
)

// testDomain is the domain of the rig's users.
const testDomain = "example.org"

// rig is a whole proxy with the embedded script, fed with messages by hand: only
// the sockets of its phones are faked.
type rig struct {
	t     testing.TB
	d     *Daemon
	w     *transport.Worker
	proto transport.Proto
	sent  []outgoing // what the proxy sent since forget, in memory used again
	n     int
}

// outgoing is one message that the proxy sent.
type outgoing struct {
	to  transport.Flow
	msg []byte
}

// withoutDialog in the lines for newRig has module dialog not loaded.
const withoutDialog = "# without dialog.so\n"

// newRig starts the proxy; extra is put before the script's main route.
func newRig(t testing.TB, proto transport.Proto, extra string) *rig {
	t.Helper()
	return newRigOf(t, proto, extra, "", "", nil)
}

// newRigOf is newRig with lines at the begin of the main route and at the end of the
// script, and with what fill puts into the database.
func newRigOf(t testing.TB, proto transport.Proto, extra, begin, end string, fill func(t testing.TB, url string)) *rig {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "seraph.cfg")
	// The timers of transactions are shortened, so that their memory comes back soon.
	text := strings.Replace(deploy.Script(), "\nroute", "\nmodparam(\"tm\", \"retr_timer1\", 10)\n"+extra+"\nroute", 1)
	text = strings.Replace(text, "\nroute {\n", "\nroute {\n"+begin, 1) + end
	if strings.Contains(extra, withoutDialog) {
		text = strings.Replace(text, "loadmodule \"dialog.so\"\n", "", 1)
	}
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sockets, err := os.MkdirTemp("", "rig") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	url := "sqlite://" + filepath.Join(dir, "seraph.db")
	addUsers(t, url, "alice", "bob")
	if fill != nil {
		fill(t, url)
	}
	d, err := Start(t.Context(), Config{
		Version: "test", Script: script, DB: url, State: dir, Control: filepath.Join(sockets, "ctl"),
		Listen: []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, Log: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, d: d, proto: proto, sent: make([]outgoing, 8)}
	for i := range r.sent {
		r.sent[i].msg = make([]byte, 0, 4096)
	}
	r.w = transport.NewDetached(d.engine.NewScratch(), r.send)
	return r
}

// migrated is a database with the domain and no users. It is made once: the migrations are
// what a test's start would take most of its time for, above all under the race detector.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "migrated")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, file := context.Background(), filepath.Join(dir, "seraph.db")
	db, err := store.Open(ctx, "sqlite://"+file, store.Options{})
	if err != nil {
		return nil, err
	}
	_, err = db.Migrate(ctx)
	if err = errors.Join(err, db.Domains.Add(ctx, testDomain), db.Close()); err != nil { // Close leaves all in one file
		return nil, err
	}
	return os.ReadFile(file)
})

// addUsers makes the database with the domain and these users.
func addUsers(t testing.TB, url string, names ...string) {
	t.Helper()
	empty, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(strings.TrimPrefix(url, "sqlite://"), empty, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, name := range names {
		if err := db.Subscribers.Create(t.Context(), aor.AOR{User: name, Domain: testDomain}, "pw-"+name); err != nil {
			t.Fatal(err)
		}
	}
}

// send takes what the worker sends. It does not allocate.
func (r *rig) send(f transport.Flow, msg []byte) error {
	if r.n == len(r.sent) {
		return transport.ErrQueueFull
	}
	o := &r.sent[r.n]
	o.to, o.msg = f, append(o.msg[:0], msg...)
	r.n++
	return nil
}

// receive feeds one message and forgets what was sent before.
func (r *rig) receive(from transport.Flow, msg []byte) {
	r.n = 0
	r.d.engine.Receive(r.w, msg, from)
}

// the returns the first message since the last receive that begins with start.
func (r *rig) the(start string) []byte {
	for i := range r.sent[:r.n] {
		if m := r.sent[i].msg; len(m) >= len(start) && string(m[:len(start)]) == start {
			return m
		}
	}
	for i := range r.sent[:r.n] {
		r.t.Logf("sent to %v: %s", r.sent[i].to.Remote, r.sent[i].msg)
	}
	r.t.Fatalf("no %q was sent", start)
	return nil
}

// port is the port of a phone: of a socket that takes connections and reads nothing,
// so that the proxy can open one; what it sends there is taken by send.
func (r *rig) port() int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.t.Cleanup(func() { c.Close() })
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// flow is a phone's way to the proxy.
func (r *rig) flow(port uint16) transport.Flow {
	f := transport.Flow{Proto: r.proto, Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
	for i, s := range r.d.layer.Sockets() {
		if s.Proto == r.proto {
			f.Socket, f.Local = uint16(i), s.Addr
		}
	}
	if r.proto == transport.TCP {
		f.Conn = uint64(port)
	}
	return f
}

// head is what every request of a phone begins with.
func (r *rig) head(method, uri, user string, port, cseq int, callID, branch string) string {
	to := "<" + uri + ">"
	if method == "REGISTER" {
		to = "<sip:" + user + "@" + testDomain + ">"
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s 127.0.0.1:%d;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%s@%s>;tag=f%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, r.proto.Via(), port, branch, user, testDomain, callID, to, callID, cseq, method)
}

// contact is a phone's Contact line.
func (r *rig) contact(user string, port int) string {
	return fmt.Sprintf("Contact: <sip:%s@127.0.0.1:%d;transport=%s>\r\n", user, port, r.proto)
}

const noBody = "Content-Length: 0\r\n\r\n"

// register brings a phone on line.
func (r *rig) register(user string, port int) {
	r.t.Helper()
	uri := "sip:" + testDomain
	r.receive(r.flow(uint16(port)), []byte(r.head("REGISTER", uri, user, port, 1, "reg-"+user, "r1"+user)+r.contact(user, port)+noBody))
	nonce := challengeNonce(r.t, r.the("SIP/2.0 401"))
	r.receive(r.flow(uint16(port)), []byte(r.head("REGISTER", uri, user, port, 2, "reg-"+user, "r2"+user)+r.contact(user, port)+
		"Authorization: "+digest("REGISTER", uri, user, nonce, 1)+"\r\n"+noBody))
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(5 * time.Second); !r.d.modules.Usrloc.Table().Online(user + "@" + testDomain); <-look.C {
		if time.Now().After(end) {
			r.t.Fatalf("%s is not registered", user)
		}
	}
}

// challengeNonce reads the nonce of a 401 or 407.
func challengeNonce(t testing.TB, msg []byte) string {
	t.Helper()
	_, rest, ok := bytes.Cut(msg, []byte(`nonce="`))
	nonce, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed {
		t.Fatalf("no nonce in %s", msg)
	}
	return string(nonce)
}

// digest is the value of a credentials header (RFC 2617 §3.2.2, qop=auth).
func digest(method, uri, user, nonce string, count int) string {
	hash := func(s string) string {
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	nc := fmt.Sprintf("%08x", count)
	response := hash(aor.HA1(user, testDomain, "pw-"+user) + ":" + nonce + ":" + nc + ":c0ffee:auth:" + hash(method+":"+uri))
	return fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5, cnonce="c0ffee", qop=auth, nc=%s`,
		user, testDomain, nonce, uri, response, nc)
}

// parse reads a message that the proxy sent.
func parse(t testing.TB, m *sip.Message, msg []byte) *sip.Message {
	if err := m.Parse(msg); err != nil {
		t.Fatalf("%v in %s", err, msg)
	}
	return m
}

// replaceTo puts another To line into the head of a request.
func replaceTo(head, to string) string {
	before, rest, _ := strings.Cut(head, "To: ")
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + "To: " + to + "\r\n" + after
}
