package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"seraph/sql/aor"
	"seraph/sql/store"
)

// hostile is what a stranger's text may hold.
const hostile = `"><img src=x onerror=alert(1)>'; DROP TABLE silo; -- \' ); žluť 😀 % _ !`

// newMessage is a message for owner that came n seconds after start.
func newMessage(owner aor.AOR, n int) store.SiloMessage {
	at := start.Add(time.Duration(n) * time.Second)
	return store.SiloMessage{
		Owner: owner, From: "sip:bob@example.org", FromName: "Bob", To: owner.URI(), Received: at, Expires: at.Add(time.Hour),
		ContentType: "text/plain", Body: fmt.Appendf(nil, "message %d", n), CallID: fmt.Sprintf("call-%d", n),
	}
}

// put1 stores a message.
func put1(t *testing.T, db base, m store.SiloMessage) int64 {
	t.Helper()
	id, err := db.Silo.Add(t.Context(), m, 0)
	ok(t, err)
	return id
}

// bodies are the texts of messages with spaces between.
func bodies(list []store.SiloMessage) string {
	var texts []string
	for _, m := range list {
		texts = append(texts, strings.TrimPrefix(string(m.Body), "message "))
	}
	return strings.Join(texts, " ")
}

// counted checks how many messages an owner has.
func counted(t *testing.T, db base, owner aor.AOR, total, unread int) {
	t.Helper()
	n, u, err := db.Silo.Count(t.Context(), owner)
	ok(t, err)
	if n != total || u != unread {
		t.Errorf("%s has %d messages, %d unread, want %d and %d", owner, n, u, total, unread)
	}
}

// TestSiloRoundTrip: what is stored comes back as it was.
func TestSiloRoundTrip(t *testing.T) {
	every := make([]byte, 65535)
	for i := range every {
		every[i] = byte(i)
	}
	long := `multipart/mixed; boundary="` + strings.Repeat("x", 900) + `"; note="žluť 😀"`
	plain := func() store.SiloMessage { return newMessage(alice, 0) }
	cases := map[string]struct {
		change func(m *store.SiloMessage)
		stored func(m *store.SiloMessage) // nil: the same
		ctype  string                     // the column
	}{
		"plain":            {func(m *store.SiloMessage) {}, nil, "text/plain"},
		"no name":          {func(m *store.SiloMessage) { m.FromName = "" }, nil, "text/plain"},
		"every byte":       {func(m *store.SiloMessage) { m.Body = every }, nil, "text/plain"},
		"NUL":              {func(m *store.SiloMessage) { m.Body = []byte{0} }, nil, "text/plain"},
		"bad UTF-8":        {func(m *store.SiloMessage) { m.Body = []byte("a\xff\xfe\\'") }, nil, "text/plain"},
		"type that fits":   {func(m *store.SiloMessage) { m.ContentType = "text/plain; charset=iso-8859-15" }, nil, "text/plain; charset=iso-8859-15"},
		"long parameters":  {func(m *store.SiloMessage) { m.ContentType = long }, nil, "multipart/mixed"},
		"long type":        {func(m *store.SiloMessage) { m.ContentType = "application/" + strings.Repeat("x", 40) + ";a=b" }, nil, "application/octet-stream"},
		"extra headers":    {func(m *store.SiloMessage) { m.ExtraHeaders = "Subject: " + hostile + "\r\nPriority:\turgent\r\n" }, nil, "text/plain"},
		"long and extra":   {func(m *store.SiloMessage) { m.ContentType, m.ExtraHeaders = long, "X-A: 1\r\n" }, nil, "multipart/mixed"},
		"injection":        {func(m *store.SiloMessage) { m.From, m.FromName, m.To, m.CallID = hostile, hostile, hostile, hostile }, nil, "text/plain"},
		"hostile body":     {func(m *store.SiloMessage) { m.Body = []byte("<script>alert(1)</script>" + hostile) }, nil, "text/plain"},
		"beyond 2038":      {func(m *store.SiloMessage) { m.Expires = start.AddDate(100, 0, 0) }, func(m *store.SiloMessage) { m.Expires = time.Unix(1<<31-1, 0).UTC() }, "text/plain"},
		"no time":          {func(m *store.SiloMessage) { m.Received = time.Time{} }, func(m *store.SiloMessage) { m.Received = start }, "text/plain"},
		"fraction, zone":   {func(m *store.SiloMessage) { m.Received = start.Add(time.Millisecond).In(time.FixedZone("x", 3600)) }, func(m *store.SiloMessage) { m.Received = start }, "text/plain"},
		"state is ignored": {func(m *store.SiloMessage) { m.ID, m.Read, m.Attempts, m.Refused = 77, start, 3, true }, func(m *store.SiloMessage) { m.Read, m.Attempts, m.Refused = time.Time{}, 0, false }, "text/plain"},
		"name that cheats": {
			func(m *store.SiloMessage) {
				m.FromName = " Bob\r\nContent-Type: text/html\r\n\r\n\xff" + strings.Repeat("😀", 200)
			},
			func(m *store.SiloMessage) {
				m.FromName = "Bob\uFFFD\uFFFDContent-Type: text/html\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
				m.FromName += strings.Repeat("😀", 128-len([]rune(m.FromName)))
			}, "text/plain",
		},
	}
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		for name, tc := range cases {
			m := plain()
			tc.change(&m)
			id := put1(t, db, m)
			if tc.stored != nil {
				tc.stored(&m)
			}
			m.ID = id
			got, err := db.Silo.Find(t.Context(), alice, id)
			ok(t, err)
			if diff := cmp.Diff(m, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
			var ctype string
			ok(t, db.raw.QueryRowContext(t.Context(), "SELECT ctype FROM silo WHERE id = ?", id).Scan(&ctype))
			if ctype != tc.ctype {
				t.Errorf("%s: column ctype %q, want %q", name, ctype, tc.ctype)
			}
		}
		counted(t, db, alice, len(cases), len(cases))
		counted(t, db, bob, 0, 0)
	})
}

