package ctlproto

import (
	"context"
	"time"
)

// ImOutcome is what became of a message.
type ImOutcome string

// The outcomes of im.send.
const (
	ImDelivered ImOutcome = "delivered" // a phone took it (2xx other than 202)
	ImStored    ImOutcome = "stored"    // kept until a phone registers (202)
	ImFailed    ImOutcome = "failed"    // Code and Reason say why
)

// ImSendParams are the parameters of im.send.
type ImSendParams struct {
	From  string `json:"from"`            // AoR in whose name it is sent: user@domain
	To    string `json:"to"`              // SIP or SIPS URI, or user@domain; a bare user is in From's domain
	Text  string `json:"text"`            // 1 to MaxImText bytes, no control characters but tab, CR and LF
	Actor string `json:"actor,omitempty"` // who sends it, for the audit; not a permission
}

// ImSendResult is the result of im.send.
type ImSendResult struct {
	Result ImOutcome `json:"result"`
	Code   int       `json:"code"`   // the final SIP status
	Reason string    `json:"reason"` // its phrase, as the phone worded it
}

// MsiloListParams are the parameters of msilo.list.
type MsiloListParams struct {
	Owner  string `json:"owner"`            // user@domain
	Limit  int    `json:"limit,omitempty"`  // 1 to MaxMessages; 0 = 50
	Offset int    `json:"offset,omitempty"` // how many of the oldest to pass over
}

// MsiloListResult is the result of msilo.list.
type MsiloListResult struct {
	Messages []MsiloMessage `json:"messages"` // in the order of delivery, oldest first
	Total    int            `json:"total"`
	Unread   int            `json:"unread"` // of Total
}

// MsiloMessage is a stored message. All texts and the body are a stranger's.
type MsiloMessage struct {
	ID          int64     `json:"id"`
	From        string    `json:"from"` // URI
	FromName    string    `json:"from_name"`
	To          string    `json:"to"` // URI, as the sender wrote it
	Received    time.Time `json:"received"`
	Expires     time.Time `json:"expires"`
	ContentType string    `json:"content_type"`
	Body        []byte    `json:"body"` // base64 on the wire: it may be no text
	CallID      string    `json:"call_id"`
	Read        time.Time `json:"read,omitzero"` // when its owner first looked at it
	Attempts    int       `json:"attempts"`      // deliveries tried
	LastCode    int       `json:"last_code"`     // the last one's final status; 0 = none came
	Refused     bool      `json:"refused"`       // a phone refused it for good: it is not tried again
}

// MsiloRmParams are the parameters of msilo.rm.
type MsiloRmParams struct {
	Owner string  `json:"owner"` // user@domain
	IDs   []int64 `json:"ids"`   // 1 to MaxMessageIDs
}

// MsiloRmResult is the result of msilo.rm.
type MsiloRmResult struct {
	Removed int `json:"removed"` // at least 1
}

// MsiloReadParams are the parameters of msilo.read.
type MsiloReadParams struct {
	Owner string  `json:"owner"` // user@domain
	IDs   []int64 `json:"ids"`   // 1 to MaxMessageIDs
}

// MsiloReadResult is the result of msilo.read.
type MsiloReadResult struct {
	Read int `json:"read"` // how many were unread before
}

// MsiloDumpResult is the result of msilo.dump.
type MsiloDumpResult struct {
	Pending int `json:"pending"` // messages that are being delivered now
}

// ImSend sends a message and waits until a phone, the message store or nobody
// took it. That it failed is a result, no error. A context without a deadline
// gets DefaultSendTimeout.
func (m Methods) ImSend(ctx context.Context, p ImSendParams) (ImSendResult, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultSendTimeout)
		defer cancel()
	}
	return result[ImSendResult](ctx, m, MethodImSend, p)
}

// MsiloList returns a page of the messages stored for an address.
func (m Methods) MsiloList(ctx context.Context, p MsiloListParams) (MsiloListResult, error) {
	return result[MsiloListResult](ctx, m, MethodMsiloList, p)
}

// MsiloRm removes messages stored for owner and returns how many there were;
// CodeNotFound if none of them is theirs (any more).
func (m Methods) MsiloRm(ctx context.Context, owner string, ids ...int64) (int, error) {
	r, err := result[MsiloRmResult](ctx, m, MethodMsiloRm, MsiloRmParams{Owner: owner, IDs: ids})
	return r.Removed, err
}

// MsiloRead notes that owner has read messages and returns how many of them
// were unread before; those that are not theirs, or gone, do not count.
func (m Methods) MsiloRead(ctx context.Context, owner string, ids ...int64) (int, error) {
	r, err := result[MsiloReadResult](ctx, m, MethodMsiloRead, MsiloReadParams{Owner: owner, IDs: ids})
	return r.Read, err
}

// MsiloDump starts the delivery of what is stored for owner and returns how
// many messages are on their way; CodeRefused if owner has no phone registered.
func (m Methods) MsiloDump(ctx context.Context, owner string) (int, error) {
	r, err := result[MsiloDumpResult](ctx, m, MethodMsiloDump, msiloDumpParams{Owner: owner})
	return r.Pending, err
}

// msiloDumpParams are the parameters of msilo.dump.
type msiloDumpParams struct {
	Owner string `json:"owner"`
}
