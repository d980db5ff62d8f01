package store_test

import (
	"slices"
	"testing"

	"seraph/sql/store"
)

// TestSiloSearch: messages are found by what they say and by who sent them, in any case,
// unread and refused ones alone, and never another owner's.
func TestSiloSearch(t *testing.T) {
	onEach(t, func(t *testing.T, db base) {
		db.add(t, alice, bob)
		put := func(n int, change func(m *store.SiloMessage)) int64 {
			m := newMessage(alice, n)
			change(&m)
			return put1(t, db, m)
		}
		read := put(1, func(m *store.SiloMessage) { m.Body = []byte("message 1 The Key is under the mat, 100%") })
		put(2, func(m *store.SiloMessage) {
			m.From, m.FromName, m.Body = "sip:zara@hotel.example;transport=tcp", "Front Desk", []byte("message 2 Žluťoučký kůň")
			m.ExtraHeaders = "Subject: lighthouse\r\n"
		})
		put(3, func(m *store.SiloMessage) { m.ContentType, m.Body = "image/png", []byte("message 3 the key") })
		refused := put(4, func(m *store.SiloMessage) {
			m.ContentType, m.Body = "TEXT/plain; charset=iso-8859-1", []byte("message 4 caf\xe9 au lait_")
		})
		put1(t, db, newMessage(bob, 9))
		_, err := db.Silo.MarkRead(t.Context(), alice, read)
		ok(t, err)
		ok(t, db.Silo.Attempt(t.Context(), alice, refused, 415, true))
		for _, c := range []struct {
			name string
			q    store.SiloQuery
			want string
		}{
			{"all", store.SiloQuery{}, "1 2 3 4"},
			{"word", store.SiloQuery{Search: "KEY"}, "1"},
			{"words", store.SiloQuery{Search: "the key is"}, "1"},
			{"other letters", store.SiloQuery{Search: "žluťoučký KŮŇ"}, "2"},
			{"sender's name", store.SiloQuery{Search: "front desk"}, "2"},
			{"sender's address", store.SiloQuery{Search: "ZARA"}, "2"},
			{"another header", store.SiloQuery{Search: "lighthouse"}, ""},
			{"bytes that are no UTF-8", store.SiloQuery{Search: "au lait"}, "4"},
			{"percent means itself", store.SiloQuery{Search: "100%"}, "1"},
			{"percent alone", store.SiloQuery{Search: "%"}, "1"},
			{"underscore", store.SiloQuery{Search: "lait_"}, "4"},
			{"person", store.SiloQuery{Search: "nobody", People: []string{"sip:zara@hotel.example"}}, "2"},
			{"hostile", store.SiloQuery{Search: hostile}, ""},
			{"unread", store.SiloQuery{Unread: true}, "2 3 4"},
			{"refused", store.SiloQuery{Refused: true}, "4"},
			{"refused and word", store.SiloQuery{Refused: true, Search: "key"}, ""},
			{"up to", store.SiloQuery{UpTo: read}, "1"},
		} {
			list, total, err := db.Silo.List(t.Context(), alice, c.q)
			ok(t, err)
			var got []store.SiloMessage
			var ids []int64
			for _, m := range list {
				m.Body = m.Body[:len("message 1")]
				got, ids = append(got, m), append(ids, m.ID)
			}
			if bodies(got) != c.want || total != len(list) {
				t.Errorf("%s: found %q, %d in all, want %q", c.name, bodies(got), total, c.want)
			}
			highest, err := db.Silo.MaxID(t.Context(), alice, c.q)
			ok(t, err)
			if len(ids) > 0 && highest != slices.Max(ids) || len(ids) == 0 && highest != 0 {
				t.Errorf("%s: highest id %d of %v", c.name, highest, ids)
			}
			if c.q.UpTo = highest; highest > 0 {
				all, err := db.Silo.IDs(t.Context(), alice, c.q)
				ok(t, err)
				if !slices.Equal(all, ids) {
					t.Errorf("%s: ids %v, want %v", c.name, all, ids)
				}
			}
		}
		if _, err := db.Silo.IDs(t.Context(), alice, store.SiloQuery{}); err == nil {
			t.Error("ids without an end are no error")
		}
	})
}
