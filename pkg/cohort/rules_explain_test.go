package cohort

import "testing"

// What is had counts by the same edges as what is decided.
func TestExplain_CountsByTheSameEdges(t *testing.T) {
	f := newFold(t, compile(t, shopSpec(nil,
		when("many", has("view", 4, day)), when("two", has("view", 2, hour)),
		when("spends", Condition{Sum: &Sum{Event: "view", Property: "amount", AtLeast: 9, Within: hour}}))))
	paying := 0
	for (occurrence{id: id(paying)}).amount() != 2 {
		paying++
	}
	f.occur("p", occurrence{role: "view", at: 0, id: id(paying)}, 0)
	f.event("p", "view", "b", 10*minute, 10*minute)
	f.event("p", "view", "c", 20*minute, 20*minute)
	for _, c := range []struct{ at, two, spends int64 }{
		{20 * minute, 2, 2}, {hour - 1, 2, 2}, {hour, 2, 0}, {70*minute - 1, 2, 0}, {70 * minute, 1, 0}, {80 * minute, 0, 0},
	} {
		all := f.program.Explain(f.people["p"], c.at)
		if two, spends := int64(all[1].Rule.Have), int64(all[2].Rule.Have); two != c.two || spends != c.spends {
			t.Errorf("at %d: has %d events and a sum of %d, want %d and %d", c.at/minute, two, spends, c.two, c.spends)
		}
	}
}

func TestExplain_TellsWhenAPauseEnds(t *testing.T) {
	d := when("looking", has("view", 1, hour))
	d.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.event("p", "view", "v", 0, 0)
	for at, want := range map[int64]int64{59: 0, 60: 70, 69: 70} {
		if one := f.program.Explain(f.people["p"], at*minute)[0]; !one.In || one.LeavingAt != want*minute {
			t.Errorf("at %d: %+v, want to leave at %d", at, one, want)
		}
	}
}

// Of the past it is told what the facts say, and of a cohort with a pause only the stay that still is.
func TestExplain_OfThePast(t *testing.T) {
	lingering := when("lingering", has("view", 1, hour))
	lingering.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec(nil, when("viewing", has("view", 1, hour)), lingering)))
	f.event("p", "view", "v", 30*minute, 30*minute)
	f.event("p", "order", "o", 40*minute, 40*minute)
	f.program.Fire(f.people["p"], 40*minute, 41*minute, &f.out)
	for at, want := range map[int64]bool{29: false, 30: true, 35: true} {
		for _, one := range f.program.Explain(f.people["p"], at*minute) {
			if one.In != want {
				t.Errorf("%s at %d: in is %v, want %v", one.Cohort, at, one.In, want)
			}
		}
	}
	f.advance(200 * minute)
	for _, one := range f.program.Explain(f.people["p"], 80*minute) {
		if want := one.Cohort == "viewing"; one.In != want {
			t.Errorf("%s, which is over: in is %v, want %v", one.Cohort, one.In, want)
		}
	}
}
