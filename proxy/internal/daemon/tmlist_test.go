package daemon

import (
	"testing"

	"seraph/ctlproto"
)

// TestTransactionsByControl: who asks the running router on its control socket for the
// transactions of a call that rings sees it, and with another Call-ID does not.
func TestTransactionsByControl(t *testing.T) {
	s := newStand(t, "", "anne", "bob")
	anne, bob := s.phone("anne"), s.phone("bob")
	bob.register()
	call := anne.start("INVITE", bobURI(), "shown", "")
	inv := bob.expect("INVITE")
	bob.answer(inv, 180)
	anne.expect("SIP/2.0 180")
	c, err := ctlproto.Dial(t.Context(), s.cfg.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.TmList(t.Context(), ctlproto.TmListParams{CallID: "shown"})
	if err != nil {
		t.Fatal(err)
	}
	rings := 0
	for _, x := range list { // the INVITE that was challenged is there, too
		if x.Status == 180 && x.State == "proceeding" && len(x.Branches) == 1 && x.Branches[0].State == "proceeding" {
			rings++
		}
	}
	if rings != 1 {
		t.Errorf("listed are %+v", list)
	}
	if list, err := c.TmList(t.Context(), ctlproto.TmListParams{CallID: "other"}); err != nil || len(list) != 0 {
		t.Errorf("of another call: %+v, %v", list, err)
	}
	if _, err := c.TmList(t.Context(), ctlproto.TmListParams{Limit: ctlproto.MaxTmList + 1}); ctlproto.CodeOf(err) != ctlproto.CodeInvalidParams {
		t.Errorf("too many: %v", err)
	}
	bob.answer(inv, 486)
	anne.ack(call, toTag(anne.expect("SIP/2.0 486")))
}
