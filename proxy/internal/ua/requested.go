package ua

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"seraph/proxy/internal/sip"
)

// Reply is the final response to a Worded.
type Reply struct {
	Status int
	Reason string
	// Target is the URI in its Contact, empty if it has none.
	Target string
	// Routes are the route set that it makes (RFC 3261 §12.1.2), as name-addr.
	Routes []string
	// Headers are its header lines, as they came or, where the script has answered,
	// as they would have gone out.
	Headers string
}

// maxRing bounds the time to the final response of a worded INVITE. It is above the longest
// that a script can let a phone ring (an hour, by t_set_fr; fr_inv_timer ends at 15 minutes):
// the script's timers say when that is enough.
const maxRing = 2 * time.Hour

// Requested is a request that has been sent.
type Requested struct {
	reply chan []byte
	call  *Call // of an INVITE, else nil
}

// HangUp ends the call that an INVITE has begun, however it stands: it is cancelled, or
// ended with BYE, and so is what answers nevertheless. Other requests end by themselves.
func (r *Requested) HangUp() {
	if r.call != nil {
		r.call.Hangup()
	}
}

// Wait waits for the final response, once; the error holds that of ctx. When that ends
// first, nobody is left who could end the call: Wait hangs up.
func (r *Requested) Wait(ctx context.Context) (Reply, error) {
	select {
	case msg := <-r.reply:
		return readReply(msg)
	case <-ctx.Done():
		r.HangUp()
		return Reply{}, fmt.Errorf("no answer: %w", ctx.Err())
	}
}

// CancelRequest cancels the INVITE of a Request that has no final response; false if
// there is none with this Call-ID and CSeq.
func (a *Agent) CancelRequest(callID string, seq uint32) bool {
	a.mu.Lock()
	var found *Call
	for _, c := range a.calls {
		if w := c.invite.worded; w != nil && c.callID == callID && w.seq == seq {
			found = c
		}
	}
	a.mu.Unlock()
	if found == nil {
		return false
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if !found.inviting || found.cancelled {
		return false
	}
	found.cancel()
	return true
}

// readReply reads a final response.
func readReply(msg []byte) (Reply, error) {
	var m sip.Message
	if err := m.ParseOwn(msg); err != nil {
		// One of those made above has a status line only.
		var r Reply
		line, _, _ := strings.Cut(string(msg), "\r\n")
		if _, err := fmt.Sscanf(line, "SIP/2.0 %d", &r.Status); err != nil {
			return Reply{}, errors.Join(ErrBadAnswer, err)
		}
		r.Reason = cleanText([]byte(line[min(len(line), len("SIP/2.0 200 ")):]))
		return r, nil
	}
	r := Reply{Status: m.Status, Reason: cleanText(m.Reason())}
	values := m.Values(sip.HdrContact)
	var contact sip.NameAddr
	if v := values.Next(); v != nil && sip.ParseNameAddr(v, &contact) == nil && canWrite(string(contact.URI)) {
		r.Target = string(contact.URI)
	}
	r.Routes, _ = routeSet(&m)
	_, rest, _ := bytes.Cut(msg, []byte("\r\n"))
	head, _, _ := bytes.Cut(rest, []byte("\r\n\r\n"))
	r.Headers = string(head) + "\r\n"
	return r, nil
}