// TestSiloLongIdentifiers: long Call-IDs fit and stay different.
func TestSiloLongIdentifiers(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		seen := map[string]bool{}
		ids := []string{strings.Repeat("x", 128), strings.Repeat("x", 129), strings.Repeat("x", 130), strings.Repeat("ž", 5000), "a\xff", "a\xfe", "a ", "a"}
		for _, callID := range ids {
			m := newMessage(alice, 0)
			m.CallID = callID
			got, err := db.Silo.Find(t.Context(), alice, put1(t, db, m))
			ok(t, err)
			if n := len([]rune(got.CallID)); n > 128 || seen[got.CallID] {
				t.Errorf("Call-ID %.20q… is stored as %q, %d characters", callID, got.CallID, n)
			}
			seen[got.CallID] = true
		}
		if !seen[ids[0]] || !seen["a"] {
			t.Errorf("a Call-ID that fits was changed: %q", slices.Collect(maps.Keys(seen)))
		}
	})
}

func TestSiloAddWrong(t *testing.T) {
	cases := map[string]struct {
		field  string
		change func(m *store.SiloMessage)
	}{
		"no owner":           {"owner", func(m *store.SiloMessage) { m.Owner = aor.AOR{} }},
		"owner in capitals":  {"owner", func(m *store.SiloMessage) { m.Owner.User = "Alice" }},
		"no sender":          {"from", func(m *store.SiloMessage) { m.From = "" }},
		"long sender":        {"from", func(m *store.SiloMessage) { m.From = "sip:" + strings.Repeat("x", 252) }},
		"sender of two":      {"from", func(m *store.SiloMessage) { m.From = "sip:a@b\r\nTo: c" }},
		"sender's bad text":  {"from", func(m *store.SiloMessage) { m.From = "sip:\xff@b" }},
		"long recipient":     {"to", func(m *store.SiloMessage) { m.To = "sip:" + strings.Repeat("ž", 252) }},
		"no body":            {"body", func(m *store.SiloMessage) { m.Body = nil }},
		"empty body":         {"body", func(m *store.SiloMessage) { m.Body = []byte{} }},
		"long body":          {"body", func(m *store.SiloMessage) { m.Body = bytes.Repeat([]byte("x"), 65536) }},
		"no type":            {"content_type", func(m *store.SiloMessage) { m.ContentType = " " }},
		"long type":          {"content_type", func(m *store.SiloMessage) { m.ContentType = "text/plain;a=" + strings.Repeat("x", 1024) }},
		"type of two lines":  {"content_type", func(m *store.SiloMessage) { m.ContentType = "text/plain\r\nX-A: 1" }},
		"type's bad text":    {"content_type", func(m *store.SiloMessage) { m.ContentType = "text/\xff" }},
		"expired":            {"expires", func(m *store.SiloMessage) { m.Expires = m.Received }},
		"no expiry":          {"expires", func(m *store.SiloMessage) { m.Expires = time.Time{} }},
		"before 1970":        {"received", func(m *store.SiloMessage) { m.Received = time.Unix(-1, 0) }},
		"after 2038":         {"received", func(m *store.SiloMessage) { m.Received = time.Unix(1<<31, 0); m.Expires = m.Received.Add(time.Hour) }},
		"sent before 1970":   {"send_at", func(m *store.SiloMessage) { m.SendAt = time.Unix(-1, 0) }},
		"sent when over":     {"send_at", func(m *store.SiloMessage) { m.SendAt = m.Expires }},
		"sent after 2038":    {"send_at", func(m *store.SiloMessage) { m.SendAt, m.Expires = time.Unix(1<<31, 0), time.Unix(1<<32, 0) }},
		"long headers":       {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: " + strings.Repeat("x", 4092) + "\r\n" }},
		"open header line":   {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "Subject: x" }},
		"empty header line":  {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: b\r\n\r\nbody" }},
		"header without :":   {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "Subject\r\n" }},
		"header of no name":  {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = ": x\r\n" }},
		"folded header":      {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: b\r\n c: d\r\n" }},
		"header with a CR":   {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: b\rVia: x\r\n" }},
		"header with a LF":   {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: b\nVia: x\r\n" }},
		"header's bad text":  {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: \xff\r\n" }},
		"second type":        {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "content-TYPE: text/html\r\n" }},
		"second type, short": {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "A: b\r\nC: text/html\r\n" }},
		"second name":        {"extra_headers", func(m *store.SiloMessage) { m.ExtraHeaders = "x-sender-name: Carol\r\n" }},
	}
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for name, tc := range cases {
			m := newMessage(alice, 0)
			tc.change(&m)
			id, err := db.Silo.Add(t.Context(), m, 0)
			failsOn(t, name, err, tc.field)
			if id != 0 {
				t.Errorf("%s: id %d beside an error", name, id)
			}
		}
		_, err := db.Silo.Add(t.Context(), newMessage(carol, 0), 0)
		fails(t, "no subscriber", err, store.ErrNotFound)
		if n := db.count(t, "SELECT COUNT(*) FROM silo"); n != 0 {
			t.Errorf("%d rows were stored", n)
		}
	})
}

