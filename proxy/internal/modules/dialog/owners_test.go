package dialog_test

import (
	"fmt"
	"strings"
	"testing"

	"seraph/proxy/internal/module/moduletest"
)

// calls says whether an INVITE from a host passes, of somebody who has proven to be user, "" for nobody;
// otherwise what he gets.
func (o *office) calls(user, from, id string) (passes bool, got string) {
	o.t.Helper()
	for _, p := range o.invitesAs(user, from, id) {
		if strings.HasPrefix(p.Text, "INVITE ") {
			return true, ""
		}
		got, _, _ = strings.Cut(p.Text, "\r\n")
	}
	return false, got
}

// v4 and v6 are the hosts of many strangers: each in its own network, and all in one /48.
func v4(n int) string { return fmt.Sprintf("udp:198.18.%d.%d:5060", n/250, n%250+1) }
func v6(n int) string { return fmt.Sprintf("udp:[2001:db8:7:%x::1]:5060", n) }

// TestStrangersTogether: strangers have half of the table, however many hosts they come from and
// whether their calls are answered or not, and one of them, also with a /48 of IPv6, a part of that.
// What is beyond goes on unlisted. No user is refused for it, nor kept out, nor a call to or from a gateway.
func TestStrangersTogether(t *testing.T) {
	for name, x := range map[string]struct {
		from     func(n int) string
		answered bool
		most     int64
	}{
		"many hosts":           {from: v4, most: 100},
		"many hosts, answered": {from: v4, answered: true, most: 100},
		"one /48":              {from: v6, most: 90},
		"one /48, answered":    {from: v6, answered: true, most: 100}, // whose answers find records as long as strangers have some
		"one host":             {from: func(int) string { return carol }, most: 90},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "max_dialogs 200")
			for i := range 400 {
				c := &call{office: o, id: fmt.Sprint("flood-", i)}
				c.invite = o.the("INVITE ", o.invitesAs("", x.from(i), c.id))
				if x.answered {
					c.answers(bob, 200, "bt")
					c.answers(bob, 200, "bt-2")
				}
			}
			flood := o.statistic("records")
			if flood > x.most || flood < 50 {
				t.Errorf("they have %d of 200 records, want at most %d", flood, x.most)
			}
			o.targets = []string{gw}
			for i := range 8 {
				for kind, from := range map[string]string{"to a gateway": "udp:192.0.2.200:5060", "to a gateway from one of them": x.from(0)} {
					before := o.statistic("records")
					if ok, got := o.calls("", from, fmt.Sprint(kind, i)); !ok || o.statistic("records") != before+1 {
						t.Fatalf("call %d %s passes: %v, %q; it is listed: %v", i, kind, ok, got, o.statistic("records") > before)
					}
				}
			}
			o.targets = nil
			for i := range 16 {
				before := o.statistic("records")
				if ok, got := o.calls("", gw, fmt.Sprint("in-", i)); !ok || o.statistic("records") != before+1 {
					t.Fatalf("call %d of a gateway passes: %v, %q; it is listed: %v", i, ok, got, o.statistic("records") > before)
				}
			}
			for i := range 50 {
				before := o.statistic("records")
				if ok, got := o.calls(fmt.Sprint("user", i), v4(i), fmt.Sprint("user-", i)); !ok || o.statistic("records") != before+1 {
					t.Fatalf("user %d's call passes: %v, %q; it is listed: %v", i, ok, got, o.statistic("records") > before)
				}
			}
		})
	}
}

// TestForgedGateway: nor is there no room for users where strangers call in a gateway's name, too.
func TestForgedGateway(t *testing.T) {
	o := newOffice(t, "max_dialogs 200")
	for i := range 400 {
		o.the("INVITE ", o.invitesAs("", v4(i), fmt.Sprint("flood-", i)))
		o.the("INVITE ", o.invitesAs("", gw, fmt.Sprint("forged-", i)))
	}
	if n := o.statistic("records"); n > 150 {
		t.Errorf("%d of 200 records are theirs", n)
	}
	o.targets = []string{gw}
	for i := range 45 {
		before := o.statistic("records")
		if ok, got := o.calls(fmt.Sprint("user", i%9), v4(i), fmt.Sprint("user-", i)); !ok || o.statistic("records") != before+1 {
			t.Fatalf("call %d of a user passes: %v, %q; it is listed: %v", i, ok, got, o.statistic("records") > before)
		}
	}
}

