package dialog_test

import "testing"

// TestHolds: the tags of a call that was answered are known until it is forgotten; those of one that
// rings are its own INVITE's, whose refusal somebody has missed.
func TestHolds(t *testing.T) {
	o := newOffice(t)
	holds := func(callID, fromTag, toTag string) bool {
		return o.m.Holds([]byte(callID), []byte(fromTag), []byte(toTag))
	}
	c := o.invites("mine")
	c.answers(bob, 180, "bt")
	if holds("mine", "at", "bt") {
		t.Error("a call that rings was answered")
	}
	c.up()
	for tags, want := range map[[3]string]bool{
		{"mine", "at", "bt"}: true, {"mine", "bt", "at"}: true, {"mine", "at", "xt"}: false, {"mine", "at", ""}: false, {"another", "at", "bt"}: false,
	} {
		if holds(tags[0], tags[1], tags[2]) != want {
			t.Errorf("%v: want %v", tags, want)
		}
	}
	c.hangsUp(2)
	if holds("mine", "at", "bt") {
		t.Error("a call that is forgotten is known")
	}
}
