package audit

import (
	"fmt"
	"slices"
	"testing"
)

// An abandoner enters by a pause and stays by the window alone.
const abandoner = `
events: {cart: {names: [Product Added]}, order: {names: [Order Completed]}}
cohorts:
  - key: abandoner
    enter: {all: [{quiet: {event: cart, for: 500ms, none_of: [order]}}, {did: {event: cart, within: 4s, none_of: [order]}}]}
    stay: {did: {event: cart, within: 4s, none_of: [order]}}
`

// A person is in by what was handed over late, and the product, which keeps the newest events only, no longer has it: what it
// decides at that record is as good.
func TestInherit_WhoIsInByThePastIsDecidedByTheProduct(t *testing.T) {
	d, err := readDocument(abandoner)
	if err != nil {
		t.Fatal(err)
	}
	rules, left := d.rules()
	if len(rules) != 1 || len(left) > 0 {
		t.Fatalf("got %d rules, left out %v", len(rules), left)
	}
	for _, told := range []int{0, 1, 2} { // nothing; that they left; that they left and came again
		f := &fold{report: newReport(), rules: rules, said: map[string][]*entry{}}
		p, l := newPerson("c", 3), &lane{number: 3, logTime: 6_337}
		p.stays["abandoner"] = 6_280
		for i, at := range []int64{2_274, 5_780, 6_278} {
			p.history.add("cart", moment{at, fmt.Sprint(i)})
		}
		for i := range told {
			e := &entry{}
			e.Op, e.EffectiveAt, e.Reason = []string{"exit", "enter"}[i%2], 6_337, "event"
			f.said["c abandoner 1870"] = append(f.said["c abandoner 1870"], e)
		}
		f.inherit(l, p, rules[0], &handover{key: "a"}, 1870)
		if got := len(p.steps["abandoner"]); got != told {
			t.Errorf("told %d at the record: %d have to be there", told, got)
		}
		if in := len(p.stays) == 1; in != (told != 1) {
			t.Errorf("told %d: in is %t", told, in)
		}
	}
}

// Somebody is in, and an event of long ago comes behind newer ones: by it they had left in between. The product has let go of
// what lies between, and says nothing.
func TestSettle_WhoMayStayIsDecidedByTheProduct(t *testing.T) {
	d, err := readDocument(abandoner)
	if err != nil {
		t.Fatal(err)
	}
	rules, _ := d.rules()
	for _, c := range []struct {
		logTime int64
		told    []string
		want    []string
	}{
		{6_203, nil, nil},
		{6_203, []string{"exit"}, []string{"exit"}},
		{12_000, nil, []string{"exit"}}, // whoever may not stay has to leave
	} {
		f := &fold{report: newReport(), rules: rules, said: map[string][]*entry{}}
		p, l := newPerson("c", 3), &lane{number: 3, logTime: c.logTime}
		p.stays["abandoner"] = 315
		for i, at := range []int64{315, 320, 5_537, 5_977} {
			p.history.add("cart", moment{at, fmt.Sprint(i)})
		}
		for _, op := range c.told {
			e := &entry{}
			e.Op, e.EffectiveAt, e.Reason = op, c.logTime, "event"
			f.said["c abandoner 743"] = append(f.said["c abandoner 743"], e)
		}
		f.settle(l, p, rules[0], 320, 743)
		var got []string
		for _, s := range p.steps["abandoner"] {
			got = append(got, map[bool]string{true: "enter", false: "exit"}[s.enter])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("at %d, told %v: got %v, want %v", c.logTime, c.told, got, c.want)
		}
	}
}
