package msilo

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
)

var (
	noticeFrom = [2]string{"from_address", "sip:registrar@example.org"}
	noticeText = [2]string{"offline_message", "*** $rU is away"}
)

// TestNotice: an authenticated sender is told in the words of the parameters, at his own
// address whatever From says; a stranger is not.
func TestNotice(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		b.stores("from a stranger")
		synctest.Wait()
		if n := len(b.wire.bodies()); n != 0 {
			t.Errorf("%d notices to a stranger", n)
		}
		b.known = true
		b.stores("from alice", "From: <sip:victim@elsewhere.example>;tag=1")
		synctest.Wait()
		if len(b.wire.sent) != 1 {
			t.Fatalf("sent %+v", b.wire.sent)
		}
		got := b.wire.sent[0]
		if got.To != "sip:alice@example.org" || got.From != "sip:registrar@example.org" || string(got.Body) != "*** bob is away" ||
			got.ContentType != "text/html" || got.Headers != "X-For: sip:bob@example.org\r\n" || !got.NoRules {
			t.Errorf("the notice is %+v, its body %q", got, got.Body)
		}
	}, noticeFrom, noticeText, [2]string{"content_type_hdr", "Content-Type: text/html\r\n"}, [2]string{"extra_hdrs", "X-For: $tu\r\n"})
}

// TestNoNotice: what is stored without a word to its sender.
func TestNoNotice(t *testing.T) {
	skip := func(c *module.Ctx) { c.Flags |= 1 << 18 }
	as := func(user string) func(c *module.Ctx) {
		return func(c *module.Ctx) { c.Auth.User = []byte(user) }
	}
	for _, x := range []struct {
		name   string
		before func(c *module.Ctx)
		params [][2]string
		lines  []string
		body   string
		want   int
	}{
		{name: "a receipt", lines: []string{"Content-Type: message/imdn+xml"}},
		{name: "a receipt in message/cpim", lines: []string{"Content-Type: message/cpim"}, body: "From: <sip:a@b>\n\nContent-Type: message/imdn+xml\n\n<imdn/>"},
		{name: "the flag", before: skip},
		{name: "from the notices' own address", before: as("registrar")},
		{name: "for the notices' own address", params: [][2]string{{"from_address", "sip:bob@example.org"}}},
		{name: "a bad address", params: [][2]string{{"from_address", "$hdr(X-From)"}}, lines: []string{"X-From: sip:a b\\"}},
		{name: "no words", params: [][2]string{{"offline_message", ""}}},
		{name: "an ordinary one", want: 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			params := append([][2]string{noticeFrom, noticeText, {"skip_notification_flag", "18"}, {"store_receipts", "1"}}, x.params...)
			bubble(t, func(b *bench) {
				b.phones.set(0, false)
				b.known = true
				before := x.before
				if before == nil {
					before = func(*module.Ctx) {}
				}
				body := x.body
				if body == "" {
					body = "hello"
				}
				if status := b.storesAfter(before, "sip:bob@example.org", "0", body, x.lines...); status != 202 {
					t.Fatalf("answered %d", status)
				}
				synctest.Wait()
				if n := len(b.wire.bodies()); n != x.want {
					t.Errorf("%d notices: %q", n, b.wire.bodies())
				}
			}, params...)
		})
	}
}

// storesAs stores a message of a user's that is known.
func (b *bench) storesAs(user string) {
	b.t.Helper()
	if status := b.storesAfter(func(c *module.Ctx) { c.Auth.User = []byte(user) }, "sip:bob@example.org", "0", "x"); status != 202 {
		b.t.Fatalf("answered %d", status)
	}
}

// told is who was sent a notice, in the order of the notices.
func (b *bench) told() string {
	b.wire.mu.Lock()
	defer b.wire.mu.Unlock()
	var list []string
	for _, m := range b.wire.sent {
		user, _, _ := strings.Cut(strings.TrimPrefix(m.To, "sip:"), "@")
		list = append(list, user)
	}
	return strings.Join(list, " ")
}

// TestSilentSenders: who does not answer notices holds up nobody else's; to him goes one at
// a time, and what waits for him while he says nothing is dropped.
func TestSilentSenders(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		b.known = true
		b.wire.slow = map[string]time.Duration{"sip:eve@example.org": time.Hour}
		for range 5 {
			b.storesAs("eve")
		}
		b.storesAs("alice")
		b.storesAs("carol")
		b.storesAs("alice")
		synctest.Wait()
		if got := b.told(); strings.Count(got, "eve") != 1 || strings.Count(got, "alice") != 2 || strings.Count(got, "carol") != 1 {
			t.Errorf("told at once: %s", got)
		}
		time.Sleep(answerTimeout + time.Second)
		synctest.Wait()
		if got := b.told(); strings.Count(got, "eve") != 1 {
			t.Errorf("told in the end: %s", got)
		}
		b.logged("a sender who says nothing is not told of further messages", 1)
		b.storesAs("eve")
		synctest.Wait()
		if got := b.told(); strings.Count(got, "eve") != 2 {
			t.Errorf("told later: %s", got)
		}
	}, noticeFrom, noticeText)
}

