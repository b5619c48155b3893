package cohort

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// outline writes an explanation as one line per condition.
func outline(e Explanation, depth int) []string {
	line := fmt.Sprintf("%s%s %s: %s", strings.Repeat("  ", depth), e.Condition, e.Text, e.Value)
	if e.Need > 0 {
		line += fmt.Sprintf(" %.10g of %.10g", e.Have, e.Need)
	}
	if e.Next != Never {
		line += fmt.Sprintf(" until %d", e.Next/minute)
	}
	for _, x := range e.Evidence {
		line += fmt.Sprintf(" #%d", x.Offset)
	}
	all := []string{line}
	for _, child := range e.Of {
		all = append(all, outline(child, depth+1)...)
	}
	return all
}

func TestExplain_TellsEachCondition(t *testing.T) {
	narrow := has("order", 2, 7*day, "cart")
	narrow.Did.Where = amountOf(1)
	f := newFold(t, compile(t, shopSpec(nil, when("c", Condition{All: []Condition{
		narrow,
		{Any: []Condition{{Attribute: planIs("pro")}, {During: &During{From: 0, To: hour, Text: "the first hour"}}}},
		{Not: &Condition{Silent: &Silent{Event: "view", For: 90 * minute}}},
		{Sum: &Sum{Event: "order", Property: "amount", AtLeast: 2.5, Within: day}},
	}}))))
	f.event("p", "view", "v", 0, 0)
	paying := 0
	for (occurrence{id: id(paying)}).amount() != 2 {
		paying++
	}
	f.occur("p", occurrence{role: "order", at: 5 * minute, id: id(paying)}, 5*minute)
	all := f.program.Explain(f.people["p"], 10*minute)
	want := []string{
		"all : no",
		"  did order where amount >= 1 at least 2 times within 7d, with none of cart since: no 1 of 2 #1",
		"  any : yes until 60",
		`    attribute plan == "pro": no`,
		"    during the first hour: yes until 60",
		"  not : yes until 90",
		"    silent view not for 1h30m: no 600000 of 5400000 until 90 #0",
		"  sum amount of order comes to 2.5 within 1d: no 2 of 2.5 #1",
	}
	if got := outline(all[0].Rule, 0); all[0].In || !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What is told of an instant is what is decided for it, now and ahead.
func TestExplain_AgreesWithWhatIsDecided(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, true)
		h := drawHistory(t, true)
		f := newFold(t, compile(t, s))
		for _, o := range h {
			f.occur("p", o, o.at)
		}
		p := *f.people["p"]
		asked := h[len(h)-1].at + rapid.Int64Range(1, 20).Draw(t, "ahead")
		told := f.program.Explain(&p, asked)
		f.advance(asked + 1)
		in := map[string]bool{}
		for _, m := range f.program.Profile(f.people["p"]) {
			in[m.Cohort] = true
		}
		for _, one := range told {
			if one.In != in[one.Cohort] {
				t.Fatalf("%s at %d: told %v, decided %v for %v", one.Cohort, asked, one.In, in[one.Cohort], h)
			}
			if v := one.Rule.Value; !one.Outranked && one.LeavingAt == 0 && (v == AnswerYes) != one.In {
				t.Fatalf("%s at %d: in is %v, the rule says %s", one.Cohort, asked, one.In, v)
			}
		}
	})
}
