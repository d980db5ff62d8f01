package ua

import (
	"errors"

	"seraph/proxy/internal/sip"
)

// ErrNotUp says that there is no dialog to send a REFER in.
var ErrNotUp = errors.New("the call is not answered, or over")

// Refer asks the phone to call target, a sip, sips or tel URI, on behalf of
// referredBy (RFC 3515, RFC 3892). It is done once a call. What the phone says
// comes as ReferAnswered and Notified.
func (c *Call) Refer(target, referredBy string) error {
	if !canWrite(target) || !canWrite(referredBy) {
		return ErrBadAddress
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.main
	if d == nil || d.leg != legUp || d.sub != subNone {
		return ErrNotUp
	}
	d.sub = subActive
	d.localSeq++
	seq := d.localSeq
	headers := "Refer-To: <" + target + ">\r\nReferred-By: <" + referredBy + ">\r\nSupported: norefersub\r\n"
	c.agent.stats.refers.Add(1)
	c.queue.Post(func() { d.send(sip.REFER, seq, content{headers: headers}, d.referDone) })
	return nil
}

// referDone takes the final response to the REFER. A phone may forget it and
// send NOTIFYs all the same: then it was taken.
func (d *dialog) referDone(a answer) {
	c := d.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.err != nil && d.notified {
		a = answer{status: 202, reason: sip.ReasonPhrase(202)}
	}
	if a.status/100 == 2 {
		c.agent.stats.refersAccepted.Add(1)
	}
	c.tell(Event{Kind: ReferAnswered, Status: a.status, Reason: a.reason, Err: a.err, NoSubscription: a.noSubscription})
	if a.status/100 != 2 || a.noSubscription {
		d.endSubscription()
	}
}
