package cohort

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// guarded is one cohort three times: as it is, with a limit, and without replays.
func guarded() Spec {
	within := func(key string, lookBack int64, ignore bool) Definition {
		d := when(key, has("view", 1, day))
		d.LookBack, d.IgnoreReplay = lookBack, ignore
		return d
	}
	return shopSpec(nil, within("any", 0, false), within("timely", hour, false), within("news", 0, true), within("both", hour, true))
}

func TestMatch_HoldsBackWhatACohortDoesNotCount(t *testing.T) {
	g := compile(t, guarded())
	if len(g.patterns) != 4 {
		t.Fatalf("%d patterns, want one for each way of counting", len(g.patterns))
	}
	for name, c := range map[string]struct {
		at, accepted int64
		replay       bool
		want         Patterns
	}{
		"at once":                         {0, 0, false, 0b1111},
		"exactly as late as allowed":      {0, hour, false, 0b1111},
		"a millisecond later":             {0, hour + 1, false, 0b0101},
		"a replay":                        {0, 0, true, 0b0011},
		"a late replay":                   {0, 2 * hour, true, 0b0001},
		"ahead of its own time":           {hour, 0, false, 0b1111},
		"from before time":                {math.MinInt64, 0, false, 0b0101},
		"from before time, read after it": {math.MinInt64, math.MaxInt64, false, 0b0101},
	} {
		e := event.Event{Kind: event.KindTrack, Name: "view", EventAt: c.at, AcceptedAt: c.accepted, Replay: c.replay}
		if got := g.Match(&e); got != c.want {
			t.Errorf("%s: got %b, want %b", name, got, c.want)
		}
	}
}

// The limit holds for what ends a stay too, and not for attributes nor for the cohorts
// that are asked about.
func TestApply_GuardrailsHoldForTheOwnEventsOfACohort(t *testing.T) {
	viewing := when("viewing", has("view", 1, day, "order"))
	viewing.LookBack = hour
	buyer := when("buyer", has("order", 1, day))
	both := when("pro_buyer", Condition{All: []Condition{{Member: "buyer"}, {Attribute: planIs("pro")}}})
	both.LookBack, both.IgnoreReplay = hour, true
	f := newFold(t, compile(t, shopSpec(nil, viewing, buyer, both)))
	pro := 0
	for (occurrence{id: id(pro)}).plan() != "pro" {
		pro++
	}
	f.read("p", occurrence{role: "view", id: "v"}, 0)
	f.read("p", occurrence{role: "order", at: 10 * minute, id: "o", late: 2 * hour, replay: true}, 130*minute)
	f.read("p", occurrence{at: 20 * minute, id: id(pro), late: 2 * hour, replay: true}, 140*minute)
	f.drain()
	lines(t, f.all,
		`enter viewing @0 event by "v" 0`,
		`enter buyer @10 event by "o" 1`,
		`enter pro_buyer @20 late_event by "e`+id(pro)[1:]+`" 1 2`,
		`exit viewing @1440 window_ended by "" 0`,
		`exit buyer @1450 window_ended by "" 1`,
		`exit pro_buyer @1450 window_ended by "" 1`)
}

func TestRevision_ChangesWithGuardrails(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Definition){
		"nothing":         func(*Definition) {},
		"a limit":         func(d *Definition) { d.LookBack = hour },
		"another limit":   func(d *Definition) { d.LookBack = day },
		"no replays":      func(d *Definition) { d.IgnoreReplay = true },
		"a limit, none":   func(d *Definition) { d.LookBack, d.IgnoreReplay = hour, true },
		"a pause as long": func(d *Definition) { d.Dwell = hour },
	} {
		s := standard()
		change(&s.Cohorts[3])
		revision := compile(t, s).Revision()
		if other, twice := seen[revision]; twice {
			t.Errorf("%s and %s have one revision", name, other)
		}
		seen[revision] = name
	}
}

// What another limit lets through has not been kept so far: the cohort is decided anew, and is
// not known in full until its window has passed.
func TestWarmingAfter_ANewLimit(t *testing.T) {
	s := guarded()
	before := compile(t, s)
	s.Cohorts[1].LookBack = 2 * hour
	after := compile(t, s)
	if got := before.ChangedUnder(after); !slices.Equal(got, []string{"timely"}) {
		t.Errorf("changed: %v", got)
	}
	if got := after.WarmingAfter(before, minute); len(got) != 1 || got["timely"] != minute+day {
		t.Errorf("warming: %v, want timely until a day is over", got)
	}
}

func TestCompile_RefusesLimitsOutOfRange(t *testing.T) {
	for _, limit := range []int64{-1, MaxDuration + 1} {
		s := standard()
		s.Cohorts[2].LookBack = limit
		_, err := Compile(s)
		var faults *SpecError
		if !errors.As(err, &faults) || len(faults.Problems) != 1 || faults.Problems[0].Path != "cohorts[2].look_back" {
			t.Errorf("%d ms: got %v", limit, err)
		}
	}
	s := standard()
	s.Cohorts[2].LookBack = MaxDuration
	compile(t, s)
}

func TestExplain_NamesGuardrails(t *testing.T) {
	d := when("c", Condition{Any: []Condition{
		has("order", 2, 7*day, "cart"),
		{Quiet: &Quiet{Event: "view", Where: amountOf(1), For: hour}},
		{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 5}},
	}})
	d.LookBack, d.IgnoreReplay = 36*hour, true
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.read("p", occurrence{role: "order", id: "o"}, 0)
	f.read("p", occurrence{role: "order", id: "late", late: 37 * hour}, minute)
	want := []string{
		"any : no",
		"  did order (at most 1d12h late, no replays) at least 2 times within 7d, with none of cart (at most 1d12h late, no replays) since: no 1 of 2 #0",
		"  silent view where amount >= 1 (at most 1d12h late, no replays) not for 1h: no",
		"  sum amount of order (at most 1d12h late, no replays) comes to 5: no 2 of 5 #0",
	}
	got := outline(f.program.Explain(f.people["p"], 2*minute)[0].Rule, 0)
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
