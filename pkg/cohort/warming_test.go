package cohort

import (
	"maps"
	"testing"
)

// What is asked for the first time is known as far back as a rule looks for it: within its
// own windows, or those of what it asks beside it; rules without an end never know.
func TestWarmingAfter(t *testing.T) {
	const now = 100 * day
	old := Spec{
		Events:  standard().Events,
		Cohorts: []Definition{when("viewed", has("view", 1, day)), when("carted", has("cart", 1, day))},
	}
	quiet := func(none string) Condition {
		return Condition{All: []Condition{{Quiet: &Quiet{Event: "cart", For: hour, NoneOf: []string{none}}}, has("cart", 1, day, none)}}
	}
	ever := has("order", 1, 0)
	for name, c := range map[string]struct {
		rule  Condition
		until int64 // 0 = known at once
		entry int64 // what an entry says
	}{
		"another window of what is kept":          {has("view", 1, 30*day), 0, 0},
		"more of what is kept":                    {has("view", 3, 2*day), now + 2*day, now + 2*day},
		"something new":                           {has("order", 1, 7*day), now + 7*day, now + 7*day},
		"something new that must not have been":   {has("view", 1, 3*day, "order"), now + 3*day, now + 3*day},
		"quiet since something young":             {quiet("order"), now + day, now + day},
		"silent on what is kept":                  {Condition{Silent: &Silent{Event: "view", For: 60 * day}}, 0, 0},
		"silent on something new, for good":       {Condition{Silent: &Silent{Event: "order", For: 60 * day}}, Forever, 0},
		"ever, which leaves out and lets in none": {ever, Forever, 0},
		"never, which lets in who should not be":  {Condition{Not: &ever}, Forever, Forever},
		"not for a while":                         {hasNot("order", 5*day), now + 5*day, now + 5*day},
		"whichever comes":                         {Condition{Any: []Condition{has("view", 1, day), has("order", 1, 9*day)}}, now + 9*day, now + 9*day},
	} {
		t.Run(name, func(t *testing.T) {
			next := old
			next.Cohorts = append(next.Cohorts[:2:2], when("new", c.rule))
			before, after := compile(t, old), compile(t, next)
			want := map[string]int64{"new": c.until}
			if c.until == 0 {
				want = nil
			}
			got := after.WarmingAfter(before, now)
			if !maps.Equal(got, want) {
				t.Fatalf("warming %v, want %v", got, want)
			}
			warm := after.WithWarming(got)
			if entry := warm.cohorts[2].warmsEntry(now); entry != c.entry {
				t.Errorf("an entry says %d, want %d", entry, c.entry)
			}
			if entry := warm.cohorts[2].warmsEntry(now + 9*day); c.until != Forever && entry != 0 {
				t.Errorf("an entry after that says %d", entry)
			}
		})
	}
}
