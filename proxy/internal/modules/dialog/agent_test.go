package dialog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/ctlproto"
	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/ua"
)

// TestHungUpInTheAgent: a call that ends at the router's own user agent is told to the accounts once, with
// who has hung up, also where the script does not want it listed. Where the operator has, it is the router.
func TestHungUpInTheAgent(t *testing.T) {
	for name, x := range map[string]struct {
		params []string
		ended  bool // by the operator, whose BYE the agent takes
		want   string
	}{
		"listed":          {want: `bt by "callee", agent true, router false, unlisted false`},
		"not listed":      {params: []string{"dlg_flag 4"}, want: `bt by "callee", agent true, router false, unlisted true`},
		"by the operator": {ended: true, want: `bt by "router", agent true, router true, unlisted false`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rows []string
				o := newOfficeWith(t, func(c *dialog.Config) {
					c.Ended = func(a *dialog.Account) {
						rows = append(rows, fmt.Sprintf("%s by %q, agent %v, router %v, unlisted %v", a.ToTag, a.HungUpBy, a.InAgent, a.ByRouter, a.Unlisted))
					}
				}, x.params...)
				stop := o.run()
				o.invites("call").up()
				over := func() { o.m.HungUp("call", "at", "bt", "callee") }
				if x.ended {
					o.sender.silent = func(context.Context, ua.Within) bool { over(); return false }
					if _, err := o.m.End(t.Context(), ctlproto.DlgEndParams{CallID: "call"}); err != nil {
						t.Error(err)
					}
				}
				over()
				over()
				time.Sleep(time.Minute)
				synctest.Wait()
				stop()
				if got := strings.Join(rows, "; "); got != x.want {
					t.Errorf("the accounts have %q, want %q", got, x.want)
				}
				o.wantNothingLeft()
			})
		})
	}
}
