package dialog_test

import (
	"testing"

	"seraph/ctlproto"
	"seraph/proxy/internal/ua"
)

// TestBYENotWritten: where the router cannot even write its BYE, nobody has left the call; a
// phone that there is no way to has.
func TestBYENotWritten(t *testing.T) {
	for err, gone := range map[error]bool{ua.ErrBadAddress: false, ua.ErrNoWay: true} {
		o := newOffice(t)
		o.sender.fault = err
		o.invites("unwritten").up()
		r, e := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "unwritten"})
		if e != nil || len(r.Ended) != 1 || r.Ended[0].Caller.Gone() != gone || r.Ended[0].Callee.Gone() != gone {
			t.Errorf("%v: %+v, %v", err, r, e)
		}
	}
}
