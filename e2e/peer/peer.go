// Package peer is a scripted SIP user agent for tests: it sends exactly the bytes
// that the test says and expects the messages that the test names. It does no
// retransmission, answers nothing by itself and shares no code with the router.
package peer

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"seraph/e2e/proc"
)

// Config says who the peer is.
type Config struct {
	Name     string // user part
	Domain   string
	Password string // answers challenges in Register and Call; "" does not
	Network  string // "udp" (default), "tcp", "tls", "ws" or "wss"
	IP       string // local address, "127.0.0.1" unless given
	Port     int    // local port, a free one unless given
	Router   string // "ip:port" that everything goes to
	// Claim is the "host:port" that Via and Contact name instead of the real
	// one, as a phone behind NAT does; its Via then asks for rport.
	Claim string
	// TLS is the setting of connections to the router over tls and wss; the router's
	// certificate is for the peer's domain unless it says otherwise.
	TLS *tls.Config
	// Serve, if set, makes the peer's port one that takes TLS in place of TCP.
	Serve *tls.Config
}

// Peer is a user agent on one port, for UDP and for TCP.
type Peer struct {
	Config
	// Patience is the deadline of Expect, 5 s unless changed. Retransmissions
	// of the router arrive within it, so a lost datagram does not fail a test.
	Patience time.Duration
	// OnMessage, if set before anything arrives, sees every message at once, on the
	// goroutine that read it: for phones that must answer without the delay of a
	// waiting test.
	OnMessage func(*Message)

	t       testing.TB
	in      inbox
	port    int
	udp     *net.UDPConn
	tcp     *net.TCPListener
	mu      sync.Mutex
	out     net.Conn // TCP to the router
	conns   []net.Conn
	reading sync.WaitGroup
	cseq    int
}

// New opens a peer; it closes with the test.
func New(t testing.TB, c Config) *Peer {
	t.Helper()
	if c.IP == "" {
		c.IP = "127.0.0.1"
	}
	if c.Network == "" {
		c.Network = "udp"
	}
	if c.Claim == "" && strings.HasPrefix(c.Network, "ws") {
		c.Claim = Token() + ".invalid" // a page has no address (RFC 7118 §5)
	}
	p := &Peer{Config: c, Patience: 5 * time.Second, t: t}
	var err error
	if p.port = c.Port; p.port == 0 {
		if p.port, err = proc.FreePort(c.IP, 0); err != nil {
			t.Fatal(err)
		}
	}
	if p.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(c.IP), Port: p.port}); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	if err := p.udp.SetReadBuffer(4 << 20); err != nil { // hundreds of calls at once
		t.Fatalf("%s: %v", c.Name, err)
	}
	if p.tcp, err = net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(c.IP), Port: p.port}); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	p.reading.Add(2)
	go p.readUDP()
	go p.accept()
	t.Cleanup(p.Close)
	return p
}

// Close frees the peer's port, before the end of the test if another program is
// to have it. What arrived stays readable.
func (p *Peer) Close() {
	_ = p.udp.Close()
	_ = p.tcp.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.reading.Wait()
	p.faultless(p.t)
}

// Hangup closes the peer's TCP connection to the router, if there is one.
func (p *Peer) Hangup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		_ = p.out.Close()
		p.out = nil
	}
}

// Address is the real "ip:port" of the peer.
func (p *Peer) Address() string { return net.JoinHostPort(p.IP, strconv.Itoa(p.port)) }

// LocalPort is the real port of the peer.
func (p *Peer) LocalPort() int { return p.port }

// hostport is what Via and Contact say.
func (p *Peer) hostport() string {
	if p.Claim != "" {
		return p.Claim
	}
	return p.Address()
}

// AoR is the peer's address of record as a SIP URI.
func (p *Peer) AoR() string { return "sip:" + p.Name + "@" + p.Domain }

// ContactURI is the URI that the peer can be reached at, as it believes.
func (p *Peer) ContactURI() string {
	uri := "sip:" + p.Name + "@" + p.hostport()
	switch p.Network {
	case "tcp", "tls", "ws":
		uri += ";transport=" + p.Network
	case "wss":
		uri += ";transport=ws"
	}
	return uri
}

// Via is a new Via value with a fresh branch.
func (p *Peer) Via() string { return p.viaWith("z9hG4bK" + Token()) }

func (p *Peer) viaWith(branch string) string {
	via := fmt.Sprintf("SIP/2.0/%s %s;branch=%s", strings.ToUpper(p.Network), p.hostport(), branch)
	if p.Claim != "" {
		via += ";rport"
	}
	return via
}

// Token is a random word for tags, branches and Call-IDs.
func Token() string { return strings.ToLower(rand.Text()[:16]) }

// Send sends the message to the router.
func (p *Peer) Send(m *Message) *Message {
	p.t.Helper()
	m.At = time.Now()
	p.SendRaw(m.Bytes())
	return m
}

