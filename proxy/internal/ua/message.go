package ua

import (
	"context"
	"errors"
	"strings"
	"time"

	"seraph/proxy/internal/sip"
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
	// From is who writes, a URI; FromName the name shown beside it, may be empty.
	From, FromName string
	// User and Domain are the identity, canonical, with which the script runs.
	User, Domain string
	// CallID is the Call-ID, a random one if empty.
	CallID string
	// Date is when the text was written; the zero time is left out.
	Date time.Time
	// Headers are further header lines, each ending in CRLF.
	Headers     string
	ContentType string
	Body        []byte
	// Limit bounds the whole request in bytes; 0 is what a datagram can hold.
	Limit int
}

// NewCallID returns a Call-ID that nobody can guess.
func NewCallID() string { return random(16) }

// Message sends a MESSAGE through the script and waits for the final response.
// ErrBadAddress and ErrMessageTooLarge say that it cannot be sent, ErrDropped that
// the script did nothing with it.
func (a *Agent) Message(ctx context.Context, p Message) (Answer, error) {
	if a.socket == nil {
		return Answer{}, ErrNotAttached
	}
	msg, err := a.appendMessage(nil, &p)
	if err != nil {
		return Answer{}, err
	}
	a.stats.messages.Add(1)
	return a.submit(ctx, msg, p.User, p.Domain)
}

// appendMessage writes the MESSAGE. It has no Contact (RFC 3428 §4).
func (a *Agent) appendMessage(dst []byte, p *Message) ([]byte, error) {
	if !canWrite(p.To) || !canWrite(p.From) {
		return nil, ErrBadAddress
	}
	if strings.ContainsAny(p.ContentType+p.CallID, "\r\n") {
		return nil, ErrBadAddress
	}
	if p.CallID == "" {
		p.CallID = NewCallID()
	}
	dst = a.appendHead(dst, "MESSAGE", p.To, quoteName(p.FromName)+"<"+p.From+">", p.CallID)
	if !p.Date.IsZero() {
		dst = append(dst, "Date: "...)
		dst = p.Date.UTC().AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
		dst = append(dst, "\r\n"...)
	}
	dst = append(dst, p.Headers...)
	dst = append(dst, "Content-Type: "+p.ContentType+"\r\nContent-Length: "...)
	dst = sip.AppendUint(dst, uint64(len(p.Body)))
	dst = append(append(dst, "\r\n\r\n"...), p.Body...)
	if limit := p.Limit; limit > 0 && len(dst) > limit || len(dst) > sip.MaxSize {
		return nil, ErrMessageTooLarge
	}
	return dst, nil
}
