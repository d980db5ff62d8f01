package daemon

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"seraph/proxy/internal/sip"
	"seraph/sql/store"
)

// stand is a whole proxy on real sockets, with a SQLite database.
type stand struct {
	t    testing.TB
	d    *Daemon
	db   *store.DB
	url  string
	addr netip.AddrPort
	cfg  Config
}

// newStand starts a proxy with a script, "" being the embedded one, for these users.
func newStand(t testing.TB, script string, users ...string) *stand {
	t.Helper()
	return newStandOn(t, []string{"udp:127.0.0.1:0", "tcp:127.0.0.1:0"}, script, users...)
}

// newStandOn is newStand with other sockets, of which the phones use the first one.
func newStandOn(t testing.TB, listen []string, script string, users ...string) *stand {
	t.Helper()
	dir := t.TempDir()
	sockets, err := os.MkdirTemp("", "stand") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	s := &stand{t: t, url: "sqlite://" + filepath.Join(dir, "seraph.db")}
	addUsers(t, s.url, users...)
	s.cfg = Config{
		Version: "test", DB: s.url, State: dir, Control: filepath.Join(sockets, "ctl"), Listen: listen,
		Log: slog.New(slog.DiscardHandler),
	}
	if script != "" {
		s.cfg.Script = filepath.Join(dir, "seraph.cfg")
		if err := os.WriteFile(s.cfg.Script, []byte(strings.ReplaceAll(script, "DBURL", s.url)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.db, err = store.Open(t.Context(), s.url, store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.db.Close() })
	if s.d, err = Start(t.Context(), s.cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.d.Close(); err != nil {
			t.Error(err)
		}
	})
	s.addr = s.d.layer.Sockets()[0].Addr
	return s
}

// rows counts the rows that a query finds.
func (s *stand) rows(query string, args ...any) int {
	s.t.Helper()
	db := s.open()
	defer db.Close()
	var n int
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// open opens the database past the store.
func (s *stand) open() *sql.DB {
	s.t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(s.url, "sqlite://"))
	if err != nil {
		s.t.Fatal(err)
	}
	return db
}

// wait looks until f is true, at most ten seconds.
func (s *stand) wait(what string, f func() bool) {
	s.t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(10 * time.Second); !f(); <-look.C {
		if time.Now().After(end) {
			s.t.Fatalf("not within ten seconds: %s", what)
		}
	}
}

// phone is a phone on a UDP socket of its own.
type phone struct {
	t    testing.TB
	s    *stand
	conn *net.UDPConn
	user string
	n    int
	seen []*sip.Message // what was read and not asked for yet
}

func (s *stand) phone(user string) *phone {
	s.t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return &phone{t: s.t, s: s, conn: c, user: user}
}

func (p *phone) port() int { return p.conn.LocalAddr().(*net.UDPAddr).Port }

func (p *phone) send(msg []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(msg, p.s.addr); err != nil {
		p.t.Fatal(err)
	}
}

// request writes a request of this phone; lines replace or follow the usual ones.
func (p *phone) request(method, uri, callID string, cseq int, body string, lines ...string) []byte {
	p.n++
	head := map[string]string{
		"From": fmt.Sprintf("<sip:%s@%s>;tag=f%s", p.user, testDomain, callID), "To": "<" + uri + ">",
		"Contact": fmt.Sprintf("<sip:%s@127.0.0.1:%d>", p.user, p.port()),
	}
	if method == "REGISTER" {
		head["To"] = fmt.Sprintf("<sip:%s@%s>", p.user, testDomain)
	}
	if method == "MESSAGE" {
		head["Content-Type"] = "text/plain"
		delete(head, "Contact")
	}
	var more string
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		if _, usual := head[name]; usual {
			head[name] = value
			continue
		}
		more += l + "\r\n"
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK%s%d;rport\r\nMax-Forwards: 70\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, p.port(), callID, p.n, callID, cseq, method)
	for name, value := range head {
		if value != "" {
			text += name + ": " + value + "\r\n"
		}
	}
	return []byte(fmt.Sprintf("%s%sContent-Length: %d\r\n\r\n%s", text, more, len(body), body))
}

