package ua

import (
	"context"
	"errors"
	"strings"
	"time"
)

// MaxMessage is the largest MESSAGE that goes out over any path (RFC 3428 §8), in
// bytes. What came in larger may be sent on larger.
const MaxMessage = 1300

// ErrMessageTooLarge says that a MESSAGE would be larger than Message.Limit.
var ErrMessageTooLarge = errors.New("the message is too large")

// Message is a MESSAGE outside any dialog (RFC 3428).
type Message struct {
	// To is the URI that it is for, Request-URI and To.
	To string
	// From is the sender, a URI; FromName the name shown beside it, may be empty.
	From, FromName string
	// User and Domain are the identity, canonical, with which the script runs.
	User, Domain string
	// NoRules says that the recipient does not see it as sent by the sender: it was stored for the
	// recipient before, or the router itself has something to say. The recipient's call rules do not apply.
	NoRules bool
	// CallID is the Call-ID, a random one if empty.
	CallID string
	// Date is when the text was written; the zero time is left out.
	Date time.Time
	// Headers are further header lines, each ending in CRLF.
	Headers     string
	ContentType string
	Body        []byte
	// Limit bounds the whole request in bytes, as it leaves the router to a phone whose
	// contact is of usual length; 0 is what a datagram can hold.
	Limit int
}

// NewCallID returns a Call-ID that nobody can guess.
func NewCallID() string { return random(16) }

// Message sends a MESSAGE through the script and waits for the final response.
// ErrBadAddress and ErrMessageTooLarge say that it cannot be sent, ErrDropped that
// the script did nothing with it.
func (a *Agent) Message(ctx context.Context, p Message) (Answer, error) {
	if strings.ContainsAny(p.ContentType+p.CallID, "\r\n") {
		return Answer{}, ErrBadAddress
	}
	if p.CallID == "" {
		p.CallID = NewCallID()
	}
	headers := p.Headers + "Content-Type: " + p.ContentType + "\r\n"
	if !p.Date.IsZero() {
		headers = "Date: " + p.Date.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") + "\r\n" + headers
	}
	return a.ask(ctx, &outside{
		method: "MESSAGE", to: p.To, from: p.From, fromName: p.FromName, callID: p.CallID, user: p.User, domain: p.Domain, noRules: p.NoRules,
		headers: headers, body: p.Body, limit: p.Limit, sent: &a.stats.messages,
	})
}
