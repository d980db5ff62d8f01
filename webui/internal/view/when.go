package view

import "time"

// Moment is a time as a page shows it, and as programs read it.
type Moment struct{ Text, ISO string }

// When says when t is, seen from now, in now's time zone: "today 14:05",
// "yesterday 18:40", "tomorrow 07:00", "20 Nov 11:02", with the year if it is
// another.
func When(t, now time.Time) string {
	t = t.In(now.Location())
	switch {
	case sameDay(t, now):
		return "today " + t.Format("15:04")
	case sameDay(t, now.AddDate(0, 0, -1)):
		return "yesterday " + t.Format("15:04")
	case sameDay(t, now.AddDate(0, 0, 1)):
		return "tomorrow " + t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// showTime is When for a template: {{template "time" (time .Then .Now)}} of a
// Dot's Now.
func (s *Set) showTime(t, now time.Time) Moment {
	return Moment{s.when(t, now), t.UTC().Format(time.RFC3339)}
}

// showUntil is for an end: "15:42" today, else the date, too.
func (s *Set) showUntil(t, now time.Time) Moment {
	text := s.when(t, now)
	if t = t.In(now.Location()); sameDay(t, now) {
		text = t.Format("15:04")
	}
	return Moment{text, t.UTC().Format(time.RFC3339)}
}

func (s *Set) when(t, now time.Time) string { return When(t, now) }
