package phone

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// peer is the router as a phone sees it: a UDP socket and as much SIP as text as a test needs. It
// shares no code with the phone or with sipgo.
type peer struct {
	t    *testing.T
	conn *net.UDPConn
	to   *net.UDPAddr // the phone
	seq  int          // CSeq of the peer's requests

	seen map[string]bool // requests by branch and method, to recognise repeated ones
	kept []message       // received and not yet expected
}

// message is a received SIP message, cut into lines.
type message struct {
	start   string
	headers [][2]string
	body    string
}

// get gives the first header of a name, get-all-of-them is values.
func (m message) get(name string) string {
	if all := m.values(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (m message) values(name string) []string {
	var all []string
	for _, h := range m.headers {
		if strings.EqualFold(h[0], name) {
			all = append(all, h[1])
		}
	}
	return all
}

func (m message) method() string {
	_, method, _ := strings.Cut(m.get("CSeq"), " ")
	return method
}

func parseMessage(text string) message {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{start: lines[0], body: body}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		m.headers = append(m.headers, [2]string{name, strings.TrimSpace(value)})
	}
	return m
}

// newPair makes a phone and its peer. The test ends both.
func newPair(t *testing.T, change func(*Config)) (*Phone, *peer) {
	t.Helper()
	return newPairAt(t, netip.AddrFrom4([4]byte{127, 0, 0, 1}), change)
}

// newPairAt is newPair on another address of the machine.
func newPairAt(t *testing.T, ip netip.Addr, change func(*Config)) (*Phone, *peer) {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	cfg := Config{
		User: "alice", Domain: "example.org", Name: "Alice", Password: "sesame",
		Router: conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		Listen: netip.AddrPortFrom(ip, 0),
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	p, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.closeSockets() })
	return p, &peer{t: t, conn: conn, to: net.UDPAddrFromAddrPort(p.Addr()), seq: 100, seen: make(map[string]bool)}
}

// patience bounds how long next waits from now on; 0 makes it return at once.
func (r *peer) patience(d time.Duration) {
	if err := r.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		r.t.Error(err)
	}
}

// next reads one message; requests that were seen already are passed over.
func (r *peer) next() (message, bool) {
	buf := make([]byte, 65535)
	for {
		n, err := r.conn.Read(buf)
		if err != nil {
			return message{}, false
		}
		m := parseMessage(string(buf[:n]))
		key := m.get("Via") + m.method()
		if strings.HasPrefix(m.start, "SIP/") || !r.seen[key] {
			r.seen[key] = true
			return m, true
		}
	}
}

// expect gives the next message whose start line begins so. What else comes meanwhile is kept for
// later: the phone does several things at once.
func (r *peer) expect(start string) message {
	r.t.Helper()
	return r.expectNot(start, "\x00")
}

// expectNot is expect, but fails when something else comes first.
func (r *peer) expectNot(start, never string) message {
	r.t.Helper()
	for i, m := range r.kept {
		if strings.HasPrefix(m.start, start) {
			r.kept = slices.Delete(r.kept, i, i+1)
			return m
		}
	}
	r.patience(5 * time.Second)
	for {
		m, ok := r.next()
		switch {
		case !ok:
			r.t.Fatalf("no %q within 5 s", start)
		case strings.HasPrefix(m.start, start):
			return m
		case strings.HasPrefix(m.start, never):
			r.t.Fatalf("got %q before %q", m.start, start)
		}
		r.kept = append(r.kept, m)
	}
}

func (r *peer) send(text string) {
	r.t.Helper()
	if _, err := r.conn.WriteToUDP([]byte(text), r.to); err != nil {
		r.t.Fatal(err)
	}
}

