package mailer

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// mailServer is a small SMTP server: it does what its fields say, and keeps what
// it was given.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	// tls is offered by STARTTLS; implicit speaks it from the first byte.
	tls      *tls.Config
	implicit bool
	// password, if not empty, is wanted by AUTH PLAIN.
	password string
	// refuse answers a command with something else, by its first word.
	refuse map[string]string
	// mute accepts connections and says nothing.
	mute bool

	mu   sync.Mutex
	got  []received
	seen []string // commands
	wait sync.WaitGroup
	// conns are open.
	conns map[net.Conn]bool
}

// received is one mail as it came over the wire.
type received struct {
	from, to string
	data     string
	secure   bool
}

// serve starts the server; it ends with the test.
func (s *mailServer) serve(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.t, s.listener, s.conns = t, l, map[net.Conn]bool{}
	s.wait.Go(s.accept)
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wait.Wait()
	})
	return s
}

func (s *mailServer) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.wait.Go(func() { s.talk(c) })
	}
}

// port is where it listens.
func (s *mailServer) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// talk is one connection.
func (s *mailServer) talk(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	secure := s.implicit
	if s.implicit {
		c = tls.Server(c, s.tls)
	}
	if s.mute {
		_, _ = bufio.NewReader(c).ReadString('\n') // until it is closed
		return
	}
	in := bufio.NewReader(c)
	say := func(line string) { _, _ = c.Write([]byte(line + "\r\n")) }
	say("220 mail.test ESMTP")
	var now received
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		word := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		s.note(line)
		if answer := s.refuse[word]; answer != "" {
			say(answer)
			continue
		}
		switch word {
		case "EHLO", "HELO":
			for _, extension := range s.extensions(secure) {
				say("250-" + extension)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go")
			c = tls.Server(c, s.tls)
			in, secure = bufio.NewReader(c), true
		case "AUTH":
			s.auth(line, say)
		case "MAIL":
			now = received{from: line, secure: secure}
			say("250 ok")
		case "RCPT":
			now.to += line
			say("250 ok")
		case "DATA":
			say("354 go")
			now.data = readData(in)
			if answer := s.refuse["DOT"]; answer != "" {
				say(answer)
				continue
			}
			s.keep(now)
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) extensions(secure bool) []string {
	list := []string{"mail.test"}
	if s.tls != nil && !secure {
		list = append(list, "STARTTLS")
	}
	if s.password != "" {
		list = append(list, "AUTH PLAIN")
	}
	return list
}

// auth checks AUTH PLAIN (RFC 4616).
func (s *mailServer) auth(line string, say func(string)) {
	words := strings.Fields(line)
	text, err := base64.StdEncoding.DecodeString(words[len(words)-1])
	if err != nil || string(text) != "\x00portal\x00"+s.password {
		say("535 no")
		return
	}
	say("235 ok")
}

// readData is the text until the line with the dot.
func readData(in *bufio.Reader) string {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return b.String()
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *mailServer) keep(m received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, m)
}

func (s *mailServer) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, line)
}

// mails are what it was given so far.
func (s *mailServer) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.got...)
}

// commands are what it was told.
func (s *mailServer) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.seen, "\n")
}

// certificate makes a certificate for a host, and who trusts it.
func certificate(t *testing.T, host string) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	return server, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