// SendRaw sends these very bytes to the router.
func (p *Peer) SendRaw(raw []byte) {
	p.t.Helper()
	if p.Network != "udp" {
		if _, err := p.connection().Write(raw); err != nil {
			p.t.Fatalf("%s: send to the router: %v", p.Name, err)
		}
		return
	}
	router, err := net.ResolveUDPAddr("udp", p.Router)
	if err != nil {
		p.t.Fatalf("%s: router %q: %v", p.Name, p.Router, err)
	}
	if _, err := p.udp.WriteTo(raw, router); err != nil {
		p.t.Fatalf("%s: send to the router: %v", p.Name, err)
	}
}

// connection is the peer's connection to the router, opened when needed.
func (p *Peer) connection() net.Conn {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		return p.out
	}
	d := net.Dialer{Timeout: p.Patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(p.IP)}}
	conn, err := d.Dial("tcp", p.Router)
	if err != nil {
		p.t.Fatalf("%s: connect to the router: %v", p.Name, err)
	}
	p.conns = append(p.conns, conn)
	p.reading.Add(1)
	if p.out, err = p.secured(conn); err != nil {
		p.reading.Done()
		p.t.Fatalf("%s: connect to the router over %s: %v", p.Name, p.Network, err)
	}
	if w, ok := p.out.(*webSocket); ok {
		go p.readWebSocket(w)
	} else {
		go p.readStream(p.out)
	}
	return p.out
}

// secured does what the network wants beyond TCP.
func (p *Peer) secured(conn net.Conn) (net.Conn, error) {
	_ = conn.SetDeadline(time.Now().Add(p.Patience))
	defer func() { _ = conn.SetDeadline(time.Time{}) }()
	if p.Network == "tls" || p.Network == "wss" {
		cfg := p.TLS.Clone()
		if cfg.ServerName == "" {
			cfg.ServerName = p.Domain
		}
		c := tls.Client(conn, cfg)
		if err := c.Handshake(); err != nil {
			return nil, err
		}
		conn = c
	}
	if strings.HasPrefix(p.Network, "ws") {
		w, err := openWebSocket(conn, p.Domain)
		if err != nil {
			return nil, err // and no *webSocket in the interface
		}
		return w, nil
	}
	return conn, nil
}

func (p *Peer) readWebSocket(w *webSocket) {
	defer p.reading.Done()
	for {
		raw, err := w.next()
		if err != nil {
			return
		}
		p.receive(raw, flow{conn: w})
	}
}

// Back sends a message the way another one came: a response to its request's flow.
func (p *Peer) Back(came, m *Message) *Message {
	p.t.Helper()
	m.At = time.Now()
	var err error
	if came.flow.conn != nil {
		_, err = came.flow.conn.Write(m.Bytes())
	} else {
		_, err = p.udp.WriteTo(m.Bytes(), came.flow.addr)
	}
	if err != nil {
		p.t.Fatalf("%s: send %s back: %v", p.Name, m, err)
	}
	return m
}

func (p *Peer) readUDP() {
	defer p.reading.Done()
	buf := make([]byte, 65536)
	for {
		n, from, err := p.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		p.receive(bytes.Clone(buf[:n]), flow{addr: from})
	}
}

func (p *Peer) accept() {
	defer p.reading.Done()
	for {
		conn, err := p.tcp.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.conns = append(p.conns, conn)
		p.mu.Unlock()
		p.reading.Add(1)
		if p.Serve != nil {
			conn = tls.Server(conn, p.Serve)
		}
		go p.readStream(conn)
	}
}

func (p *Peer) readStream(conn net.Conn) {
	defer p.reading.Done()
	in := bufio.NewReader(conn)
	for {
		raw, err := readFramed(in)
		if err != nil {
			return
		}
		if len(raw) > 0 {
			p.receive(raw, flow{conn: conn})
		}
	}
}

// readFramed reads one message by its Content-Length; CRLF between messages
// (keep-alives, RFC 5626 §3.5.1) gives nil.
func readFramed(in *bufio.Reader) ([]byte, error) {
	var head []byte
	length := 0
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		head = append(head, line...)
		text := string(bytes.TrimRight(line, "\r\n"))
		if text == "" {
			break
		}
		name, value, _ := strings.Cut(text, ":")
		if textproto.TrimString(name) != "" && canonical(textproto.TrimString(name)) == "content-length" {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return nil, fmt.Errorf("bad Content-Length %q", value)
			}
		}
	}
	if len(head) <= 2 {
		return nil, nil
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, err
	}
	return append(head, body...), nil
}

func (p *Peer) receive(raw []byte, from flow) {
	if len(bytes.Trim(raw, "\r\n\x00")) == 0 {
		return // a NAT keep-alive
	}
	m, err := Parse(raw)
	if err != nil {
		p.in.fault(fmt.Sprintf("%v: %q", err, raw))
		return
	}
	m.flow, m.At = from, time.Now()
	p.in.put(m)
	if p.OnMessage != nil {
		p.OnMessage(m)
	}
}
