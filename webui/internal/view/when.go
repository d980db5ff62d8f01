package view

import (
	"strconv"
	"time"
)

// Moment is a time as a page shows it, and as programs read it.
type Moment struct{ Text, ISO string }

// When says when then is, seen from now, in now's time zone: "today 14:05",
// "yesterday 18:40", "tomorrow 07:00", "20 Nov 11:02", with the year if it is
// another.
func (t *Texts) When(then, now time.Time) string {
	then = then.In(now.Location())
	clock := then.Format("15:04")
	switch {
	case sameDay(then, now):
		return t.Text(M("when.today", clock))
	case sameDay(then, now.AddDate(0, 0, -1)):
		return t.Text(M("when.yesterday", clock))
	case sameDay(then, now.AddDate(0, 0, 1)):
		return t.Text(M("when.tomorrow", clock))
	case then.Year() == now.Year():
		return t.Text(M("when.this_year", strconv.Itoa(then.Day()), t.month(then), clock))
	}
	return t.Date(then) + " " + clock
}

// Date is the day of a time in its zone: "20 Nov 2026".
func (t *Texts) Date(day time.Time) string {
	return t.Text(M("when.date", strconv.Itoa(day.Day()), t.month(day), strconv.Itoa(day.Year())))
}

// month is the short name of a month.
func (t *Texts) month(day time.Time) string {
	return t.Text(Msg{Key: "month." + strconv.Itoa(int(day.Month()))})
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

// showTime is When for a template: {{template "time" (time .Then .Now)}} of a
// Dot's Now.
func (t *Texts) showTime(then, now time.Time) Moment {
	return Moment{t.When(then, now), then.UTC().Format(time.RFC3339)}
}

// showUntil is for an end: "15:42" today, else the date, too.
func (t *Texts) showUntil(then, now time.Time) Moment {
	text := t.When(then, now)
	if local := then.In(now.Location()); sameDay(local, now) {
		text = local.Format("15:04")
	}
	return Moment{text, then.UTC().Format(time.RFC3339)}
}
