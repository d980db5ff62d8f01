package view

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func TestWhen(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct{ name, now, then, when, until string }{
		{"today", "2026-11-20T15:00:00Z", "2026-11-20T13:05:00Z", "today 14:05", "14:05"},
		{"today in the zone, another day in UTC", "2026-11-20T15:00:00Z", "2026-11-19T23:30:00Z", "today 00:30", "00:30"},
		{"yesterday in the zone, today in UTC", "2026-11-19T23:30:00Z", "2026-11-19T17:40:00Z", "yesterday 18:40", "yesterday 18:40"},
		{"tomorrow", "2026-11-20T15:00:00Z", "2026-11-21T06:00:00Z", "tomorrow 07:00", "tomorrow 07:00"},
		{"this year", "2026-11-25T15:00:00Z", "2026-11-20T10:02:00Z", "20 Nov 11:02", "20 Nov 11:02"},
		{"another year", "2026-01-01T15:00:00Z", "2025-11-20T10:02:00Z", "20 Nov 2025 11:02", "20 Nov 2025 11:02"},
		{"new year's eve", "2025-12-31T23:30:00Z", "2025-12-31T22:30:00Z", "yesterday 23:30", "yesterday 23:30"},
		{"first of March", "2027-03-01T12:00:00Z", "2027-02-28T12:00:00Z", "yesterday 13:00", "yesterday 13:00"},
		{"the long night", "2026-10-25T12:00:00Z", "2026-10-24T22:30:00Z", "today 00:30", "00:30"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, then := at(c.now).In(prague), at(c.then)
			texts := english(t)
			if got := texts.showTime(then, now); got.Text != c.when || got.ISO != c.then {
				t.Errorf("time: %+v, want %s", got, c.when)
			}
			if got := texts.showUntil(then, now); got.Text != c.until {
				t.Errorf("until: %+v, want %s", got, c.until)
			}
		})
	}
}
