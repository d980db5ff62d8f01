package mailer

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// TLS says how the connection to the mail server is encrypted.
type TLS string

// The kinds of encryption.
const (
	// StartTLS begins in the clear and insists on STARTTLS (RFC 3207).
	StartTLS TLS = "starttls"
	// ImplicitTLS begins with the handshake (RFC 8314 §3.3).
	ImplicitTLS TLS = "tls"
	// NoTLS is for a server on the same machine.
	NoTLS TLS = "none"
)

// sendTime bounds each step of one exchange with the mail server.
const sendTime = 30 * time.Second

// SMTP sends messages by a mail server. Host, Port, From and TLS are needed.
type SMTP struct {
	Host string
	Port int
	// From is the sender of every mail.
	From *mail.Address
	// User and Password, if User is not empty, are for AUTH (RFC 4954).
	User, Password string
	TLS            TLS
	// Config, if not nil, says which certificates are trusted.
	Config *tls.Config
	// Timeout bounds a step; 0 is 30 s.
	Timeout time.Duration
}

// ErrAway says that the mail server could not be talked to: not reached, too slow,
// without the encryption or the authentication that was asked for.
var ErrAway = errors.New("the mail server is of no use now")

// PermanentError says that the mail server refused a message for good: trying
// again is of no use.
type PermanentError struct{ Err error }

// Error implements error.
func (e *PermanentError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *PermanentError) Unwrap() error { return e.Err }

// Send hands one message over. A *PermanentError is not worth a second try.
// The error holds no password and nothing of the text.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	letter, err := m.letter(s.From)
	if err != nil {
		return &PermanentError{err}
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, letter)
	var answer *gomail.SendError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &answer) || answer.ErrorCode() == 0:
		return fmt.Errorf("%w: %w", ErrAway, err)
	case answer.ErrorCode() >= 500:
		return &PermanentError{fmt.Errorf("mail server: %w", err)}
	}
	return fmt.Errorf("mail server: %w", err)
}

// client is a connection to be made: one for each message, which mail servers
// like better than one that idles.
func (s *SMTP) client() (*gomail.Client, error) {
	timeout := s.Timeout
	if timeout == 0 {
		timeout = sendTime
	}
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(timeout)}
	switch s.TLS {
	case ImplicitTLS:
		options = append(options, gomail.WithSSL(), gomail.WithTLSPolicy(gomail.NoTLS))
	case NoTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.TLS != NoTLS {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if s.Config != nil {
			config = s.Config.Clone()
		}
		config.ServerName = s.Host
		options = append(options, gomail.WithTLSConfig(config))
	}
	if s.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.Password))
	}
	return gomail.NewClient(s.Host, options...)
}

// messageID is the part of a Message-ID before its "@".
func messageID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}
