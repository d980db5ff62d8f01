package msilo

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"seraph/proxy/internal/module"
	"seraph/proxy/internal/ua"
)

// reminding are the parameters with which reminders work.
var reminding = [][2]string{{"reminder", "sip:reminder@example.org"}, {"send_time", "10"}, {"snd_time_avp", "$avp(snd_time)"}}

// remindsAt stores a message that is to be sent at a time, written as the AVP has it.
func (b *bench) remindsAt(at, body string, lines ...string) int {
	b.t.Helper()
	return b.storesAfter(func(c *module.Ctx) { c.SetAVP("snd_time", module.Text([]byte(at))) }, "sip:bob@example.org", "0", body, lines...)
}

// in is a time from now on, as the AVP has it.
func in(d time.Duration) string { return time.Now().Add(d).Format(sendTimeFormat) }

// TestReminder: a message with a send time goes out at that time and not before, in the
// name of reminder.
func TestReminder(t *testing.T) {
	bubble(t, func(b *bench) {
		if got := b.remindsAt(in(time.Hour), "drink tea"); got != 202 {
			t.Fatalf("answered %d", got)
		}
		b.registers()
		time.Sleep(time.Hour - time.Second)
		b.silo.mu.Lock()
		dues := b.silo.dues
		b.silo.mu.Unlock()
		if got := b.wire.bodies(); len(got) != 0 || dues != 1 {
			t.Fatalf("before its time %q was sent; the table was read %d times, want once", got, dues)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if len(b.wire.sent) != 1 || len(b.rows()) != 0 {
			t.Fatalf("sent %q, left %d", b.wire.bodies(), len(b.rows()))
		}
		got := b.wire.sent[0]
		if got.From != "sip:reminder@example.org" || got.User != "reminder" || got.To != "sip:bob@example.org" ||
			!strings.HasPrefix(string(got.Body), "[Reminder message from sip:alice@example.org - ") || !strings.HasSuffix(string(got.Body), "] drink tea") {
			t.Errorf("sent %+v, its body %q", got, got.Body)
		}
		if n := b.m.reminded.Load(); n != 1 {
			t.Errorf("dumped_reminders is %d", n)
		}
	}, reminding...)
}

// TestReminderWaits: who has no phone at the time gets it with his next REGISTER, and
// what a phone does not take is not sent at every look.
func TestReminderWaits(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		b.remindsAt(in(time.Minute), "drink tea")
		time.Sleep(5 * time.Minute)
		if got := b.wire.bodies(); len(got) != 0 {
			t.Fatalf("sent %q to nobody", got)
		}
		b.phones.set(1, false)
		b.wire.answers = []ua.Answer{{Status: 486, Bound: true, Relayed: true}, taken()}
		b.registers()
		time.Sleep(10 * time.Minute)
		if got := b.wire.bodies(); len(got) != 1 || b.m.notReminded.Load() != 1 {
			t.Fatalf("a busy phone is sent %d, failed_reminders %d", len(got), b.m.notReminded.Load())
		}
		b.registers()
		synctest.Wait()
		if n := len(b.rows()); n != 0 {
			t.Errorf("%d are left", n)
		}
	}, reminding...)
}

// TestReminderAfterRestart: reminders that are in the table already go out at their time.
func TestReminderAfterRestart(t *testing.T) {
	bubble(t, func(b *bench) {
		// Another run of the router has stored these; the first look is over.
		b.keep("late", "soon")
		b.silo.mu.Lock()
		b.silo.rows[0].SendAt, b.silo.rows[1].SendAt = time.Now().Add(-time.Hour), time.Now().Add(30*time.Second)
		b.silo.mu.Unlock()
		b.m.remindAll(t.Context(), time.Time{}, time.Now())
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 1 || got[0] != "late" {
			t.Fatalf("sent %q", got)
		}
		time.Sleep(time.Minute)
		if got := b.wire.bodies(); len(got) != 2 || got[1] != "soon" {
			t.Errorf("sent %q", got)
		}
	}, reminding...)
}

// TestReminderDatabaseAway: the look is repeated until the database answers.
func TestReminderDatabaseAway(t *testing.T) {
	bubble(t, func(b *bench) {
		b.remindsAt(in(time.Minute), "drink tea")
		b.silo.mu.Lock()
		b.silo.away = true
		b.silo.mu.Unlock()
		time.Sleep(2 * time.Minute)
		b.silo.mu.Lock()
		b.silo.away = false
		b.silo.mu.Unlock()
		time.Sleep(20 * time.Second)
		if got := b.wire.bodies(); len(got) != 1 {
			t.Errorf("sent %q", got)
		}
	}, reminding...)
}

// TestReminderTimes: which send times are taken, and how long such a message is kept.
func TestReminderTimes(t *testing.T) {
	bubble(t, func(b *bench) {
		b.phones.set(0, false)
		for name, x := range map[string]struct {
			at    string
			lines []string
			want  int
		}{
			"no time":              {"tomorrow", nil, 503},
			"too short":            {"2026", nil, 503},
			"no such day":          {"20260231000000", nil, 503},
			"too many digits":      {in(time.Hour) + "0", nil, 503},
			"more than a year":     {in(400 * 24 * time.Hour), nil, 503},
			"expires before":       {in(time.Hour), []string{"Expires: 60"}, 503},
			"expires then":         {in(time.Hour), []string{"Expires: 3600"}, 503},
			"expires after":        {in(time.Hour), []string{"Expires: 7200"}, 202},
			"beyond expire_time":   {in(10 * 24 * time.Hour), nil, 202},
			"over":                 {in(-time.Hour), nil, 202},
			"a receipt is a no-no": {in(time.Hour), []string{"Content-Type: message/imdn+xml"}, 503},
		} {
			before := len(b.rows())
			if got := b.remindsAt(x.at, "x", x.lines...); got != x.want {
				t.Errorf("%s: %d, want %d", name, got, x.want)
			}
			rows := b.rows()
			if len(rows) == before {
				continue
			}
			m := rows[len(rows)-1]
			kept := map[string]time.Duration{"expires after": 2 * time.Hour, "beyond expire_time": 13 * 24 * time.Hour, "over": 3 * 24 * time.Hour}[name]
			if got := m.Expires.Sub(m.Received); got != kept {
				t.Errorf("%s: kept for %v, want %v", name, got, kept)
			}
		}
	}, append(reminding, [2]string{"foreign_quota", "1000"})...)
}

// TestRemindersOff: without the parameters an AVP makes no difference, and half of them
// are refused at the start.
func TestRemindersOff(t *testing.T) {
	bubble(t, func(b *bench) {
		b.remindsAt("nonsense", "x")
		synctest.Wait()
		if got := b.wire.bodies(); len(got) != 1 || !strings.HasPrefix(got[0], "[Offline message - ") {
			t.Errorf("sent %q", got)
		}
	})
	for name, x := range map[string]struct {
		set  settings
		want string
	}{
		"no address": {settings{sndTimeAVP: "x", sendTime: time.Second}, "needs reminder"},
		"no look":    {settings{sndTimeAVP: "x", reminder: "sip:a@b"}, "needs send_time"},
	} {
		m := New(Config{})
		m.set = x.set
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