// TestSiloOrder: messages go out by the second they came, then by id, and pages show the same.
func TestSiloOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, injected)
		for _, n := range []int{5, 3, 3, 9, 1} { // as clocks that were set back would have it
			put1(t, db, newMessage(alice, n))
		}
		m := newMessage(alice, 3)
		m.Body = []byte("message 3b")
		last := put1(t, db, m)
		put1(t, db, newMessage(injected, 7))
		for _, tc := range []struct {
			q     store.SiloQuery
			want  string
			total int
		}{
			{store.SiloQuery{}, "1 3 3 3b 5 9", 6},
			{store.SiloQuery{Newest: true}, "9 5 3b 3 3 1", 6},
			{store.SiloQuery{Limit: 2, Offset: 3}, "3b 5", 6},
			{store.SiloQuery{Offset: 100}, "", 6},
			{store.SiloQuery{Limit: -1, Offset: -1}, "1 3 3 3b 5 9", 6},
			{store.SiloQuery{Unread: true}, "1 3 3 5 9", 5},
		} {
			if tc.q.Unread {
				n, err := db.Silo.MarkRead(t.Context(), alice, last)
				ok(t, err)
				if n != 1 {
					t.Errorf("MarkRead = %d", n)
				}
			}
			list, total, err := db.Silo.List(t.Context(), alice, tc.q)
			ok(t, err)
			if got := bodies(list); got != tc.want || total != tc.total {
				t.Errorf("List(%+v) = %q of %d, want %q of %d", tc.q, got, total, tc.want, tc.total)
			}
		}
		for limit, want := range map[int]string{0: "1 3 3 3b 5 9", 4: "1 3 3 3b"} {
			list, err := db.Silo.Pending(t.Context(), alice, limit, 0)
			ok(t, err)
			if got := bodies(list); got != want {
				t.Errorf("Pending(%d) = %q, want %q", limit, got, want)
			}
		}
		list, total, err := db.Silo.List(t.Context(), injected, store.SiloQuery{})
		ok(t, err)
		if len(list) != 1 || total != 1 || list[0].Owner != injected {
			t.Errorf("%s has %v", injected, list)
		}
	})
}

