package cohort

import (
	"errors"
	"testing"
)

// Shops and Customer.io take seconds: what took longer than a minute is told as a correction.
func TestApply_TellsCorrectionsFromTheUsualDelay(t *testing.T) {
	for late, want := range map[int64]string{lateness: ReasonEvent, lateness + 1: ReasonLateEvent} {
		f := newFold(t, compile(t, shopSpec(nil, when("viewer", has("view", 1, day)), when("buyer", has("order", 1, day)))))
		f.event("p", "view", "v", lateness, lateness)
		if got := f.event("p", "order", "o", 0, late); len(got) != 1 || got[0].Reason != want {
			t.Errorf("%d ms late: got %v, want %s", late, told(got), want)
		}
	}
}

// Several sums of one property share what is kept: enough for the largest, wherever it stands.
func TestSum_KeepsEnoughForTheLargest(t *testing.T) {
	sum := func(least float64) Condition {
		return Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: least}}
	}
	paying := func(from int) int {
		for (occurrence{id: id(from)}).amount() != 3 {
			from++
		}
		return from
	}
	a := paying(0)
	b := paying(a + 1)
	for _, order := range [][2]float64{{6, 2}, {2, 6}} {
		f := newFold(t, compile(t, shopSpec(nil, when("one", sum(order[0])), when("other", sum(order[1])))))
		f.occur("p", occurrence{role: "order", at: 0, id: id(a)}, 0)
		f.occur("p", occurrence{role: "order", at: minute, id: id(b)}, minute)
		if in := f.program.Profile(f.people["p"]); len(in) != 2 {
			t.Errorf("sums of %v: in %v, want both", order, in)
		}
	}
}

// A smaller sum needs less, and a look at everybody lets the rest go; a larger one is not known at once.
func TestReview_KeepsWhatTheSumsNeed(t *testing.T) {
	sum := func(least float64) *Program {
		return compile(t, shopSpec(nil, when("spender", Condition{Sum: &Sum{Event: "order", Property: "amount", AtLeast: least, Within: day}})))
	}
	large, small := sum(90), sum(1)
	f := newFold(t, large)
	for n := range 40 {
		f.occur("p", occurrence{role: "order", at: int64(n) * minute, id: id(n)}, int64(n)*minute)
	}
	var p Person
	if err := small.Decode("p", large.Append(nil, f.people["p"]), &p); err != nil {
		t.Fatal(err)
	}
	small.Review(&p, hour, new(Decisions))
	if got := len(p.facts[0]); got != 1 {
		t.Errorf("%d events are kept for a sum of 1, want the newest", got)
	}
	if until := large.WarmingAfter(small, hour); until["spender"] != hour+day {
		t.Errorf("a larger sum warms until %d, want a day", until["spender"])
	}
	if until := small.WarmingAfter(large, hour); len(until) != 0 {
		t.Errorf("a smaller sum warms: %v", until)
	}
}

func TestWarms_UntilTheInstantItself(t *testing.T) {
	c := &cohort{warming: 5}
	if c.warms(4) != 5 || c.warms(5) != 0 || c.warms(6) != 0 {
		t.Errorf("at 4, 5 and 6: %d, %d, %d", c.warms(4), c.warms(5), c.warms(6))
	}
}

// Facts stand newest first, each once: a state in which they do not is damaged.
func TestDecode_RefusesFactsOutOfOrder(t *testing.T) {
	g := compile(t, shopSpec(nil, when("c", has("view", 3, day))))
	for name, facts := range map[string][]Fact{
		"in order":     {{At: 5, ID: 2}, {At: 5, ID: 1}, {At: 4, ID: 9}},
		"out of order": {{At: 5, ID: 1}, {At: 5, ID: 2}},
		"twice":        {{At: 5, ID: 1}, {At: 5, ID: 1}},
	} {
		var p, again Person
		if err := g.Decode("p", nil, &p); err != nil {
			t.Fatal(err)
		}
		p.judged, p.facts[0] = 10, facts
		if err := g.Decode("p", g.Append(nil, &p), &again); errors.Is(err, ErrState) == (name == "in order") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
