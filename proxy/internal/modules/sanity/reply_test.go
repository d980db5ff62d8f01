package sanity_test

import (
	"strings"
	"testing"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/module/moduletest"
	"seraph/proxy/internal/modules/sanity"
)

// TestResponses: what Debian's script asks of each reply. A bad one is false, whatever autodrop says,
// so that the script drops it.
func TestResponses(t *testing.T) {
	check := moduletest.Compile(t, sanity.New(sanity.Config{}), "sanity_check", "17604", "6")
	all := moduletest.Compile(t, sanity.New(sanity.Config{}), "sanity_check", "32767", "15")
	good := "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:c@d>;tag=2\nCall-ID: x\nCSeq: 1 INVITE\nContact: <sip:c@e>\n"
	for name, x := range map[string]struct {
		old, now string
		want     int // of the checks of Debian's script
		wantAll  int
	}{
		"good":        {"", "", module.True, module.True},
		"bad From":    {"<sip:a@b>", "<:a>", module.False, module.False},
		"bad To":      {"<sip:c@d>", "<sip:>", module.False, module.False},
		"bad Contact": {"<sip:c@e>", "<sip:>", module.True, module.False},
	} {
		c := moduletest.Message(t, strings.Replace(good, x.old, x.now, 1))
		if got := check(c); got != x.want {
			t.Errorf("%s returned %d, want %d", name, got, x.want)
		}
		if got := all(c); got != x.wantAll {
			t.Errorf("%s returned %d by all checks, want %d", name, got, x.wantAll)
		}
	}
}
