package dialog_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// TestTagWithoutAValue: an INVITE whose To has a tag without a value is refused. To the router it would
// begin a call, and the phone that appends its own tag would give an answer with two of them, which the
// router cannot take (RFC 3261 §25.1).
func TestTagWithoutAValue(t *testing.T) {
	for _, params := range []string{";tag", ";TAG", " ; tag ", ";tag=", ";x=1;tag", ";tag;x=1"} {
		for _, header := range []string{"To", "From"} {
			o := newOffice(t)
			text := moduletest.Request("INVITE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.7>")
			if header == "To" {
				text = strings.Replace(text, "To: <sip:bob@example.org>", "To: <sip:bob@example.org>"+params, 1)
			} else {
				text = strings.Replace(text, ";tag=at", params, 1)
			}
			sent := o.router.Receive(alice, text)
			if len(sent) != 1 || !strings.HasPrefix(sent[0].Text, "SIP/2.0 400") {
				t.Errorf("%s with %q: %v", header, params, sent)
			}
			o.wantNothingLeft()
		}
	}
}