// TestSiloOwner: nobody sees or touches another owner's message by any id.
func TestSiloOwner(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		mine, theirs := put1(t, db, newMessage(alice, 1)), put1(t, db, newMessage(bob, 2))
		for name, other := range map[string]aor.AOR{"other user": bob, "other domain": {User: "alice", Domain: "example.com"}, "no one": {},
			"injection": {User: "' OR 1=1 -- ", Domain: "' OR '1'='1"}} {
			_, err := db.Silo.Find(t.Context(), other, mine)
			fails(t, name+": Find", err, store.ErrNotFound)
			fails(t, name+": Attempt", db.Silo.Attempt(t.Context(), other, mine, 408, true), store.ErrNotFound)
			for what, f := range map[string]func(context.Context, aor.AOR, ...int64) (int, error){"Delete": db.Silo.Delete, "MarkRead": db.Silo.MarkRead} {
				n, err := f(t.Context(), other, mine, -1, 0, 1<<62)
				if n != 0 || err != nil {
					t.Errorf("%s: %s = %d, %v", name, what, n, err)
				}
			}
		}
		got, err := db.Silo.Find(t.Context(), alice, mine)
		ok(t, err)
		if !got.Read.IsZero() || got.Attempts != 0 || got.Refused {
			t.Errorf("others changed it to %+v", got)
		}
		n, err := db.Silo.Delete(t.Context(), alice, theirs, mine, mine, 0)
		ok(t, err)
		if n != 1 {
			t.Errorf("Delete = %d, want my one", n)
		}
		counted(t, db, alice, 0, 0)
		counted(t, db, bob, 1, 1)
	})
}

