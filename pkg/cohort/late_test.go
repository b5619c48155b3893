package cohort

import (
	"fmt"
	"slices"
	"testing"
)

type step struct {
	role   string
	id     string
	at     int64 // minutes
	logged int64 // minutes
}

func told(all []Transition) (lines []string) {
	for _, d := range all {
		op := map[Op]string{OpEnter: "enter", OpExit: "exit", OpErased: "erased"}[d.Op]
		line := fmt.Sprintf("%s %s @%d %s by %q", op, d.Cohort, d.EffectiveAt/minute, d.Reason, d.SourceID)
		for _, e := range d.Evidence {
			line += fmt.Sprintf(" %d", e.Offset)
		}
		if d.Elapsed {
			line += " elapsed"
		}
		lines = append(lines, line)
	}
	return lines
}

// Minutes from zero; only the 2 h cart abandoner, the purchaser and the intent cohort are asked.
func TestApply_Lateness(t *testing.T) {
	s := standard()
	s.Cohorts = []Definition{s.Cohorts[0], s.Cohorts[3], s.Cohorts[4]}
	for _, c := range []struct {
		name  string
		steps []step
		until int64
		want  []string
	}{
		{
			name:  "an event some seconds late is told at its own instant",
			steps: []step{{"order", "o", 100, 101}},
			want:  []string{`enter recent_purchaser_7d @100 event by "o" 0`},
		},
		{
			name:  "a pause that passed before the event was read is told at its end",
			steps: []step{{"cart", "c", 100, 140}},
			want:  []string{`enter cart_abandoner_2h @130 window_ended by "c" 0`},
		},
		{
			name:  "a pause that ends at log time itself is over",
			steps: []step{{"cart", "c", 100, 130}},
			want:  []string{`enter cart_abandoner_2h @130 window_ended by "c" 0`},
		},
		{
			name:  "a stay that is wholly over by log time is not told",
			steps: []step{{"cart", "c", 100, 220}},
		},
		{
			name:  "a jump of log time works deadlines off at their own instants",
			steps: []step{{"cart", "c", 100, 100}},
			until: 1000,
			want: []string{
				`enter cart_abandoner_2h @130 window_ended by "" 0 elapsed`,
				`exit cart_abandoner_2h @220 window_ended by "" 0`,
			},
		},
		{
			name:  "a stay that ends at log time itself is not over yet",
			steps: []step{{"cart", "c", 100, 100}},
			until: 220,
			want:  []string{`enter cart_abandoner_2h @130 window_ended by "" 0`},
		},
		{
			name:  "an old order exits at its own instant",
			steps: []step{{"cart", "c", 100, 100}, {"order", "o", 150, 155}},
			want: []string{
				`enter cart_abandoner_2h @130 window_ended by "" 0`,
				`exit cart_abandoner_2h @150 event by "o" 1`,
				`enter recent_purchaser_7d @150 event by "o" 1`,
			},
		},
		{
			name:  "an order that is older than the stay it forbids takes it back, to no length",
			steps: []step{{"cart", "c", 100, 100}, {"order", "o", 110, 155}},
			want: []string{
				`enter cart_abandoner_2h @130 window_ended by "" 0`,
				`exit cart_abandoner_2h @130 late_event by "o" 1`,
				`enter recent_purchaser_7d @110 late_event by "o" 1`,
			},
		},
		{
			name: "an order older than an add that newer adds have pushed out of the facts leaves the stay alone",
			steps: []step{
				{"cart", "c1", 100, 100}, {"cart", "c2", 140, 140}, {"order", "o", 90, 150},
			},
			want: []string{
				`enter cart_abandoner_2h @130 window_ended by "" 0`,
				`enter recent_purchaser_7d @90 late_event by "o" 2`,
			},
		},
		{
			name: "the third of three views comes late: entry at the newest, evidence oldest first",
			steps: []step{
				{"view", "a", 10, 10}, {"view", "b", 20, 20}, {"view", "c", 15, 21},
			},
			want: []string{`enter high_intent_24h @20 late_event by "c" 0 2 1`},
		},
		{
			name: "a redelivery, and an event older than what is kept, decide nothing",
			steps: []step{
				{"order", "o", 10, 10}, {"order", "o", 10, 11}, {"order", "older", 9, 12},
			},
			want: []string{`enter recent_purchaser_7d @10 event by "o" 0`},
		},
		{
			name:  "a week-old order enters nobody",
			steps: []step{{"order", "o", 0, 7 * 24 * 60}},
		},
		{
			name:  "an event time ahead of log time is taken as log time",
			steps: []step{{"order", "o", 500, 100}},
			want:  []string{`enter recent_purchaser_7d @100 event by "o" 0`},
		},
		{
			name: "views of one instant with different ids are several, and an order of the same instant wipes them",
			steps: []step{
				{"view", "a", 10, 10}, {"view", "b", 10, 10}, {"view", "c", 10, 10}, {"order", "o", 10, 10},
			},
			want: []string{
				`enter high_intent_24h @10 event by "c" 0 1 2`,
				`enter recent_purchaser_7d @10 event by "o" 3`,
				`exit high_intent_24h @10 event by "o" 3`,
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFold(t, compile(t, s))
			for _, s := range c.steps {
				f.event("p", s.role, s.id, s.at*minute, s.logged*minute)
			}
			f.advance(max(f.logTime, c.until*minute))
			got := told(f.all)
			slices.Sort(c.want)
			sorted := slices.Clone(got)
			slices.Sort(sorted)
			if !slices.Equal(sorted, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			checkStream(t, f.all)
		})
	}
}

// A deadline that falls on the instant of an event which does not concern it is
// judged when log time is past that instant, not before.
func TestNextDeadline_StaysOpenAtTheInstantOfAnEvent(t *testing.T) {
	f := newFold(t, compile(t, standard()))
	f.event("p", "cart", "c", 100*minute, 100*minute)
	f.event("p", "view", "v", 130*minute, 130*minute)
	if got := f.program.NextDeadline(f.people["p"]); got != 130*minute {
		t.Errorf("next deadline is at %d, want 130", got/minute)
	}
	f.event("p", "cart", "c2", 130*minute, 130*minute)
	if len(f.all) != 0 {
		t.Errorf("an add at the end of the pause did not start it anew: %v", told(f.all))
	}
	if got := f.program.NextDeadline(f.people["p"]); got != 160*minute {
		t.Errorf("next deadline is at %d, want 160", got/minute)
	}
}

func TestApply_KeepsTheNewestContacts(t *testing.T) {
	g := compile(t, standard())
	var p Person
	if err := g.Decode("p", nil, &p); err != nil {
		t.Fatal(err)
	}
	var out Decisions
	tell := func(contacts ...string) bool {
		o := Observation{}
		for _, c := range contacts {
			o.Contacts = append(o.Contacts, []byte(c))
		}
		return g.Apply(&p, &o, 1, &out)
	}
	if !tell("mail", "phone") || tell("phone", "mail") || tell() {
		t.Error("only new contacts change a person")
	}
	before := p.Contacts
	for i := range MaxContacts {
		tell("phone", id(i))
	}
	if string(before[0]) != "mail" || string(before[1]) != "phone" || len(before) != 2 {
		t.Errorf("a list that was handed out changed: %q", before)
	}
	var got []string
	for _, c := range p.Contacts {
		got = append(got, string(c))
	}
	if want := []string{"phone", "e1", "e2", "e3", "e4", "e5", "e6", "e7"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if g.NextDeadline(&p) != Never {
		t.Error("somebody without facts has a deadline")
	}
}

// Stamps from outside time decide like any other and leave a state that can be read.
func TestApply_BoundsTime(t *testing.T) {
	g := compile(t, standard())
	for _, c := range []struct{ at, logTime int64 }{{-1 << 63, 1000}, {Never, Never}, {-1 << 63, -1 << 62}, {0, Never}} {
		var p, again Person
		if err := g.Decode("p", nil, &p); err != nil {
			t.Fatal(err)
		}
		var out Decisions
		g.Apply(&p, &Observation{Patterns: 7, At: c.at, ID: "e"}, c.logTime, &out)
		if err := g.Decode("p", g.Append(nil, &p), &again); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		for range 8 {
			at := g.NextDeadline(&again)
			if at == Never {
				break
			}
			g.Fire(&again, at, Never, &out)
			if next := g.NextDeadline(&again); next <= at {
				t.Fatalf("%+v: deadline %d fired, and the next is %d", c, at, next)
			}
		}
	}
}

// About an instant before the kept facts, what they hide is unknown, unless any
// event that can be hidden would give the same answer.
func TestCondition_AboutThePast(t *testing.T) {
	p := &Person{facts: [][]Fact{{{At: 100}}, {{At: 80}}, {{At: 90}, {At: 50}}}}
	cart, order := ask{pattern: 0, nth: 1, keep: 1}, ask{pattern: 1, nth: 1, keep: 1}
	view := ask{pattern: 2, nth: 1, keep: 3}
	for name, c := range map[string]struct {
		condition condition
		at        int64
		want      truth
	}{
		"the event is hidden":                      {&did{event: cart, within: 10}, 95, unknown},
		"the event is known":                       {&did{event: cart, within: 10}, 100, yes},
		"the event is hidden, its breaker is not":  {&did{event: cart, within: 10, breakers: []ask{order}}, 80, no},
		"the breaker lies before what is hidden":   {&did{event: cart, within: 10, breakers: []ask{order}}, 81, unknown},
		"the breaker is hidden":                    {&did{event: view, breakers: []ask{order}}, 60, unknown},
		"nothing was pushed out":                   {&did{event: view}, 40, no},
		"an older one is kept":                     {&did{event: view, within: 11}, 60, yes},
		"the hidden one is older than all kept":    {&did{event: ask{pattern: 2, nth: 2, keep: 2}, within: 10}, 60, no},
		"a pause since what is hidden":             {&pause{event: cart, length: 5}, 95, unknown},
		"a pause since what is hidden, but broken": {&pause{event: cart, length: 5, breakers: []ask{order}}, 80, no},
		"a pause with a hidden breaker":            {&pause{event: view, length: 5, breakers: []ask{order}}, 60, unknown},
		"not unknown":                              {negation{&did{event: cart}}, 95, unknown},
		"unknown and false":                        {allOf{&did{event: cart}, &did{event: view, within: 1}}, 95, no},
		"unknown and true":                         {allOf{&did{event: cart}, &did{event: view}}, 95, unknown},
		"unknown or true":                          {anyOf{&did{event: cart}, &did{event: view}}, 95, yes},
		"unknown or false":                         {anyOf{&did{event: cart}, &did{event: view, within: 1}}, 95, unknown},
	} {
		if got, _ := c.condition.at(p, c.at); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
