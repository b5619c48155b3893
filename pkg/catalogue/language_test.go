package catalogue

import (
	"slices"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

const language = `version: 1
events:
  order: {names: [order], where: "!has(properties.test)"}
  view: {names: [view]}
cohorts:
  - key: big_order_7d
    when: {did: {event: order, where: 'properties.total >= 100', within: 7d}}
  - key: spender_30d
    when: {sum: {event: order, property: total, at_least: 150.5, within: 30d}}
  - key: pro_viewer
    when:
      all:
        - attribute: attributes.plan == "pro"
        - did: {event: view, within: 1h}
        - did_not: {event: order, within: 1d}
  - key: weekend_fan
    when:
      all:
        - during: {from: fri 18:00, to: mon 06:00, zone: Europe/Berlin}
        - member: big_order_7d
  - key: spared
    when: {did: {event: order, within: 1h}}
    dwell: 10m
groups:
  - {key: offers, cohorts: [big_order_7d, spender_30d]}
`

// shop drives a program with what one person does.
type shop struct {
	t       *testing.T
	program *cohort.Program
	person  cohort.Person
	offset  int64
	log     []string
}

func (s *shop) advance(to int64) {
	var out cohort.Decisions
	for at := s.program.NextDeadline(&s.person); at < to; at = s.program.NextDeadline(&s.person) {
		s.program.Fire(&s.person, at, to, &out)
	}
	s.note(&out)
}

func (s *shop) note(out *cohort.Decisions) {
	for _, d := range out.List {
		word := "-"
		if d.Op == cohort.OpEnter {
			word = "+"
		}
		s.log = append(s.log, word+d.Cohort+" "+time.UnixMilli(d.EffectiveAt).UTC().Format("Mon 15:04"))
	}
}

func (s *shop) happens(at int64, e event.Event) {
	s.advance(at)
	e.EventAt, e.AcceptedAt, e.ID = at, at, time.UnixMilli(at).String()
	var out cohort.Decisions
	s.program.Apply(&s.person, &cohort.Observation{
		Patterns: s.program.Match(&e), Tells: s.program.Tells(&e), Properties: &e.Properties,
		At: at, AcceptedAt: at, Offset: s.offset, ID: e.ID,
	}, at, &out)
	s.offset++
	s.note(&out)
}

func bought(total float64) event.Event {
	return event.Event{Kind: event.KindTrack, Name: "order", Properties: event.Properties{Numbers: map[string]float64{"total": total}}}
}

// Every word of the language, from the text to what is decided.
func TestLoad_TheWholeLanguage(t *testing.T) {
	c, err := Load("language.yaml", []byte(language))
	if err != nil {
		t.Fatal(err)
	}
	if fault := judge(t, []byte(language)); fault != nil {
		t.Errorf("the schema refuses it: %v", fault)
	}
	s := &shop{t: t, program: c.Program}
	if err := s.program.Decode("p", nil, &s.person); err != nil {
		t.Fatal(err)
	}
	friday := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC).UnixMilli()
	const hour = int64(3_600_000)
	s.happens(friday, event.Event{Kind: event.KindIdentify, Properties: event.Properties{Strings: map[string]string{"plan": "pro"}}})
	s.happens(friday+hour, event.Event{Kind: event.KindTrack, Name: "view"})
	test := bought(500)
	test.Properties.Booleans = map[string]bool{"test": true}
	s.happens(friday+hour+1, test) // no order by the event's own where
	s.happens(friday+2*hour-1, bought(90))
	s.happens(friday+3*hour, bought(60.5))
	s.happens(friday+4*hour, bought(120))
	s.advance(friday + 40*24*hour)
	got := s.log
	for _, line := range []string{
		"+pro_viewer Fri 13:00", "-pro_viewer Fri 13:59", // an order within the day
		"+spared Fri 13:59", "-spared Fri 17:10", // an hour after the last order, and the pause
		"+spender_30d Fri 15:00", "-spender_30d Fri 16:00", // 150.5 reached; a big order is stronger
		"+big_order_7d Fri 16:00", "-big_order_7d Fri 16:00",
		"+spender_30d Fri 16:00",                           // a week later it falls back
		"+weekend_fan Fri 17:00", "-weekend_fan Mon 05:00", // 18:00 and 06:00 in Berlin
	} {
		if !slices.Contains(got, line) {
			t.Errorf("%q is not among %q", line, got)
		}
	}
}

func TestWeek_AcrossChangesOfTheClock(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	utc := func(s string) int64 {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	for _, c := range []struct {
		from, to string
		at       string // UTC
		in       bool
		next     string
	}{
		{"fri 00:00", "mon 06:00", "2026-10-22 21:59", false, "2026-10-22 22:00"}, // summer time
		{"fri 00:00", "mon 06:00", "2026-10-23 12:00", true, "2026-10-26 05:00"},  // ends in winter time
		{"fri 00:00", "mon 06:00", "2026-10-26 05:00", false, "2026-10-29 23:00"},
		{"sun 02:30", "sun 04:00", "2026-03-29 00:59", false, "2026-03-29 01:00"}, // 02:30 never comes: at the jump
		{"sun 02:30", "sun 04:00", "2026-03-29 01:00", true, "2026-03-29 02:00"},
		{"sun 02:30", "sun 04:00", "2026-10-25 00:29", false, "2026-10-25 00:30"}, // 02:30 comes twice: the first
		{"sat 22:00", "sat 21:00", "2026-06-06 18:30", true, "2026-06-06 19:00"},  // nearly a week
		{"sat 22:00", "sat 21:00", "2026-06-06 19:30", false, "2026-06-06 20:00"},
		{"sun 23:00", "mon 01:00", "2026-06-07 22:30", true, "2026-06-07 23:00"},
	} {
		a, b, ok := weekSpan(c.from, c.to)
		if !ok {
			t.Fatalf("%s to %s is not read", c.from, c.to)
		}
		w := &week{from: a, to: b, zone: berlin}
		if in, next := w.At(utc(c.at)); in != c.in || next != utc(c.next) {
			t.Errorf("%s to %s at %s: got %v until %s, want %v until %s", c.from, c.to, c.at,
				in, time.UnixMilli(next).UTC().Format("2006-01-02 15:04"), c.in, c.next)
		}
	}
	// At every hour of two years: what is promised is so.
	w := &week{from: moment{5, 18, 0}, to: moment{1, 6, 0}, zone: berlin}
	for at := utc("2025-12-30 00:00"); at < utc("2028-01-02 00:00"); at += 3_600_000 {
		in, next := w.At(at)
		before, _ := w.At(next - 1)
		after, _ := w.At(next)
		if next <= at || before != in || after == in {
			t.Fatalf("at %d: %v until %d, where it is %v and then %v", at, in, next, before, after)
		}
	}
}
