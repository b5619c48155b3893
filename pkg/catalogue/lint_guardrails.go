package catalogue

import (
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// firstRetry is a little more than what Customer.io waits before it repeats a webhook that failed, ms. It goes
// on for retryEnd.
const (
	firstRetry = 2 * 3_600_000
	retryEnd   = 7 * 86_400_000
)

// guardrails looks for limits that keep out what merely came by a second try, and for those that hold
// nothing back.
func (l *linter) guardrails(i int) {
	d := &l.c.Spec.Cohorts[i]
	path := fmt.Sprintf("cohorts[%d].", i)
	_, own := l.c.places[path+"look_back"]
	if d.LookBack > 0 && d.LookBack < firstRetry && (own || !l.shortDefault) {
		at := path + "look_back"
		if !own {
			at, l.shortDefault = "guardrails.look_back", true
		}
		l.warn("short-look-back", at, "look_back is %s, and Customer.io waits an hour before it repeats a webhook that failed: such events would be lost to it; give at least %s (it repeats for up to %s)",
			spell(d.LookBack), spell(firstRetry), spell(retryEnd))
	}
	for _, name := range []string{"look_back", "replay"} {
		_, own := l.c.places[path+name]
		if own && !slices.ContainsFunc([]*cohort.Condition{d.When, d.Enter, d.Stay}, asksEvents) {
			l.warn("no-effect", path+name, "cohort %q asks about no event, so %s holds nothing back: remove it, or say it of the cohorts that it asks about", d.Key, name)
		}
	}
}

// asksEvents says whether some part of a condition is about events.
func asksEvents(n *cohort.Condition) bool {
	if n == nil {
		return false
	}
	some := func(list []cohort.Condition) bool {
		return slices.ContainsFunc(list, func(n cohort.Condition) bool { return asksEvents(&n) })
	}
	return kindOf(n) != "" || asksEvents(n.Not) || some(n.All) || some(n.Any)
}