// TestNoticeNotSent: a notice that cannot be sent, or is refused, says nothing of its sender: what waits for him goes out.
// Who lets it come to 408 says nothing, whoever made that.
func TestNoticeNotSent(t *testing.T) {
	for _, x := range []struct {
		name    string
		answer  ua.Answer
		err     error
		told    int
		dropped bool
	}{
		{"too large", ua.Answer{}, ua.ErrMessageTooLarge, 3, false},
		{"dropped by the script", ua.Answer{}, ua.ErrDropped, 3, false},
		{"no answer yet, and the time is up", ua.Answer{}, context.DeadlineExceeded, 1, true},
		{"silent", ignored(), nil, 1, true},
		{"refused", said(415), nil, 3, false},
	} {
		t.Run(x.name, func(t *testing.T) {
			bubble(t, func(b *bench) {
				b.phones.set(0, false)
				b.known = true
				b.wire.delay = time.Second
				b.wire.answers, b.wire.err = []ua.Answer{x.answer}, x.err
				for range 3 {
					b.storesAs("eve")
				}
				time.Sleep(time.Minute)
				if got := strings.Count(b.told(), "eve"); got != x.told {
					t.Errorf("told %d times, want %d", got, x.told)
				}
				want := 0
				if x.dropped {
					want = 1
				}
				b.logged("a sender who says nothing", want)
			}, noticeFrom, noticeText)
		})
	}
}

// TestNoticesAtTheEnd: when the router ends nobody is said to say nothing, and nothing is begun any more.
func TestNoticesAtTheEnd(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		b.known = true
		b.wire.delay = time.Hour
		for range 3 {
			b.storesAs("eve")
		}
		synctest.Wait()
		b.end()
		b.logged("a sender who says nothing", 0)
		if got := b.told(); got != "eve" {
			t.Errorf("told %q", got)
		}
	}, noticeFrom, noticeText)
}

// TestManySilentSenders: notices on their way and those that wait are bounded, these for each
// sender, too; what has no room is not sent.
func TestManySilentSenders(t *testing.T) {
	var n notices
	n.init()
	msg := func(i int) ua.Message { return ua.Message{To: fmt.Sprint("sip:", i, "@example.org")} }
	room := 0
	for range 2 * noticesInTime {
		if n.add(msg(0)) {
			room++
		}
	}
	if room != noticesInTime {
		t.Errorf("one sender has room for %d, want %d", room, noticesInTime)
	}
	for i := range 2 * maxNotices {
		if n.add(msg(i + 1)) {
			room++
		}
	}
	if room != maxNotices {
		t.Errorf("there is room for %d, want %d", room, maxNotices)
	}
	var sent []string
	for m, ok := n.next(); ok; m, ok = n.next() {
		sent = append(sent, m.To)
	}
	if len(sent) != noticesAtOnce || sent[0] != msg(0).To || sent[1] != msg(1).To {
		t.Errorf("on their way: %q", sent)
	}
	if got := n.done(sent[1], true); got != 0 {
		t.Errorf("%d are dropped of who has answered", got)
	}
	if m, ok := n.next(); !ok || m.To != msg(noticesAtOnce).To {
		t.Errorf("next is %+v, %v", m, ok)
	}
	if got := n.done(sent[0], false); got != noticesInTime-1 {
		t.Errorf("%d are dropped of who was silent, want %d", got, noticesInTime-1)
	}
}

// TestNoticesAreBounded: a program that sends again for each notice it gets does not go
// on for ever; the bound is each sender's own and ends.
func TestNoticesAreBounded(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		b.known = true
		for range 3 * noticesInTime {
			b.stores("x")
		}
		synctest.Wait()
		if n := len(b.wire.bodies()); n != noticesInTime {
			t.Errorf("%d notices, want %d", n, noticesInTime)
		}
		time.Sleep(noticePeriod)
		b.stores("x")
		synctest.Wait()
		if n := len(b.wire.bodies()); n != noticesInTime+1 {
			t.Errorf("%d notices a minute later, want one more", n)
		}
	}, noticeFrom, noticeText)
}