// TestPBX: a PBX that is registered as one user has half of the table, also where others have more
// than half of the rest; then it is refused, and others, who have few calls, are not.
func TestPBX(t *testing.T) {
	for others, want := range map[int]int{0: 100, 60: 100, 100: 81} {
		o := newOffice(t, "max_dialogs 200")
		o.fills(others)
		n := 0
		for ; n < 200; n++ {
			if ok, got := o.calls("pbx", alice, fmt.Sprint("pbx-", n)); !ok {
				if !strings.HasPrefix(got, "SIP/2.0 478 ") {
					t.Errorf("it gets %q", got)
				}
				break
			}
		}
		if n != want {
			t.Errorf("beside %d calls of others it has %d, want %d", others, n, want)
		}
		for i := range 40 { // also when there is no room at all
			for j := range 7 {
				if ok, got := o.calls(fmt.Sprint("late", i), v4(i), fmt.Sprint("late-", i, "-", j)); !ok {
					t.Fatalf("call %d of user %d gets %q, %d records", j, i, got, o.statistic("records"))
				}
			}
		}
		if n := o.statistic("records"); n != 200 {
			t.Errorf("%d of 200 records are in use", n)
		}
	}
}

// TestUsersCountApart: in a full table nobody is refused for the calls of somebody else.
func TestUsersCountApart(t *testing.T) {
	const table = 20000
	o := newOffice(t, fmt.Sprint("max_dialogs ", table))
	for i := range table {
		if ok, got := o.calls(fmt.Sprint("user", i/8), v4(i/8), fmt.Sprint("full-", i)); !ok {
			t.Fatalf("call %d gets %q", i, got)
		}
	}
	if n := o.statistic("records"); n != table {
		t.Fatalf("%d records are in use", n)
	}
	for i := range 200 {
		if ok, got := o.calls(fmt.Sprint("new", i), v4(i), fmt.Sprint("new-", i)); !ok {
			t.Fatalf("user %d, who has no call, gets %q", i, got)
		}
	}
}

// TestPartsComeBack: what an owner of any kind has had, he may have again once it is over: refused,
// hung up, or lingering.
func TestPartsComeBack(t *testing.T) {
	for name, x := range map[string]struct {
		user string
		from func(n int) string
		want int64
	}{
		"a user":         {user: "alice", from: func(int) string { return alice }, want: 32},
		"a gateway":      {from: func(int) string { return gw }, want: 24},
		"a host":         {from: func(int) string { return carol }, want: 16},
		"a /48":          {from: v6, want: 16},
		"many strangers": {from: v4, want: 32},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, "max_dialogs 64")
			for round := range 4 {
				var calls []*call
				for i := range 80 {
					c := &call{office: o, id: fmt.Sprint("round-", round, "-", i)}
					before := o.statistic("records")
					for _, p := range o.invitesAs(x.user, x.from(i), c.id) {
						if strings.HasPrefix(p.Text, "INVITE ") && o.statistic("records") > before {
							c.invite = o.the("INVITE ", []moduletest.Packet{p})
							calls = append(calls, c)
						}
					}
				}
				if n := o.statistic("records"); n != x.want || len(calls) != int(n) {
					t.Fatalf("round %d: %d records, want %d", round, n, x.want)
				}
				for i, c := range calls {
					if i%2 == 0 {
						c.answers(bob, 486, "bt")
						continue
					}
					c.answers(bob, 200, "bt") // it owes an ACK, and lingers
					c.reply(x.from(i), c.the("BYE ", c.as(bob, "bob", "BYE", "sip:alice@192.0.2.7", 1)), 200)
				}
				o.wantNothingLeft()
			}
		})
	}
}