func TestSiloState(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		a, b := put1(t, db, newMessage(alice, 1)), put1(t, db, newMessage(alice, 2))
		ok(t, db.Silo.Attempt(t.Context(), alice, a, 0, false))
		ok(t, db.Silo.Attempt(t.Context(), alice, a, 486, false))
		db.clock.advance(time.Minute)
		for i, want := range []int{2, 0} {
			n, err := db.Silo.MarkRead(t.Context(), alice, a, b, b)
			ok(t, err)
			if n != want {
				t.Errorf("MarkRead the %d. time = %d, want %d", i+1, n, want)
			}
			db.clock.advance(time.Minute) // the first time counts
		}
		got, err := db.Silo.Find(t.Context(), alice, a)
		ok(t, err)
		if got.Attempts != 2 || got.LastCode != 486 || got.Refused || !got.Read.Equal(start.Add(time.Minute)) {
			t.Errorf("state is %+v", got)
		}
		counted(t, db, alice, 2, 0)
		for attempts, want := range map[int]string{0: "1 2", 1: "2 1", 2: "2 1", 3: "1 2"} {
			list, err := db.Silo.Pending(t.Context(), alice, 10, attempts)
			ok(t, err)
			if got := bodies(list); got != want {
				t.Errorf("pending are %q, want %q with those of %d attempts behind", got, want, attempts)
			}
		}
		ok(t, db.Silo.Attempt(t.Context(), alice, a, 415, true))
		list, err := db.Silo.Pending(t.Context(), alice, 10, 0)
		ok(t, err)
		if got := bodies(list); got != "2" {
			t.Errorf("pending are %q, the refused one is not to be", got)
		}
		shown, total, err := db.Silo.List(t.Context(), alice, store.SiloQuery{})
		ok(t, err)
		if total != 2 || !shown[0].Refused || shown[0].LastCode != 415 || shown[0].Attempts != 3 {
			t.Errorf("the owner sees %+v of %d", shown, total)
		}
		for _, code := range []int{-1, 99, 700, 1 << 30} {
			ok(t, db.Silo.Attempt(t.Context(), alice, a, code, false))
		}
		if got, err = db.Silo.Find(t.Context(), alice, a); err != nil || got.LastCode != 0 || got.Refused {
			t.Errorf("after codes that are none: %+v, %v", got, err)
		}
		if n, err := db.Silo.Delete(t.Context(), alice, a, b); n != 2 || err != nil {
			t.Errorf("Delete = %d, %v", n, err)
		}
		fails(t, "Attempt of a deleted message", db.Silo.Attempt(t.Context(), alice, a, 200, false), store.ErrNotFound)
		if n, err := db.Silo.MarkRead(t.Context(), alice, a); n != 0 || err != nil {
			t.Errorf("MarkRead of a deleted message = %d, %v", n, err)
		}
		if n := db.count(t, "SELECT COUNT(*) FROM silo_state"); n != 0 {
			t.Errorf("%d rows are left in silo_state", n)
		}
		for what, f := range map[string]func(context.Context, aor.AOR, ...int64) (int, error){"Delete": db.Silo.Delete, "MarkRead": db.Silo.MarkRead} {
			if n, err := f(t.Context(), alice); n != 0 || err != nil {
				t.Errorf("%s of nothing = %d, %v", what, n, err)
			}
			_, err := f(t.Context(), alice, make([]int64, store.MaxStored+1)...)
			failsOn(t, what+" of too many", err, "ids")
			if n, err := f(t.Context(), alice, manyIDs(store.MaxStored)...); n != 0 || err != nil {
				t.Errorf("%s of the most = %d, %v", what, n, err)
			}
		}
	})
}

// manyIDs are ids from 1 to n.
func manyIDs(n int) (ids []int64) {
	for i := range n {
		ids = append(ids, int64(i+1))
	}
	return ids
}

// TestSiloExpiry: what is over is not shown, and only that is removed.
func TestSiloExpiry(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		short := newMessage(alice, 0)
		short.Expires = start.Add(time.Minute)
		id := put1(t, db, short)
		if n, err := db.Silo.MarkRead(t.Context(), alice, id); n != 1 || err != nil {
			t.Errorf("MarkRead = %d, %v", n, err)
		}
		put1(t, db, newMessage(alice, 1))
		short.Owner = bob
		put1(t, db, short)
		db.clock.advance(time.Minute - time.Second)
		counted(t, db, alice, 2, 1)
		if gone, err := db.Silo.DeleteExpired(t.Context(), start.Add(time.Minute-time.Second)); len(gone) != 0 || err != nil {
			t.Errorf("too early: %v, %v", gone, err)
		}
		db.clock.advance(time.Second)
		counted(t, db, alice, 1, 1)
		_, err := db.Silo.Find(t.Context(), alice, id)
		fails(t, "Find an expired message", err, store.ErrNotFound)
		list, err := db.Silo.Pending(t.Context(), alice, 10, 0)
		ok(t, err)
		if got := bodies(list); got != "1" {
			t.Errorf("pending are %q", got)
		}
		if _, err := db.Silo.Add(t.Context(), newMessage(alice, 2), 2); err != nil {
			t.Errorf("an expired message takes room: %v", err)
		}
		gone, err := db.Silo.DeleteExpired(t.Context(), start.Add(time.Minute))
		ok(t, err)
		if diff := cmp.Diff(map[aor.AOR]int{alice: 1, bob: 1}, gone); diff != "" {
			t.Errorf("DeleteExpired (-want +got):\n%s", diff)
		}
		if rows, states := db.count(t, "SELECT COUNT(*) FROM silo"), db.count(t, "SELECT COUNT(*) FROM silo_state"); rows != 2 || states != 0 {
			t.Errorf("%d rows and %d states are left, want 2 and 0", rows, states)
		}
	})
}

