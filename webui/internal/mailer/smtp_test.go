package mailer

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
)

var from = &mail.Address{Name: "Séraph", Address: "portal@example.org"}

// sender talks to a server of the test.
func sender(s *mailServer) *SMTP {
	return &SMTP{Host: "localhost", Port: s.port(), From: from, TLS: NoTLS, Timeout: 20 * time.Second}
}

// TestSend: the mail as it comes over the wire.
func TestSend(t *testing.T) {
	s := (&mailServer{}).serve(t)
	err := sender(s).Send(t.Context(), Message{
		To: "alice@example.org", Name: "Žofie Nováková", Subject: "Schöne Grüße", Text: "Žlutý kůň\n.\nEnd\n",
		Unsubscribe: "https://phone.example.org/missed-mail/off?t=abc",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := s.mails()
	if len(got) != 1 || !strings.HasPrefix(got[0].from, "MAIL FROM:<portal@example.org>") || got[0].to != "RCPT TO:<alice@example.org>" {
		t.Fatalf("received %+v", got)
	}
	m, err := mail.ReadMessage(strings.NewReader(got[0].data))
	if err != nil {
		t.Fatal(err)
	}
	to, err := m.Header.AddressList("To")
	if err != nil || len(to) != 1 || to[0].Name != "Žofie Nováková" || to[0].Address != "alice@example.org" {
		t.Errorf("To: %v, %v", to, err)
	}
	for name, want := range map[string]string{
		"List-Unsubscribe": "<https://phone.example.org/missed-mail/off?t=abc>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Auto-Submitted": "auto-generated",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if !strings.HasSuffix(m.Header.Get("Message-ID"), "@example.org>") {
		t.Errorf("Message-ID %q tells the machine's name", m.Header.Get("Message-ID"))
	}
	if subject := decoded(t, m.Header.Get("Subject")); subject != "Schöne Grüße" {
		t.Errorf("Subject %q", subject)
	}
	if text := bodyOf(t, m); text != "Žlutý kůň\n.\nEnd\n" {
		t.Errorf("text %q", text)
	}
}

// TestEncryption: what is asked for happens, or nothing is sent.
func TestEncryption(t *testing.T) {
	server, client := certificate(t, "localhost")
	_, stranger := certificate(t, "localhost")
	for _, c := range []struct {
		name   string
		server *mailServer
		kind   TLS
		config *tls.Config
		user   string
		ok     bool
	}{
		{"STARTTLS", &mailServer{tls: server}, StartTLS, client, "", true},
		{"STARTTLS and a password", &mailServer{tls: server, password: "secret"}, StartTLS, client, "portal", true},
		{"from the first byte", &mailServer{tls: server, implicit: true, password: "secret"}, ImplicitTLS, client, "portal", true},
		{"none", &mailServer{}, NoTLS, nil, "", true},
		{"STARTTLS missing", &mailServer{}, StartTLS, client, "", false},
		{"STARTTLS missing, with a password", &mailServer{password: "secret"}, StartTLS, client, "portal", false},
		{"STARTTLS refused", &mailServer{tls: server, refuse: map[string]string{"STARTTLS": "454 not now"}}, StartTLS, client, "", false},
		{"a certificate of somebody else's", &mailServer{tls: server}, StartTLS, stranger, "", false},
		{"wrong password", &mailServer{tls: server, password: "another"}, StartTLS, client, "portal", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := c.server.serve(t)
			out := sender(s)
			out.TLS, out.Config = c.kind, c.config
			if c.user != "" {
				out.User, out.Password = c.user, "secret"
			}
			err := out.Send(t.Context(), Message{To: "alice@example.org", Subject: "s", Text: "t"})
			if c.ok {
				if err != nil {
					t.Fatal(err)
				}
				if got := s.mails(); len(got) != 1 || got[0].secure != (c.kind != NoTLS) {
					t.Errorf("received %+v", got)
				}
				return
			}
			var permanent *PermanentError
			if !errors.Is(err, ErrAway) || errors.As(err, &permanent) {
				t.Errorf("error %v, want one that is tried again", err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the password: %v", err)
			}
			if got := s.mails(); len(got) != 0 || strings.Contains(s.commands(), "MAIL") {
				t.Errorf("sent all the same: %+v", got)
			}
		})
	}
}

// TestRefusals: what is worth another try, and what is not.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name      string
		refuse    map[string]string
		permanent bool
	}{
		{"recipient unknown", map[string]string{"RCPT": "550 no such user"}, true},
		{"greylisted", map[string]string{"RCPT": "450 later"}, false},
		{"text refused", map[string]string{"DOT": "554 spam"}, true},
		{"full", map[string]string{"DOT": "452 full"}, false},
		{"closed", map[string]string{"MAIL": "421 closing"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := (&mailServer{refuse: c.refuse}).serve(t)
			err := sender(s).Send(t.Context(), Message{To: "alice@example.org", Subject: "s", Text: "t"})
			var permanent *PermanentError
			if err == nil || errors.As(err, &permanent) != c.permanent {
				t.Errorf("error %v, permanent should be %t", err, c.permanent)
			}
		})
	}
}

// TestAway: a server that is down, and one that says nothing.
func TestAway(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	down := &SMTP{Host: "127.0.0.1", Port: port, From: from, TLS: NoTLS}
	if err := down.Send(t.Context(), Message{To: "a@example.org"}); !errors.Is(err, ErrAway) {
		t.Errorf("down: %v", err)
	}
	mute := sender((&mailServer{mute: true}).serve(t))
	mute.Timeout = 200 * time.Millisecond
	if err := mute.Send(t.Context(), Message{To: "a@example.org"}); !errors.Is(err, ErrAway) {
		t.Errorf("mute: %v", err)
	}
}

// injections are texts that try to end a header and begin another one.
var injections = []string{
	"x\r\nBcc: eve@example.net", "x\nBcc: eve@example.net", "x\rBcc: eve@example.net", "x\r\n\r\nBcc: eve@example.net\r\n.\r\nQUIT",
	"x\u0085Bcc: eve@example.net", "x\u2028Bcc: eve@example.net", "x\v\fBcc: eve@example.net", "\xff\xfe\r\nBcc: eve@example.net",
	"=?utf-8?q?x=0D=0ABcc:_eve@example.net?=", strings.Repeat("long ", 5000) + "\r\nBcc: eve@example.net", "x\x00y", "\u202egro.elpmaxe",
}

// TestNoInjection: whatever stands in a field, there is one recipient, and no
// header that we did not write.
func TestNoInjection(t *testing.T) {
	s := (&mailServer{}).serve(t)
	out := sender(s)
	for _, bad := range injections {
		for _, m := range []Message{
			{To: "alice@example.org", Name: bad, Subject: "s", Text: "t"},
			{To: "alice@example.org", Subject: bad, Text: "t"},
			{To: "alice@example.org", Subject: "s", Text: bad},
		} {
			before := len(s.mails())
			if err := out.Send(t.Context(), m); err != nil {
				t.Errorf("%q: %v", bad, err)
				continue
			}
			checkHeader(t, s.mails()[before:], bad)
		}
		for _, m := range []Message{
			{To: "alice@example.org" + bad, Subject: "s", Text: "t"},
			{To: bad, Subject: "s", Text: "t"},
			{To: "alice@example.org", Subject: "s", Text: "t", Unsubscribe: "https://x/?t=" + bad},
		} {
			before := len(s.mails())
			err := out.Send(t.Context(), m)
			if after := s.mails()[before:]; m.Unsubscribe == "" && len(after) > 0 {
				t.Errorf("sent to %q", m.To)
			} else {
				checkHeader(t, after, bad)
			}
			var permanent *PermanentError
			if err != nil && !errors.As(err, &permanent) {
				t.Errorf("%q: %v, want a refusal for good", bad, err)
			}
		}
	}
}

func checkHeader(t *testing.T, got []received, bad string) {
	t.Helper()
	known := map[string]bool{
		"From": true, "To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true, "Auto-Submitted": true,
		"Content-Type": true, "Content-Transfer-Encoding": true, "List-Unsubscribe": true, "List-Unsubscribe-Post": true,
	}
	for _, one := range got {
		if one.to != "RCPT TO:<alice@example.org>" {
			t.Errorf("%q: recipients %q", bad, one.to)
		}
		m, err := mail.ReadMessage(strings.NewReader(one.data))
		if err != nil {
			t.Errorf("%q: %v in\n%s", bad, err, one.data)
			continue
		}
		for name, values := range m.Header {
			if !known[name] || len(values) != 1 {
				t.Errorf("%q made the header %s: %q", bad, name, values)
			}
		}
		head, _, _ := strings.Cut(one.data, "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.ContainsAny(line, "\r\n\v\f\x00") || len(line) > 998 {
				t.Errorf("%q: the line %q", bad, line)
			}
		}
	}
}

func decoded(t *testing.T, text string) string {
	t.Helper()
	out, err := decoder.DecodeHeader(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// bodyOf is the text of a mail, with "\n" between its lines.
func bodyOf(t *testing.T, m *mail.Message) string {
	t.Helper()
	content, err := io.ReadAll(transferDecoder(m))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(content), "\r\n", "\n")
}