// expect returns the next message that begins with start.
func (p *phone) expect(start string) *sip.Message {
	p.t.Helper()
	m := p.within(10*time.Second, start)
	if m == nil {
		for _, o := range p.seen {
			p.t.Logf("there was %.60q", o.Buf)
		}
		p.t.Fatalf("phone of %s: no %q came", p.user, start)
	}
	return m
}

// within is expect that may find nothing.
func (p *phone) within(d time.Duration, start string) *sip.Message {
	p.t.Helper()
	end := time.Now().Add(d)
	for {
		for i, m := range p.seen {
			if strings.HasPrefix(string(m.Buf), start) {
				p.seen = append(p.seen[:i:i], p.seen[i+1:]...)
				return m
			}
		}
		_ = p.conn.SetReadDeadline(end)
		buf := make([]byte, 65536)
		n, err := p.conn.Read(buf)
		if err != nil {
			return nil
		}
		p.seen = append(p.seen, parse(p.t, &sip.Message{}, buf[:n]))
	}
}

// answer answers a request.
func (p *phone) answer(req *sip.Message, status int) {
	p.t.Helper()
	p.send(req.AppendReply(nil, &sip.Reply{Status: status, ToTag: []byte("t" + p.user), RecordRoute: true,
		Extra: []byte(fmt.Sprintf("Contact: <sip:%s@127.0.0.1:%d>\r\n", p.user, p.port()))}))
}

// register brings the phone on line.
func (p *phone) register(lines ...string) {
	p.t.Helper()
	p.tryRegister(lines...)
	p.expect("SIP/2.0 200")
}

// tryRegister sends a REGISTER with credentials.
func (p *phone) tryRegister(lines ...string) {
	p.t.Helper()
	uri := "sip:" + testDomain
	id := fmt.Sprintf("reg-%s-%d-%d", p.user, p.port(), p.n)
	p.send(p.request("REGISTER", uri, id, 1, "", lines...))
	nonce := challengeNonce(p.t, p.expect("SIP/2.0 401").Buf)
	p.send(p.request("REGISTER", uri, id, 2, "", append(lines, "Authorization: "+digest("REGISTER", uri, p.user, nonce, 1))...))
}

// start sends a request with credentials and returns it.
func (p *phone) start(method, uri, callID, body string, lines ...string) *sip.Message {
	p.t.Helper()
	first := p.request(method, uri, callID, 1, body, lines...)
	p.send(first)
	nonce := challengeNonce(p.t, p.expect("SIP/2.0 407").Buf)
	if method == "INVITE" {
		p.ack(parse(p.t, &sip.Message{}, first), "x")
	}
	req := p.request(method, uri, callID, 2, body, append(lines, "Proxy-Authorization: "+digest(method, uri, p.user, nonce, 1))...)
	p.send(req)
	return parse(p.t, &sip.Message{}, req)
}

// inTransaction sends an ACK of a refusal, or a CANCEL.
func (p *phone) inTransaction(invite *sip.Message, method, toTag string, lines ...string) {
	p.t.Helper()
	to := string(invite.HeaderValue(sip.HdrTo))
	if toTag != "" {
		to += ";tag=" + toTag
	}
	cseq, err := invite.CSeq()
	if err != nil {
		p.t.Fatal(err)
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, invite.RequestURI(), invite.HeaderValue(sip.HdrVia), invite.HeaderValue(sip.HdrFrom), to, invite.CallID(), cseq.Number, method)
	for _, l := range lines {
		text += l + "\r\n"
	}
	p.send([]byte(text + noBody))
}

func (p *phone) ack(invite *sip.Message, toTag string) { p.inTransaction(invite, "ACK", toTag) }

func (p *phone) cancel(invite *sip.Message, lines ...string) {
	p.inTransaction(invite, "CANCEL", "", lines...)
}
