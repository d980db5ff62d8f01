package daemon

import (
	"context"
	"fmt"
	"testing"
	"time"

	"seraph/ctlproto"
)

// TestCloseWithoutAck: a proxy ends within its bound after calls that nobody has
// acknowledged, with phones that answer nothing any more: neither the CANCEL of what rings,
// nor the BYE of a click-to-dial call that the router is party to, nor those of dlg.end.
func TestCloseWithoutAck(t *testing.T) {
	s := newStand(t, "", "anne", "bob", "carol")
	anne, bob, carol := s.phone("anne"), s.phone("bob"), s.phone("carol")
	bob.register()
	carol.register()
	for i := range 50 {
		anne.start("INVITE", bobURI(), fmt.Sprintf("no-ack-%d", i), "")
		inv := bob.expect("INVITE")
		bob.answer(inv, 200) // as over a line that loses what follows
		anne.expect("SIP/2.0 200")
	}
	anne.start("INVITE", bobURI(), "rings", "")
	bob.answer(bob.expect("INVITE"), 180)
	anne.expect("SIP/2.0 180")
	if _, err := s.d.modules.Ctd.Dial(t.Context(), ctlproto.CtdDialParams{Caller: "carol@" + testDomain, Callee: bobURI()}); err != nil {
		t.Fatal(err)
	}
	carol.answer(carol.expect("INVITE"), 200)
	carol.expect("ACK")
	if n := s.d.modules.Dialog.Active(); n.Answering < 50 {
		t.Fatalf("%+v, want 50 calls without an ACK", n)
	}
	ended := make(chan error, 1)
	go func() { // its BYEs are not answered either
		_, err := s.d.modules.Dialog.End(context.Background(), ctlproto.DlgEndParams{CallID: "no-ack-0"})
		ended <- err
	}()
	anne.expect("BYE")
	began := time.Now()
	if err := s.d.Close(); err != nil {
		t.Error(err)
	}
	// What is left to do when the time is over (a database to close) is quick.
	if took := time.Since(began); took > closeTime+2*time.Second {
		t.Errorf("the end took %v, at most %v are allowed", took, closeTime)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	var err error
	if s.d, err = Start(t.Context(), s.cfg); err != nil { // for the end of the stand
		t.Fatal(err)
	}
	if n := s.d.modules.Dialog.Active(); n.All != 0 {
		t.Errorf("after the start: %+v", n)
	}
}
