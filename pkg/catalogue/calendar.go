package catalogue

import (
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones where the machine has none

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

const absoluteForm = "2006-01-02 15:04"

//nolint:gochecknoglobals // a table
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// during reads a stretch of the calendar, by the clocks of a zone: once, or week by week.
func (l *loader) during(e entry) *cohort.During {
	d := &cohort.During{From: 0, To: 1}
	f, ok := l.fields(e.path, "during", e.node, []string{"from", "to", "zone"}, []string{"from", "to", "zone"})
	from, to, name := l.optional(f, "from"), l.optional(f, "to"), l.optional(f, "zone")
	if !ok || from == "" || to == "" || name == "" {
		return d
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		l.fault(f["zone"].path, placeOf(f["zone"].node), "unknown zone %q: name one of the IANA time zones, Europe/Berlin for example", name)
		return d
	}
	d.Text = from + " to " + to + " " + name
	if first, second, ok := weekSpan(from, to); ok {
		d.Weekly = &week{from: first, to: second, zone: zone, text: d.Text}
		return d
	}
	d.From, ok = l.instant(f["from"], "from", from, zone)
	var okTo bool
	if d.To, okTo = l.instant(f["to"], "to", to, zone); ok && okTo && d.From >= d.To {
		l.fault(f["to"].path, placeOf(f["to"].node), "the span ends before it begins: to has to be later than from")
	}
	return d
}

// instant reads one end of a stretch that comes once.
func (l *loader) instant(e entry, what, text string, zone *time.Location) (int64, bool) {
	t, err := time.Parse(absoluteForm, text)
	if err != nil {
		l.fault(e.path, placeOf(e.node), "%s is %q: write \"2026-11-27 00:00\", or \"fri 18:00\" for every week; both ends alike", what, text)
		return 0, false
	}
	return wall(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), zone).UnixMilli(), true
}

// moment is an instant of every week, by the clock on the wall.
type moment struct{ day, hour, minute int }

func weekSpan(from, to string) (a, b moment, ok bool) {
	a, okA := parseMoment(from)
	b, okB := parseMoment(to)
	return a, b, okA && okB && a != b
}

func parseMoment(s string) (moment, bool) {
	day, clock, _ := strings.Cut(strings.ToLower(s), " ")
	n := slices.Index(weekdays, day)
	t, err := time.Parse("15:04", clock)
	return moment{n, t.Hour(), t.Minute()}, n >= 0 && err == nil
}

// week is a stretch of every week. It implements cohort.Calendar.
type week struct {
	from, to moment
	zone     *time.Location
	text     string
}

// At implements cohort.Calendar.
func (w *week) At(t int64) (bool, int64) {
	now := time.UnixMilli(t).In(w.zone)
	days := (w.to.day - w.from.day + 7) % 7
	if days == 0 && (w.to.hour < w.from.hour || w.to.hour == w.from.hour && w.to.minute < w.from.minute) {
		days = 7
	}
	// The stretch that began last week may still be on; the one after next is far enough ahead.
	for k := -1; k <= 2; k++ {
		day := now.Day() + (w.from.day - int(now.Weekday())) + 7*k
		begin := wall(now.Year(), now.Month(), day, w.from.hour, w.from.minute, w.zone).UnixMilli()
		end := wall(now.Year(), now.Month(), day+days, w.to.hour, w.to.minute, w.zone).UnixMilli()
		switch {
		case t < begin:
			return false, begin
		case t < end:
			return true, end
		}
	}
	return false, t + 1 // not reached: the week after next begins later than now
}

// String implements cohort.Calendar.
func (w *week) String() string { return w.text }

// wall gives the instant at which clocks in the zone show a time: the first where they
// show it twice, and the instant at which they jump over it where they never do.
func wall(year int, month time.Month, day, hour, minute int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, hour, minute, 0, 0, zone)
	want := time.Date(year, month, day, hour, minute, 0, 0, time.UTC)
	shown := func(x time.Time) time.Time {
		return time.Date(x.Year(), x.Month(), x.Day(), x.Hour(), x.Minute(), 0, 0, time.UTC)
	}
	begin, end := t.ZoneBounds()
	switch got := shown(t); {
	case got.Before(want) && !end.IsZero():
		return end
	case got.After(want) && !begin.IsZero():
		return begin
	}
	if !begin.IsZero() {
		_, before := begin.Add(-time.Nanosecond).Zone()
		_, after := t.Zone()
		earlier := t.Add(time.Duration(after-before) * time.Second)
		if earlier.Before(begin) && shown(earlier).Equal(want) {
			return earlier
		}
	}
	return t
}
