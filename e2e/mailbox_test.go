package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"seraph/e2e/wait"
)

// mailbox is a mail server that somebody else wrote, and what it was given.
type mailbox struct {
	t    *testing.T
	port int

	mu    sync.Mutex
	mails []delivery
}

// delivery is one mail.
type delivery struct{ from, to, subject, text string }

// newMailbox starts a mail server on the loopback; it ends with the test.
func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{t: t, port: l.Addr().(*net.TCPAddr).Port}
	server := smtp.NewServer(box)
	server.Domain = "mail.example.org"
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-ended; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	})
	return box
}

// NewSession implements smtp.Backend.
func (box *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &mailSession{box: box}, nil }

// mailSession is one connection.
type mailSession struct {
	box *mailbox
	now delivery
}

func (s *mailSession) Reset()        { s.now = delivery{} }
func (s *mailSession) Logout() error { return nil }

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.now.from = from
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.now.to = strings.TrimSpace(s.now.to + " " + to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return err
	}
	text := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		text = quotedprintable.NewReader(text)
	}
	content, err := io.ReadAll(text)
	if err != nil {
		return err
	}
	s.now.subject, s.now.text = m.Header.Get("Subject"), string(content)
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	s.box.mails = append(s.box.mails, s.now)
	return nil
}

// to is the n-th mail to an address, waited for, from 1.
func (box *mailbox) to(address string, n int) delivery {
	box.t.Helper()
	var found delivery
	wait.For(box.t, time.Minute, fmt.Sprintf("mail %d to %s", n, address), func() error {
		box.mu.Lock()
		defer box.mu.Unlock()
		count := 0
		for _, m := range box.mails {
			if m.to == address {
				if count++; count == n {
					found = m
					return nil
				}
			}
		}
		return fmt.Errorf("there are %d", count)
	})
	return found
}

// link is the path behind an address of the portal's in a mail.
func (m delivery) link(t *testing.T, url string) string {
	t.Helper()
	_, rest, found := strings.Cut(m.text, url)
	if !found {
		t.Fatalf("the mail has no link to %s:\n%s", url, m.text)
	}
	path, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(path)
}
