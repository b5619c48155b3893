package cohort

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// One example for each rule that no other test would miss; see test/mutants.

func TestScaled_CountsFourDecimalsAndNothingElse(t *testing.T) {
	for v, want := range map[float64]int64{
		0.29: 2_900, 0.00004: 0, 0.00005: 1, -1: 0, math.Inf(-1): 0,
		MaxSum: MaxSum * amountScale, 1.5 * MaxSum: MaxSum * amountScale, math.Inf(1): MaxSum * amountScale,
	} {
		if got := scaled(v); got != want {
			t.Errorf("%g counts as %d, want %d", v, got, want)
		}
	}
	if got := scaled(math.NaN()); got != 0 {
		t.Errorf("what is no number counts as %d", got)
	}
}

func TestTells_BoundsTexts(t *testing.T) {
	long := strings.Repeat("x", MaxText+1)
	if v, ok := tells(&event.Properties{Strings: map[string]string{"plan": long}}, "plan"); !ok || v.Text != long[1:] {
		t.Errorf("%d bytes are kept of a text, want %d", len(v.Text), MaxText)
	}
}

func TestAttribute_RedeliveryKeepsTheEarlierOffset(t *testing.T) {
	for _, offsets := range [][2]int64{{3, 7}, {7, 3}} {
		var a attribute
		if !a.set(Fact{At: 1, ID: 1, Offset: offsets[0]}, Value{}) || a.set(Fact{At: 1, ID: 1, Offset: offsets[1]}, Value{}) || a.offset != 3 {
			t.Errorf("told at %v: kept %d, want 3", offsets, a.offset)
		}
	}
}

func TestAttribute_OfBefore1970IsTakenIn(t *testing.T) {
	var a attribute
	if !a.set(Fact{At: -1}, Value{Kind: ValueTrue}) || a.value.Kind != ValueTrue {
		t.Errorf("got %+v", a)
	}
}

func TestAttributes_OneTakenAwayIsNotThere(t *testing.T) {
	g := compile(t, shopSpec(nil, when("pro", Condition{Attribute: planIs("pro")})))
	p := &Person{attributes: []attribute{{told: true, value: Value{Kind: ValueText, Text: "pro"}}}}
	if v, ok := (attributes{g, p}).Value("plan"); !ok || v.Text != "pro" {
		t.Errorf("told: got %+v, %v", v, ok)
	}
	p.attributes[0].value = Value{}
	if _, ok := (attributes{g, p}).Value("plan"); ok {
		t.Error("taken away, and still there")
	}
}

func TestSum_KnowsWhatItForgot(t *testing.T) {
	c := &sum{event: ask{nth: MaxSummed, keep: MaxSummed}, least: 10, most: 10}
	for name, x := range map[string]struct {
		facts []Fact
		at    int64
		want  truth
	}{
		"reached now, and before perhaps by what is forgotten": {[]Fact{{At: 100, Value: 5}, {At: 90, Value: 5}}, 95, unknown},
		"never reached, so nothing is forgotten":               {[]Fact{{At: 100, Value: 5}, {At: 90, Value: 4}}, 95, no},
		"reached exactly":                                      {[]Fact{{At: 100, Value: 5}, {At: 90, Value: 5}}, 100, yes},
	} {
		if got, _ := c.at(&Person{facts: [][]Fact{x.facts}}, x.at); got != x.want {
			t.Errorf("%s: got %d, want %d", name, got, x.want)
		}
	}
	p := &Person{facts: [][]Fact{{{At: 9, Value: 6}, {At: 8, Value: 4}, {At: 7, Value: 1}}}}
	if got := c.evidence(nil, p, 9); len(got) != 2 {
		t.Errorf("evidence of a sum of 10: %v, want the two newest", got)
	}
	if got := enough(slices.Clone(p.facts[0]), 10); len(got) != 2 {
		t.Errorf("kept for a sum of 10: %v, want the two newest", got)
	}
}

func TestApply_EventWithoutAValueIsNothingToASum(t *testing.T) {
	g := compile(t, shopSpec(nil, when("spender", Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 5}})))
	var p Person
	if err := g.Decode("p", nil, &p); err != nil {
		t.Fatal(err)
	}
	if g.Apply(&p, &Observation{Patterns: 1, ID: "o", Properties: &event.Properties{}}, 1, new(Decisions)) || len(p.facts[0]) != 0 {
		t.Errorf("it changed the state: %v", p.facts)
	}
}

// A value older than those that reach the sum is forgotten at once, and changes nothing.
func TestApply_ValueThatCannotMatterIsNothingToASum(t *testing.T) {
	g := compile(t, shopSpec(nil, when("spender", Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 5}})))
	var p Person
	if err := g.Decode("p", nil, &p); err != nil {
		t.Fatal(err)
	}
	paid := &event.Properties{Numbers: map[string]float64{"amount": 5}}
	tell := func(at int64, id string) bool {
		return g.Apply(&p, &Observation{Patterns: 1, At: at, AcceptedAt: at, ID: id, Properties: paid}, 10, new(Decisions))
	}
	if !tell(5, "new") || tell(4, "old") || len(p.facts[0]) != 1 {
		t.Errorf("kept %v, want the newer one alone", p.facts)
	}
}

