package cohort

import (
	"cmp"
	"fmt"
	"slices"

	"pgregory.net/rapid"
)

var roles = []string{"view", "cart", "order"}

func drawHistory(t *rapid.T, unique bool) history {
	n := rapid.IntRange(1, 18).Draw(t, "events")
	span := rapid.Int64Range(4, 60).Draw(t, "span")
	var h history
	for i := range n {
		o := occurrence{
			role: rapid.SampledFrom(append([]string{""}, roles...)).Draw(t, "role"),
			at:   1000 + rapid.Int64Range(0, span).Draw(t, "at"),
			id:   id(rapid.IntRange(0, 2*i).Draw(t, "id")),

			late:   rapid.SampledFrom([]int64{0, 0, 1, 3, 10}).Draw(t, "late"),
			replay: rapid.IntRange(0, 3).Draw(t, "replay") == 3,
		}
		if unique && slices.ContainsFunc(h, func(x occurrence) bool { return x.at == o.at }) {
			continue
		}
		h = append(h, o)
	}
	slices.SortStableFunc(h, func(a, b occurrence) int { return cmp.Compare(a.at, b.at) })
	return h
}

// drawCondition draws a condition that may ask about the cohorts named.
func drawCondition(t *rapid.T, depth int, cohorts []string) Condition {
	kinds := 8
	if depth > 0 {
		kinds = 12
	}
	role := func() string { return rapid.SampledFrom(roles).Draw(t, "event") }
	noneOf := func() []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(roles), 0, 2, rapid.ID[string]).Draw(t, "none_of")
	}
	window := func() int64 { return rapid.Int64Range(1, 14).Draw(t, "window") }
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		d := &Did{Event: role(), AtLeast: rapid.IntRange(1, 4).Draw(t, "n"), Within: window(), NoneOf: noneOf()}
		if rapid.Bool().Draw(t, "narrowed") {
			d.Where = amountOf(rapid.Int64Range(1, 3).Draw(t, "where"))
		}
		return Condition{Did: d}
	case 1:
		return Condition{Did: &Did{Event: role(), AtLeast: rapid.IntRange(0, 4).Draw(t, "n"), NoneOf: noneOf()}}
	case 2:
		return Condition{Silent: &Silent{Event: role(), For: window()}}
	case 3:
		return Condition{Quiet: &Quiet{Event: role(), For: window(), NoneOf: noneOf()}}
	case 4:
		return Condition{Sum: &Sum{
			Event: role(), Property: "amount", AtLeast: float64(rapid.IntRange(1, 9).Draw(t, "sum")),
			Within: rapid.SampledFrom([]int64{0, 3, 8, 14}).Draw(t, "window"),
		}}
	case 5:
		return Condition{Attribute: planIs(rapid.SampledFrom([]string{"free", "pro"}).Draw(t, "plan"))}
	case 6:
		if rapid.Bool().Draw(t, "weekly") {
			return Condition{During: &During{Weekly: market{}}}
		}
		from := rapid.Int64Range(990, 1070).Draw(t, "from")
		return Condition{During: &During{From: from, To: from + window()}}
	case 7:
		if len(cohorts) > 0 {
			return Condition{Member: rapid.SampledFrom(cohorts).Draw(t, "member")}
		}
		return Condition{Silent: &Silent{Event: role(), For: window()}}
	case 8:
		c := drawCondition(t, depth-1, cohorts)
		return Condition{Not: &c}
	default:
		var list []Condition
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			list = append(list, drawCondition(t, depth-1, cohorts))
		}
		if rapid.Bool().Draw(t, "all") {
			return Condition{All: list}
		}
		return Condition{Any: list}
	}
}

// drawSpec gives random cohorts over all that can happen, the ones asked about before
// those that ask. With paths they may have enter and stay, dwell, and stand in a group.
func drawSpec(t *rapid.T, paths bool) Spec {
	s := sevenSpec(1, 2, 3, 4, 5, 6)
	s.Cohorts = []Definition{when("all", Condition{All: []Condition{
		has("view", 1, 3), has("cart", 1, 3), has("order", 1, 3), {Attribute: planIs("pro")},
	}})}
	keys := []string{"all"}
	for i := range rapid.IntRange(1, 4).Draw(t, "cohorts") {
		d := Definition{Key: fmt.Sprintf("c%d", i)}
		c := drawCondition(t, 2, keys)
		d.When = &c
		if paths && rapid.Bool().Draw(t, "enter and stay") {
			stay := drawCondition(t, 2, keys)
			d.Enter, d.Stay, d.When = &c, &stay, nil
		}
		if paths && rapid.Bool().Draw(t, "dwells") {
			d.Dwell = rapid.Int64Range(1, 6).Draw(t, "dwell")
		}
		d.LookBack = rapid.SampledFrom([]int64{0, 0, 1, 2, 9}).Draw(t, "look_back")
		d.IgnoreReplay = rapid.IntRange(0, 3).Draw(t, "ignores replays") == 3
		s.Cohorts = append(s.Cohorts, d)
		keys = append(keys, d.Key)
	}
	if paths && rapid.Bool().Draw(t, "a group") {
		// Only in this order, since the later may ask about the earlier.
		from := rapid.IntRange(0, len(keys)-2).Draw(t, "strongest")
		s.Groups = []Group{{Key: "group", Cohorts: keys[from:]}}
	}
	return s
}