// TestSiloExpiryOfMany: all chunks, and no row of a live message between them.
func TestSiloExpiryOfMany(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		const dead = 1203
		row := ", ('alice', 'example.org', 1, 2)"
		db.exec(t, "INSERT INTO silo (username, domain, inc_time, exp_time) VALUES ('live', 'x.org', 1, 2147483647)"+strings.Repeat(row, dead)+
			", ('live', 'x.org', 1, 2147483647)")
		gone, err := db.Silo.DeleteExpired(t.Context(), start)
		ok(t, err)
		if n := db.count(t, "SELECT COUNT(*) FROM silo"); gone[alice] != dead || len(gone) != 1 || n != 2 {
			t.Errorf("DeleteExpired = %v, %d rows are left", gone, n)
		}
	})
}

// TestSiloFull: the bound holds while many send at once, and each owner has their own.
func TestSiloFull(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		const most, senders = 5, 12
		full := 0
		for _, err := range atOnce(senders, func(i int) error {
			_, err := db.Silo.Add(t.Context(), newMessage(alice, i), most)
			return err
		}) {
			if errors.Is(err, store.ErrFull) {
				fails(t, "full", err, store.ErrFull)
				full++
			} else {
				ok(t, err)
			}
		}
		counted(t, db, alice, most, most)
		if full != senders-most {
			t.Errorf("%d were told that it is full, want %d", full, senders-most)
		}
		put1(t, db, newMessage(bob, 1))
		list, _, err := db.Silo.List(t.Context(), alice, store.SiloQuery{Limit: 1})
		ok(t, err)
		if n, err := db.Silo.Delete(t.Context(), alice, list[0].ID); n != 1 || err != nil {
			t.Errorf("Delete = %d, %v", n, err)
		}
		_, err = db.Silo.Add(t.Context(), newMessage(alice, 20), most)
		ok(t, err)
	})
}

// TestSiloHighestBound: no caller lifts MaxStored.
func TestSiloHighestBound(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		row := "('alice', 'example.org', 1, 2147483647)"
		db.exec(t, "INSERT INTO silo (username, domain, inc_time, exp_time) VALUES "+row+strings.Repeat(", "+row, store.MaxStored-1))
		for _, most := range []int{0, -1, store.MaxStored + 1} {
			_, err := db.Silo.Add(t.Context(), newMessage(alice, 1), most)
			fails(t, fmt.Sprintf("at most %d", most), err, store.ErrFull)
		}
	})
}

// TestSiloRaces: what two do at once happens once, and leaves no state without its message.
func TestSiloRaces(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		for round := range 5 {
			id := put1(t, db, newMessage(alice, round))
			other := put1(t, db, newMessage(alice, round))
			var deleted, read [8]int
			for _, err := range atOnce(8, func(i int) (err error) {
				switch i % 4 {
				case 3:
					err = db.Silo.Attempt(t.Context(), alice, id, 408, false)
					if errors.Is(err, store.ErrNotFound) {
						err = nil
					}
				case 2:
					read[i], err = db.Silo.MarkRead(t.Context(), alice, id, other)
				default:
					deleted[i], err = db.Silo.Delete(t.Context(), alice, id)
				}
				return err
			}) {
				ok(t, err)
			}
			total := 0
			for _, n := range deleted {
				total += n
			}
			if total != 1 {
				t.Errorf("%d deletions of one message succeeded", total)
			}
			if n, err := db.Silo.Delete(t.Context(), alice, other); n != 1 || err != nil {
				t.Errorf("Delete = %d, %v", n, err)
			}
			if n := db.count(t, "SELECT COUNT(*) FROM silo_state"); n != 0 {
				t.Fatalf("%d rows in silo_state without a message", n)
			}
		}
	})
}

