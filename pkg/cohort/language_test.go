package cohort

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// shopSpec has the three roles and the cohorts given.
func shopSpec(groups []Group, cohorts ...Definition) Spec {
	s := standard()
	s.Cohorts, s.Groups = cohorts, groups
	return s
}

func lines(t *testing.T, got []Transition, want ...string) {
	t.Helper()
	if lines := told(got); !slices.Equal(lines, want) {
		t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(lines, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// A cohort that asks about another is decided by the same event, not a moment later,
// wherever the two stand in the file.
func TestMember_IsDecidedWithTheOther(t *testing.T) {
	buyer := when("buyer", has("order", 1, day))
	for _, cohorts := range [][]Definition{
		{buyer, when("fan", Condition{All: []Condition{{Member: "buyer"}, has("view", 1, day)}})},
		{when("fan", Condition{All: []Condition{{Member: "buyer"}, has("view", 1, day)}}), buyer},
	} {
		f := newFold(t, compile(t, shopSpec(nil, cohorts...)))
		f.event("p", "view", "v", 0, 0)
		lines(t, f.event("p", "order", "o", minute, minute),
			`enter buyer @1 event by "o" 1`,
			`enter fan @1 event by "o" 0 1`)
		f.drain()
		lines(t, f.all[2:],
			`exit fan @1440 window_ended by "" 0`,
			`exit buyer @1441 window_ended by "" 1`)
	}
}

func TestCompile_RefusesCircles(t *testing.T) {
	_, err := Compile(shopSpec(nil,
		when("a", Condition{Member: "b"}),
		when("b", Condition{Not: &Condition{Member: "c"}}),
		when("c", Condition{Any: []Condition{{Member: "a"}, has("view", 1, day)}}),
	))
	var faults *SpecError
	if !errors.As(err, &faults) || !strings.Contains(err.Error(), "a -> b -> c -> a") {
		t.Errorf("got %v, want the circle named", err)
	}
	if _, err = Compile(shopSpec(nil, when("a", Condition{Member: "a"}))); err == nil || !strings.Contains(err.Error(), "a -> a") {
		t.Errorf("a cohort that asks about itself: got %v", err)
	}
	if _, err = Compile(shopSpec([]Group{{Key: "g", Cohorts: []string{"a", "b"}}},
		when("a", Condition{Member: "b"}), when("b", has("view", 1, day)))); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a stronger cohort that asks about a weaker one: got %v", err)
	}
}

// Suppress at once, release after a pause: an order that ends the rule does not end the
// stay until the pause is over, and a view within it takes the leaving back.
func TestDwell_ReleasesAfterThePause(t *testing.T) {
	d := when("looking", has("view", 1, hour, "order"))
	d.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.recode = true
	f.event("p", "view", "v1", 0, 0)
	f.event("p", "order", "o1", 5*minute, 5*minute)
	f.event("p", "view", "v2", 14*minute, 14*minute)
	f.event("p", "order", "o2", 20*minute, 20*minute)
	f.drain()
	lines(t, f.all, `enter looking @0 event by "v1" 0`, `exit looking @30 window_ended by "" 3`)
}

// In a group a person is where the strongest rule takes them, and falls back when it lets go.
func TestGroup_StrongestHolds(t *testing.T) {
	f := newFold(t, compile(t, shopSpec([]Group{{Key: "offer", Cohorts: []string{"buyer", "browser"}}},
		when("browser", has("view", 1, 2*day)), when("buyer", has("order", 1, day)))))
	f.event("p", "view", "v", 0, 0)
	f.event("p", "order", "o", hour, hour)
	f.drain()
	lines(t, f.all,
		`enter browser @0 event by "v" 0`,
		`enter buyer @60 event by "o" 1`,
		`exit browser @60 outranked by "o" 1`,
		`exit buyer @1500 window_ended by "" 1`,
		`enter browser @1500 window_ended by "" 0 elapsed`,
		`exit browser @2880 window_ended by "" 0`)
}

// A sum counts values exactly, forgets what cannot matter, and tells which events reach it.
func TestSum_IsReachedAndForgets(t *testing.T) {
	g := compile(t, shopSpec(nil, when("spender", Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 5, Within: day}})))
	f := newFold(t, g)
	for n := range 300 {
		at := int64(n) * minute
		f.occur("p", occurrence{role: "order", at: at, id: id(n)}, at)
	}
	if kept := len(f.people["p"].facts[0]); kept < 2 || kept > 6 {
		t.Errorf("%d events are kept for a sum of 5", kept)
	}
	f.drain()
	if n := len(f.all); n != 2 || f.all[0].Op != OpEnter || len(f.all[0].Evidence) < 2 {
		t.Errorf("got %v", told(f.all))
	}
}

// A stretch of the calendar begins and ends by itself.
func TestDuring_BeginsAndEndsByItself(t *testing.T) {
	f := newFold(t, compile(t, shopSpec(nil, when("promo", Condition{All: []Condition{
		{During: &During{From: 2 * hour, To: 3 * hour}}, has("view", 1, day),
	}}))))
	f.event("p", "view", "v", 0, 0)
	f.drain()
	lines(t, f.all, `enter promo @120 window_ended by "" 0 elapsed`, `exit promo @180 window_ended by ""`)
}

// A calendar that comes again and again with a rule that can never agree: deadlines
// still move on, and nobody is told of an end that was not looked for.
func TestDuring_NeverAgreeing(t *testing.T) {
	f := newFold(t, compile(t, shopSpec(nil, when("never", Condition{All: []Condition{
		{During: &During{Weekly: market{}}}, {Not: &Condition{During: &During{Weekly: market{}}}}, has("view", 1, 0),
	}}))))
	f.event("p", "view", "v", 0, 0)
	f.advance(10_000)
	if len(f.all) != 0 {
		t.Errorf("got %v", told(f.all))
	}
}

// The promised end of a stay looks ahead through cohorts that come and go by themselves.
func TestValidUntil_LooksThroughOtherCohorts(t *testing.T) {
	lingering := when("lingering", has("view", 1, hour))
	lingering.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec([]Group{{Key: "mood", Cohorts: []string{"silent", "viewing"}}},
		when("silent", Condition{Silent: &Silent{Event: "view", For: 30 * minute}}),
		when("viewing", has("view", 1, day)),
		lingering,
		when("with_them", Condition{Member: "lingering"}),
	)))
	f.event("p", "view", "v", 0, 0)
	got := map[string]int64{}
	for _, d := range f.all {
		got[d.Cohort] = d.ValidUntil / minute
	}
	want := map[string]int64{"viewing": 30, "lingering": 70, "with_them": 70}
	for key, at := range want {
		if got[key] != at {
			t.Errorf("%s: valid until minute %d, want %d", key, got[key], at)
		}
	}
}
