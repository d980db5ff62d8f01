package dialog_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/modules/dialog"
	"seraph/proxy/internal/sip"
	"seraph/proxy/internal/ua"
)

// TestOneBYEACall: however many BYEs end a call, the phones' or the router's, and whichever is answered
// first, the accounts get one: Closes says so of the phones', ByRouter of the router's.
func TestOneBYEACall(t *testing.T) {
	type book struct {
		*call
		rows []string
		slow chan struct{} // closed when the phones answer the router
	}
	closes := func(b *book, who string) {
		if b.m.Closes([]byte("call"), []byte("at"), []byte("bt")) {
			b.rows = append(b.rows, who)
		}
	}
	alices := func(b *book) *sip.Message { return b.the("BYE ", b.request("BYE", bobContact, 2, "bt")) }
	bobs := func(b *book, method string, cseq int) *sip.Message {
		return b.the(method+" ", b.router.Receive(bob, b.text(method, "sip:alice@192.0.2.7", cseq, "bt", "at", b.back, "Contact: <sip:bob@192.0.2.8>")))
	}
	breaks := func(b *book) { // a refresh meets a phone that has left, so that the router hangs up
		b.reply(alice, bobs(b, "UPDATE", 1), 481)
		time.Sleep(2 * time.Second)
		synctest.Wait()
	}
	for name, x := range map[string]struct {
		run  func(b *book)
		want string
	}{
		"the phone's is answered while the router hangs up": {func(b *book) {
			bye := alices(b)
			breaks(b)
			b.reply(bob, bye, 200)
			closes(b, "alice")
			close(b.slow)
		}, "ended by caller, router false; alice"},
		"the router's are answered first": {func(b *book) {
			bye := alices(b)
			close(b.slow)
			breaks(b)
			b.reply(bob, bye, 200)
			closes(b, "alice")
		}, "ended by caller, router true"},
		"two cross": {func(b *book) {
			first, second := alices(b), bobs(b, "BYE", 1)
			b.reply(bob, first, 200)
			closes(b, "alice")
			b.reply(alice, second, 200)
			closes(b, "bob")
			close(b.slow)
		}, "ended by caller, router false; alice"},
		"one is refused, and the router hangs up": {func(b *book) {
			close(b.slow)
			b.reply(bob, alices(b), 420)
			time.Sleep(time.Minute)
		}, "ended by caller, router true"},
		"one": {func(b *book) {
			b.reply(bob, alices(b), 200)
			closes(b, "alice")
			close(b.slow)
		}, "ended by caller, router false; alice"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &book{slow: make(chan struct{})}
				o := newOfficeWith(t, func(c *dialog.Config) {
					c.Ended = func(a *dialog.Account) {
						b.rows = append(b.rows, fmt.Sprintf("ended by %s, router %v", a.HungUpBy, a.ByRouter))
					}
				})
				o.sender.silent = func(ctx context.Context, _ ua.Within) bool {
					select {
					case <-b.slow:
						return false
					case <-ctx.Done():
						return true
					}
				}
				stop := o.run()
				b.call = o.invites("call").up()
				x.run(b)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				stop()
				if got := strings.Join(b.rows, "; "); got != x.want {
					t.Errorf("the accounts have %q, want %q", got, x.want)
				}
				o.wantNothingLeft()
			})
		})
	}
}

// TestFlagsOfTheINVITE: what the router hangs up is accounted with the flags of the INVITE, also where
// the script does not want the call listed.
func TestFlagsOfTheINVITE(t *testing.T) {
	for name, x := range map[string]struct {
		params, lines []string
		want          string
	}{
		"without one":                  {want: "flags 0, unlisted false"},
		"with one":                     {lines: []string{"X-Flag: yes"}, want: "flags 10, unlisted false"},
		"which lists it":               {params: []string{"dlg_flag 4"}, lines: []string{"X-Flag: yes"}, want: "flags 10, unlisted false"},
		"without, so it is not listed": {params: []string{"dlg_flag 4"}, want: "flags 0, unlisted true"},
		"with one that does not list":  {params: []string{"dlg_flag 5"}, lines: []string{"X-Flag: yes"}, want: "flags 10, unlisted true"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rows []string
				o := newOfficeWith(t, func(c *dialog.Config) {
					c.Ended = func(a *dialog.Account) {
						if a.ByRouter {
							rows = append(rows, fmt.Sprintf("flags %x, unlisted %v", a.Flags, a.Unlisted))
						}
					}
				}, x.params...)
				stop := o.run()
				c := o.invites("call", x.lines...).up()
				c.reply(bob, c.the("BYE ", c.request("BYE", bobContact, 2, "bt", "Require: x")), 420)
				time.Sleep(time.Minute)
				synctest.Wait()
				stop()
				if got := strings.Join(rows, "; "); got != x.want {
					t.Errorf("the accounts have %q, want %q", got, x.want)
				}
			})
		})
	}
}
