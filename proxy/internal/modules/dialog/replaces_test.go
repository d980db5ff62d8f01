package dialog_test

import (
	"net/netip"
	"testing"
)

// TestJoined: a phone is in a call from its first answer with a tag until that is over, where its messages
// come from and by its own tag; elsewhere, with other tags, or by those of the other end it is not.
func TestJoined(t *testing.T) {
	o := newOffice(t)
	const whose, elsewhere, listens = "bob@example.org", "192.0.2.9:5060", "192.0.2.8:5080"
	joined := func(callID, fromTag, toTag, owner, place string) bool {
		return o.m.Joined([]byte(callID), []byte(fromTag), []byte(toTag), owner, netip.MustParseAddrPort(place))
	}
	c := o.invites("mine")
	if joined("mine", "at", "bt", whose, bob[4:]) {
		t.Error("a phone that has not answered is in the call")
	}
	c.answers(bob, 180, "bt")
	if !joined("mine", "at", "bt", whose, bob[4:]) || !joined("mine", "bt", "at", "alice@example.org", alice[4:]) {
		t.Error("the phones of a call that rings are not in it")
	}
	c.up()
	for q, want := range map[[5]string]bool{
		{"mine", "at", "bt", whose, bob[4:]}: true, {"mine", "bt", "at", "alice@example.org", alice[4:]}: true,
		{"mine", "at", "bt", "", bob[4:]}:    true, // it was called at its place
		{"mine", "at", "bt", whose, listens}: true, {"mine", "bt", "at", "eve@example.org", alice[4:]}: false, {"mine", "bt", "at", "", alice[4:]}: false,
		{"mine", "at", "bt", "carol@example.org", listens}: false, {"mine", "at", "bt", "", listens}: false,
		{"mine", "at", "bt", whose, elsewhere}: false, {"mine", "at", "bt", whose, alice[4:]}: false,
		{"mine", "bt", "at", whose, bob[4:]}: false, {"mine", "bt", "at", "alice@example.org", bob[4:]}: false,
		{"mine", "at", "xt", whose, bob[4:]}: false, {"mine", "xt", "bt", whose, bob[4:]}: false, {"mine", "at", "", whose, bob[4:]}: false,
		{"another", "at", "bt", whose, bob[4:]}: false, {"", "", "", "", bob[4:]}: false,
	} {
		if joined(q[0], q[1], q[2], q[3], q[4]) != want {
			t.Errorf("%q: want %v", q, want)
		}
	}
	c.hangsUp(2)
	if joined("mine", "at", "bt", whose, bob[4:]) {
		t.Error("a phone is in a call that is over")
	}
}
