package server_test

import (
	"strings"
	"testing"
	"time"

	"seraph/sql/store"
)

// TestDaysOfZones: a day of the reader's zone begins with the first instant of its date,
// wherever the clocks are put forward or back at midnight, in the list and in the file.
func TestDaysOfZones(t *testing.T) {
	s := newStand(t, nil)
	b := s.browser().signIn("bob", "builder's")
	for _, c := range []struct {
		zone, day string
		// first is the first instant of the day, end that of the next one.
		first, end string
	}{
		{"America/Santiago", "2026-09-06", "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},
		{"America/Santiago", "2026-09-05", "2026-09-05T00:00:00-04:00", "2026-09-06T01:00:00-03:00"},
		{"America/Santiago", "2026-04-04", "2026-04-04T00:00:00-03:00", "2026-04-05T00:00:00-04:00"}, // 25 hours
		{"Africa/Cairo", "2026-04-24", "2026-04-24T01:00:00+03:00", "2026-04-25T00:00:00+03:00"},
		{"Asia/Beirut", "2024-03-31", "2024-03-31T01:00:00+03:00", "2024-04-01T00:00:00+03:00"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},
		{"Europe/Prague", "2026-10-25", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", "2012-01-01T00:00:00+14:00"},
		{"UTC", "2026-02-28", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"},
	} {
		check(t, s.db.Profiles.Save(t.Context(), store.Profile{AOR: bob, TimeZone: c.zone, Presence: store.PresenceSignedIn}))
		first, err := time.Parse(time.RFC3339, c.first)
		check(t, err)
		end, err := time.Parse(time.RFC3339, c.end)
		check(t, err)
		var calls []store.Call
		for name, at := range map[string]time.Time{
			"the-day-before": first.Add(-time.Second), "the-first": first, "the-last": end.Add(-time.Second), "the-day-after": end,
		} {
			calls = append(calls, store.Call{
				CallID: c.zone + c.day + name, CallerURI: "sip:" + name + "@example.net", CallerName: name, Callee: bob, Started: at.UTC(), Code: 480,
			})
		}
		check(t, s.db.Calls.Record(t.Context(), calls))
		for _, path := range []string{"/user/calls", "/user/missed", "/user/calls/export"} {
			body := b.get(path + "?from=" + c.day + "&to=" + c.day).is(200).Body
			for name, want := range map[string]bool{"the-day-before": false, "the-first": true, "the-last": true, "the-day-after": false} {
				if strings.Contains(body, name) != want {
					t.Errorf("%s, %s of %s: shows %s: %v, want %v", path, c.day, c.zone, name, !want, want)
				}
			}
		}
		list, _, err := s.db.Calls.ListOwn(t.Context(), bob, store.OwnCalls{})
		check(t, err)
		for _, call := range list {
			_, err := s.db.Calls.DeleteOwn(t.Context(), bob, call.ID)
			check(t, err)
		}
	}
}
