package relay

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHostsOf: a name leads to the hosts that serve it and to those that have it; that it
// leads nowhere is known only where a name server has said so.
func TestHostsOf(t *testing.T) {
	b := newBench(t, &hooks{})
	b.named([]string{
		"here.test 300 IN A 192.0.2.9", "here.test 300 IN A 192.0.2.10", "_sip._udp.here.test 300 IN SRV 1 1 5060 there.test.",
		"there.test 300 IN A 192.0.2.11", "plain.test 300 IN A 192.0.2.12",
	}, "sip:here.test")
	b.start()
	for uri, want := range map[string]string{
		"sip:here.test": "192.0.2.10 192.0.2.11 192.0.2.9", "sip:x@HERE.test.:5070;transport=tcp": "192.0.2.10 192.0.2.9",
		"sip:plain.test": "192.0.2.12", "sip:192.0.2.7:5090": "192.0.2.7", "sip:none.test": "", "sip:under_score." + strings.Repeat("bad", 30): "", "sips:here.test": "",
	} {
		list, err := b.engine.HostsOf(t.Context(), []byte(uri))
		var got []string
		for _, a := range list {
			if !slices.Contains(got, a.String()) {
				got = append(got, a.String())
			}
		}
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s leads to %q, %v, want %q", uri, got, err, want)
		}
	}
	if _, err := b.engine.HostsOf(t.Context(), []byte("nonsense")); err == nil {
		t.Error("nonsense leads somewhere")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if list, err := b.engine.HostsOf(ctx, []byte("sip:other.test")); err == nil {
		t.Errorf("nobody was asked, and it leads to %v", list)
	}
}