// reply answers a request. The lines are further headers, each ended by CRLF.
func (r *peer) reply(req message, status, tag, lines, body string) {
	r.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for _, h := range req.headers {
		switch strings.ToLower(h[0]) {
		case "via", "from", "call-id", "cseq", "record-route":
			fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		case "to":
			to := h[1]
			if tag != "" && !strings.Contains(to, ";tag=") {
				to += ";tag=" + tag
			}
			fmt.Fprintf(&b, "To: %s\r\n", to)
		}
	}
	fmt.Fprintf(&b, "%sContent-Length: %d\r\n\r\n%s", lines, len(body), body)
	r.send(b.String())
}

// leg is the peer's end of a dialog.
type leg struct {
	callID, own, phone string // own and phone are the From and To values, with tags
	target             string
}

// invite sends an initial INVITE and returns it, for CANCEL and ACK.
func (r *peer) invite(callID, offer string) message {
	r.t.Helper()
	l := leg{
		callID: callID, own: "\"Click to dial\" <sip:controller@example.org>;tag=us-" + callID,
		phone:  "<sip:alice@example.org>",
		target: "sip:alice@" + r.to.String(),
	}
	// The nearest router is the peer itself; the second one is only listed.
	lines := "Record-Route: <sip:127.0.0.1:" + fmt.Sprint(r.port()) + ";lr;n=1>, <sip:192.0.2.1;lr>\r\n"
	if offer != "" {
		lines += "Content-Type: application/sdp\r\n"
	}
	return r.request("INVITE", l, lines, offer)
}

func (r *peer) port() int { return r.conn.LocalAddr().(*net.UDPAddr).Port }

// request sends a request in a dialog and gives it back as a message.
func (r *peer) request(method string, l leg, lines, body string) message {
	r.t.Helper()
	if method != "ACK" && method != "CANCEL" {
		r.seq++
	}
	text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%s-%s-%d\r\n"+
		"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:ua-1@127.0.0.1:%d>\r\n"+
		"Max-Forwards: 70\r\n%sContent-Length: %d\r\n\r\n%s",
		method, l.target, r.port(), l.callID, method, r.seq,
		l.own, l.phone, l.callID, r.seq, method, r.port(), lines, len(body), body)
	r.send(text)
	return parseMessage(text)
}

// established reads the phone's 200 to an INVITE, acknowledges it and gives the leg.
func (r *peer) established() (leg, message) {
	r.t.Helper()
	ok := r.expect("SIP/2.0 200")
	l := leg{
		callID: ok.get("Call-ID"), own: ok.get("From"), phone: ok.get("To"),
		target: strings.Trim(ok.get("Contact"), "<>"),
	}
	r.request("ACK", l, "", "")
	return l, ok
}

// heldOffer is what a click-to-dial controller offers.
const heldOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"

// checkDigest recomputes the response of RFC 7616 §3.4.1 (MD5, qop=auth) of an authorised request.
func checkDigest(t *testing.T, header, method, password, nonce string) {
	t.Helper()
	_, params, ok := strings.Cut(header, "Digest ")
	if !ok {
		t.Fatalf("credentials are %q", header)
	}
	v := map[string]string{}
	for _, p := range splitList(params) {
		key, value, _ := strings.Cut(p, "=")
		v[key] = strings.Trim(value, `"`)
	}
	h := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	want := h(h(v["username"]+":"+v["realm"]+":"+password) + ":" + nonce + ":" + v["nc"] + ":" + v["cnonce"] +
		":" + v["qop"] + ":" + h(method+":"+v["uri"]))
	if v["response"] != want || v["nonce"] != nonce || v["nc"] != "00000001" || v["username"] != "alice" {
		t.Errorf("credentials %q do not fit password %q", header, password)
	}
}

// challengeWith is a challenge header line.
func challengeWith(name, nonce, more string) string {
	return fmt.Sprintf("%s: Digest realm=\"example.org\", nonce=\"%s\", qop=\"auth\", algorithm=MD5%s\r\n", name, nonce, more)
}

// eventually waits for a condition that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for !holds() {
		if !wait(ctx, time.Millisecond) {
			t.Fatalf("not within 5 s: %s", what)
		}
	}
}

// idle says that the phone has no call.
func idle(p *Phone) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.calls) == 0
	}
}