// TestSiloAccountGoes: a message that comes while its owner is deleted is either deleted with them or refused.
func TestSiloAccountGoes(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		for range 5 {
			db.add(t, alice)
			errs := atOnce(4, func(i int) error {
				if i == 0 {
					return db.Subscribers.Delete(t.Context(), alice)
				}
				_, err := db.Silo.Add(t.Context(), newMessage(alice, i), 0)
				if errors.Is(err, store.ErrNotFound) {
					err = nil
				}
				return err
			})
			for _, err := range errs {
				ok(t, err)
			}
			if n := db.count(t, "SELECT COUNT(*) FROM silo"); n != 0 {
				t.Fatalf("%d messages outlived their owner", n)
			}
		}
	})
}

// TestSiloForeignRows: rows of Kamailio, which knows no silo_state and leaves columns empty; and an id given
// again takes nothing over.
func TestSiloForeignRows(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice)
		db.exec(t, "INSERT INTO silo (id, src_addr, username, domain, inc_time, exp_time, ctype, body, extra_hdrs) VALUES"+
			" (7, 'sip:bob@example.org', 'alice', 'example.org', 1700000000, 2147483647, 'text/plain', NULL, NULL),"+
			" (8, 'sip:bob@example.org', 'alice', 'example.org', 1700000000, 2147483647, 'text/plain', 'hi', 'X-A: 1')")
		list, total, err := db.Silo.List(t.Context(), alice, store.SiloQuery{})
		ok(t, err)
		m := store.SiloMessage{ID: 7, Owner: alice, From: "sip:bob@example.org", Received: time.Unix(1700000000, 0).UTC(),
			Expires: time.Unix(1<<31-1, 0).UTC(), ContentType: "text/plain"}
		m8 := m
		m8.ID, m8.Body, m8.ExtraHeaders = 8, []byte("hi"), "X-A: 1"
		if diff := cmp.Diff([]store.SiloMessage{m, m8}, list); diff != "" || total != 2 {
			t.Errorf("%d rows (-want +got):\n%s", total, diff)
		}
		ok(t, db.Silo.Attempt(t.Context(), alice, 8, 415, true))
		db.exec(t, "INSERT INTO silo_state (silo_id, attempts, refused) VALUES (9, 5, 1)") // what another program left behind
		if id := put1(t, db, newMessage(alice, 1)); id != 9 {
			t.Fatalf("the id is %d", id)
		}
		if got, err := db.Silo.Find(t.Context(), alice, 9); err != nil || got.Refused || got.Attempts != 0 {
			t.Errorf("the new message has the state of an old one: %+v, %v", got, err)
		}
	})
}

