package dialog_test

import (
	"slices"
	"testing"

	"seraph/proxy/internal/transport"
)

// TestFlows: both ends of a dialog are on their flows until it is over.
func TestFlows(t *testing.T) {
	o := newOffice(t)
	remotes := func() (list []string) {
		o.m.Flows(func(f transport.Flow) {
			if r := f.Remote.String(); f.Remote.IsValid() && !slices.Contains(list, r) {
				list = append(list, r)
			}
		})
		slices.Sort(list)
		return list
	}
	if got := remotes(); len(got) > 0 {
		t.Errorf("without a dialog: %q", got)
	}
	c := o.invites("flows")
	if got := remotes(); !slices.Equal(got, []string{"192.0.2.7:5060"}) {
		t.Errorf("while it rings: %q", got)
	}
	c.up()
	if got := remotes(); !slices.Equal(got, []string{"192.0.2.7:5060", "192.0.2.8:5060"}) {
		t.Errorf("while they talk: %q", got)
	}
	c.hangsUp(2)
	if got := remotes(); len(got) > 0 {
		t.Errorf("when it is over: %q", got)
	}
}
