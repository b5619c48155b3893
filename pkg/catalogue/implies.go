package catalogue

import (
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// implies says whether b is true whenever a is, as far as their form shows. No is no proof.
func implies(a, b *cohort.Condition) bool {
	each := func(list []cohort.Condition, f func(*cohort.Condition) bool) bool {
		return !slices.ContainsFunc(list, func(n cohort.Condition) bool { return !f(&n) })
	}
	some := func(list []cohort.Condition, f func(*cohort.Condition) bool) bool {
		return slices.ContainsFunc(list, func(n cohort.Condition) bool { return f(&n) })
	}
	switch {
	case a.Any != nil:
		return each(a.Any, func(n *cohort.Condition) bool { return implies(n, b) })
	case b.All != nil:
		return each(b.All, func(n *cohort.Condition) bool { return implies(a, n) })
	case a.All != nil && some(a.All, func(n *cohort.Condition) bool { return implies(n, b) }):
		return true
	case b.Any != nil:
		return some(b.Any, func(n *cohort.Condition) bool { return implies(a, n) })
	case a.Not != nil && b.Not != nil:
		return implies(b.Not, a.Not)
	case a.Member != "" || b.Member != "":
		return a.Member == b.Member
	case a.Attribute != nil && b.Attribute != nil:
		return a.Attribute.Text() == b.Attribute.Text()
	case a.During != nil && b.During != nil:
		return a.During.Text == b.During.Text
	}
	return impliesEvents(a, b)
}

// impliesEvents is implies for conditions on events.
func impliesEvents(a, b *cohort.Condition) bool {
	switch {
	case a.Did != nil && b.Did != nil:
		return a.Did.Event == b.Did.Event && sameText(a.Did.Where, b.Did.Where) && inside(a.Did.Within, b.Did.Within) &&
			max(a.Did.AtLeast, 1) >= max(b.Did.AtLeast, 1) && subset(b.Did.NoneOf, a.Did.NoneOf)
	case a.Sum != nil && b.Sum != nil:
		return a.Sum.Event == b.Sum.Event && a.Sum.Property == b.Sum.Property && sameText(a.Sum.Where, b.Sum.Where) &&
			inside(a.Sum.Within, b.Sum.Within) && a.Sum.AtLeast >= b.Sum.AtLeast
	case a.Sum != nil && b.Did != nil: // a sum takes at least one event
		return a.Sum.Event == b.Did.Event && sameText(a.Sum.Where, b.Did.Where) && inside(a.Sum.Within, b.Did.Within) &&
			b.Did.AtLeast <= 1 && len(b.Did.NoneOf) == 0
	}
	x, y := pauseOf(a), pauseOf(b)
	return x != nil && y != nil && x.Event == y.Event && sameText(x.Where, y.Where) && x.For >= y.For && subset(y.NoneOf, x.NoneOf)
}

func pauseOf(n *cohort.Condition) *cohort.Quiet {
	if n.Silent != nil {
		return &cohort.Quiet{Event: n.Silent.Event, Where: n.Silent.Where, For: n.Silent.For}
	}
	return n.Quiet
}

// inside says whether a window lies within another; 0 = ever.
func inside(a, b int64) bool { return b == 0 || a != 0 && a <= b }

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(whole, s) })
}

func sameText(a, b cohort.Predicate) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Text() == b.Text()
}