// TestSiloModel compares the tables with a list while two owners use them.
func TestSiloModel(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		run := 0
		rapid.Check(t, func(r *rapid.T) {
			run++
			owners := []aor.AOR{{User: fmt.Sprintf("a%d", run), Domain: "x.org"}, {User: fmt.Sprintf("b%d", run), Domain: "x.org"}}
			db.add(t, owners...)
			model := map[int64]store.SiloMessage{}
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				owner := rapid.SampledFrom(owners).Draw(r, "owner")
				id := rapid.SampledFrom(append(slices.Sorted(maps.Keys(model)), -1)).Draw(r, "id")
				m, there := model[id]
				mine := there && m.Owner == owner
				switch rapid.IntRange(0, 4).Draw(r, "op") {
				case 0, 1:
					m := newMessage(owner, rapid.IntRange(0, 3).Draw(r, "second"))
					m.Body = rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(r, "body")
					m.ContentType = rapid.StringMatching(`[a-z]{1,40}/[a-z]{1,40}(; ?a="[ -~žŽ]{0,9}")?`).Draw(r, "type")
					m.FromName = strings.TrimSpace(rapid.StringMatching(`[ -~žŽ😀]{0,20}`).Draw(r, "name"))
					id, err := db.Silo.Add(t.Context(), m, 3)
					held := 0
					for _, other := range model {
						if other.Owner == owner {
							held++
						}
					}
					if (err == nil) != (held < 3) || err != nil && !errors.Is(err, store.ErrFull) {
						r.Fatalf("Add with %d there: %v", held, err)
					}
					if err == nil {
						m.ID = id
						model[id] = m
					}
				case 2:
					n, err := db.Silo.Delete(t.Context(), owner, id)
					if err != nil || (n == 1) != mine {
						r.Fatalf("Delete: %d, %v, own message: %v", n, err, mine)
					}
					if mine {
						delete(model, id)
					}
				case 3:
					n, err := db.Silo.MarkRead(t.Context(), owner, id)
					if err != nil || (n == 1) != (mine && m.Read.IsZero()) {
						r.Fatalf("MarkRead: %d, %v, own message: %v", n, err, mine)
					}
					if n == 1 {
						m.Read = start
						model[id] = m
					}
				case 4:
					refused := rapid.Bool().Draw(r, "refused")
					if err := db.Silo.Attempt(t.Context(), owner, id, 480, refused); (err == nil) != mine {
						r.Fatalf("Attempt: %v, own message: %v", err, mine)
					}
					if mine {
						m.Attempts, m.LastCode, m.Refused = m.Attempts+1, 480, refused
						model[id] = m
					}
				}
			}
			for _, owner := range owners {
				compareSilo(r, db, owner, model)
			}
		})
	})
}

// compareSilo checks List, Pending and Count against the model.
func compareSilo(r *rapid.T, db base, owner aor.AOR, model map[int64]store.SiloMessage) {
	var want, pending []store.SiloMessage
	unread := 0
	for _, m := range model {
		if m.Owner == owner {
			want = append(want, m)
		}
	}
	slices.SortFunc(want, func(a, b store.SiloMessage) int {
		if c := a.Received.Compare(b.Received); c != 0 {
			return c
		}
		return int(a.ID - b.ID)
	})
	for _, m := range want {
		if !m.Refused {
			pending = append(pending, m)
		}
		if m.Read.IsZero() {
			unread++
		}
	}
	list, total, err := db.Silo.List(context.Background(), owner, store.SiloQuery{})
	if diff := cmp.Diff(want, list); err != nil || diff != "" || total != len(want) {
		r.Fatalf("List: %d, %v (-want +got):\n%s", total, err, diff)
	}
	list, err = db.Silo.Pending(context.Background(), owner, 0, 0)
	if diff := cmp.Diff(pending, list); err != nil || diff != "" {
		r.Fatalf("Pending: %v (-want +got):\n%s", err, diff)
	}
	if n, u, err := db.Silo.Count(context.Background(), owner); err != nil || n != len(want) || u != unread {
		r.Fatalf("Count: %d, %d, %v, want %d and %d", n, u, err, len(want), unread)
	}
}

// TestSiloOwners: everybody who has something stored, once each, whatever its state.
func TestSiloOwners(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob, injected)
		if list, err := db.Silo.Owners(t.Context()); len(list) != 0 || err != nil {
			t.Errorf("of nothing: %v, %v", list, err)
		}
		put1(t, db, newMessage(alice, 1))
		ok(t, db.Silo.Attempt(t.Context(), alice, put1(t, db, newMessage(alice, 2)), 415, true))
		put1(t, db, newMessage(injected, 3))
		db.clock.advance(24 * time.Hour)
		list, err := db.Silo.Owners(t.Context())
		ok(t, err)
		slices.SortFunc(list, func(a, b aor.AOR) int { return strings.Compare(a.User, b.User) })
		if diff := cmp.Diff([]aor.AOR{alice, injected}, list); diff != "" {
			t.Errorf("Owners (-want +got):\n%s", diff)
		}
	})
}