// How a pause, or a stretch without an end, stands in the state and in what is promised.
func TestApply_LateEventInThePauseKeepsItsBeginning(t *testing.T) {
	d := when("looking", has("view", 1, hour))
	d.Dwell = 30 * minute
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.event("p", "view", "v", 0, 80*minute)
	f.drain()
	lines(t, f.all, `enter looking @0 event by "v" 0`, `exit looking @90 window_ended by "" 0`)
}

func TestValidUntil_OfWhatNeverEnds(t *testing.T) {
	weekly := Condition{During: &During{Weekly: market{}}}
	f := newFold(t, compile(t, shopSpec(nil, when("always", Condition{All: []Condition{
		has("view", 1, 0), {Any: []Condition{weekly, {Not: &weekly}}},
	}}))))
	f.event("p", "view", "v", 0, 0)
	if len(f.all) != 1 || f.all[0].ValidUntil != 0 {
		t.Errorf("got %+v, want a stay without an end", f.all)
	}
}

// An attribute that comes late opens a stay at minute 10 that an order of minute 20 carries on: the end
// is the order's.
func TestValidUntil_KnowsEventsAfterTheEntry(t *testing.T) {
	_, pro := plans()
	f := newFold(t, compile(t, shopSpec(nil, when("two", has("order", 2, minute)), when("c", Condition{All: []Condition{
		{Attribute: planIs("pro")}, {Any: []Condition{has("view", 1, 0, "order"), has("order", 1, hour)}},
	}}))))
	f.event("p", "view", "v", 10*minute, 10*minute)
	f.event("p", "order", "o", 20*minute, 20*minute)
	f.occur("p", occurrence{at: 5 * minute, id: pro}, 30*minute)
	if len(f.all) != 1 || f.all[0].EffectiveAt != 10*minute || f.all[0].ValidUntil != 80*minute {
		t.Errorf("got %+v, want an entry at minute 10 until minute 80", f.all)
	}
}

// What is not known of the past ends no promise.
func TestValidUntil_PassesOverWhatIsNotKnown(t *testing.T) {
	silent := when("silent", Condition{Silent: &Silent{Event: "view", For: 50 * minute}})
	silent.Dwell = minute
	f := newFold(t, compile(t, shopSpec(nil, silent, when("c", Condition{All: []Condition{
		has("order", 1, 0), {Any: []Condition{has("view", 1, 10*minute), {Member: "silent"}}},
	}}))))
	f.event("p", "view", "v", 50*minute, 50*minute)
	f.event("p", "cart", "x", 130*minute, 130*minute)
	f.event("p", "order", "o", 50*minute, 135*minute)
	lines(t, f.all, `enter silent @100 window_ended by "" 0`, `enter c @50 late_event by "o" 0 2`)
	if d := f.all[len(f.all)-1]; d.ValidUntil != 0 || d.Elapsed {
		t.Errorf("got %+v, want no end", d)
	}
}

// A walk from a late event stops at every event after it, not at the newest alone.
func TestApply_LateEventWalksThroughAllThatCameAfter(t *testing.T) {
	f := newFold(t, compile(t, shopSpec(nil, when("two", has("view", 2, minute)), when("c", Condition{All: []Condition{
		has("order", 1, 0), has("view", 1, hour),
	}}))))
	f.event("p", "view", "v1", 10*minute, 10*minute)
	f.event("p", "view", "v2", 40*minute, 40*minute)
	f.event("p", "order", "o", 5*minute, 50*minute)
	lines(t, f.all, `enter c @10 late_event by "o" 2 0`)
}

// What is kept of an event says whether something was forgotten: with room left, nothing was.
func TestApply_LateEventKnowsThatNothingWasForgotten(t *testing.T) {
	twice := when("twice", has("cart", 2, hour))
	notTwice, spends := has("cart", 2, 0), Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 90}}
	paying := 0
	for (occurrence{id: id(paying)}).amount() == 0 {
		paying++
	}
	for name, c := range map[string]struct {
		rule  Condition
		after occurrence
	}{
		"a count":   {Condition{Not: &notTwice}, occurrence{role: "cart", id: "c"}},
		"a sum":     {Condition{Not: &spends}, occurrence{role: "order", id: id(paying)}},
		"a breaker": {Condition{Any: []Condition{has("view", 1, 0, "cart"), has("cart", 1, 0)}}, occurrence{role: "cart", id: "c"}},
	} {
		f := newFold(t, compile(t, shopSpec(nil, twice, when("c", Condition{All: []Condition{has("view", 1, hour), c.rule}}))))
		c.after.at = 20 * minute
		f.occur("p", c.after, 20*minute)
		f.event("p", "view", "v", 10*minute, 25*minute)
		if len(f.all) != 1 || f.all[0].EffectiveAt != 10*minute {
			t.Errorf("%s: got %v, want an entry at minute 10", name, told(f.all))
		}
	}
}
