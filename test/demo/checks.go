package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

// check is one thing that must hold at the end of the play.
type check struct {
	what   string
	detail string // what was found; where it does not hold, what differs
	ok     bool
}

func holds(checks []check) bool {
	return !slices.ContainsFunc(checks, func(c check) bool { return !c.ok })
}

// judge compares what came out, by the topics and by the fake SalesWings, with what
// was played. What is still on its way counts as missing: ask again.
func (b *board) judge(e *expectation, tracks []saleswingstest.Activity, now time.Time) []check {
	b.mu.Lock()
	defer b.mu.Unlock()
	return []check{
		{
			"every answered message is in the log once", fmt.Sprintf("%d sent, %d in the log, %d in quarantine", e.sent, b.logged, b.quarantined),
			b.logged == e.sent && b.quarantined == 0,
		},
		b.judgeMembers(e, now),
		{
			"each person's versions count up without a gap", fmt.Sprintf("%d transitions, %d gaps", b.transitions, b.gaps),
			b.gaps == 0 && b.transitions > 0,
		},
		b.judgePurchases(e),
		{
			"who had only to wait changed cohort", fmt.Sprintf("%d of %d people", b.silent-len(b.awaited), b.silent),
			len(b.awaited) == 0,
		},
		b.judgeAds(e),
		b.judgeSalesWings(e, tracks, now),
	}
}

// judgeMembers compares each person's cohorts.
func (b *board) judgeMembers(e *expectation, now time.Time) check {
	c := check{what: "everybody is in the right cohorts"}
	members := 0
	var wrong []string
	for _, person := range slices.Sorted(maps.Keys(e.people)) {
		want, got := e.people[person].cohorts(now), b.cohortsOf(person)
		members += len(got)
		if !slices.Equal(want, got) {
			wrong = append(wrong, fmt.Sprintf("%s is in %v, not in %v", person, got, want))
		}
	}
	c.ok = len(wrong) == 0
	c.detail = fmt.Sprintf("%d people, %d memberships", len(e.people), members)
	if !c.ok {
		c.detail = some(wrong)
	}
	return c
}

func (b *board) cohortsOf(person string) []string {
	p := b.people[person]
	if p == nil {
		return nil
	}
	var in []string
	for name := range p.in {
		in = append(in, name)
	}
	slices.Sort(in)
	return in
}

func (b *board) judgePurchases(e *expectation) check {
	var missing []string
	for _, id := range slices.Sorted(maps.Keys(e.buyings)) {
		if !b.liveSeen[id] {
			missing = append(missing, id)
		}
	}
	c := check{"purchases just made are on the ad-suppression topic", fmt.Sprintf("%d of %d", len(e.buyings)-len(missing), len(e.buyings)), len(missing) == 0}
	if !c.ok {
		c.detail += ", not " + some(missing)
	}
	return c
}

// judgeAds compares who is suppressed at Meta, and by which digest.
func (b *board) judgeAds(e *expectation) check {
	c := check{what: "Meta is told of every buyer, by digest"}
	var wrong []string
	with, without := 0, 0
	for person, h := range e.people {
		for audience, orders := range map[string]int{recentExclude: 1, vipExclude: vipOrders} {
			digests, told := b.suppressed[audience][person]
			switch {
			case told != (len(h.buys) >= orders):
				wrong = append(wrong, fmt.Sprintf("%s with %d orders: suppressed %t by %s", person, len(h.buys), told, audience))
			case !told:
			case h.email == "" && len(digests) == 0:
				without++
			case slices.Equal(digests, []string{h.digest()}):
				with++
			default:
				wrong = append(wrong, fmt.Sprintf("%s: %d digests, not the one of the email", person, len(digests)))
			}
		}
	}
	slices.Sort(wrong)
	c.ok = len(wrong) == 0
	c.detail = fmt.Sprintf("%d with that of the email, %d whose email nobody told", with, without)
	if !c.ok {
		c.detail = some(wrong)
	}
	return c
}

// judgeSalesWings folds what SalesWings was told: its last word on a person and a
// cohort must be the truth, and every transition must have its receipt.
func (b *board) judgeSalesWings(e *expectation, tracks []saleswingstest.Activity, now time.Time) check {
	c := check{what: "SalesWings' last word on everybody is right"}
	told := map[string]map[string]int64{} // newest version by person and cohort; negative = left
	for i := range tracks {
		t := &tracks[i]
		name, _ := t.Values["cohort"].(string)
		version, _ := t.Values["version"].(float64)
		if told[t.UserID] == nil {
			told[t.UserID] = map[string]int64{}
		}
		if before := told[t.UserID][name]; int64(version) > max(before, -before) {
			told[t.UserID][name] = int64(version)
			if t.Values["change"] == "exited" {
				told[t.UserID][name] = -int64(version)
			}
		}
	}
	var wrong []string
	for _, person := range slices.Sorted(maps.Keys(e.people)) {
		var got []string
		for name, version := range told[person] {
			if version > 0 {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if want := e.people[person].cohorts(now); !slices.Equal(want, got) {
			wrong = append(wrong, fmt.Sprintf("%s is said to be in %v, not in %v", person, got, want))
		}
	}
	answered := 0
	for _, outcome := range []string{avrocodec.OutcomeDelivered, avrocodec.OutcomeSuperseded, avrocodec.OutcomeSkipped} {
		answered += b.receipts["saleswings"][outcome]
	}
	c.detail = fmt.Sprintf("%d items, %d receipts", len(tracks), answered)
	switch {
	case len(wrong) > 0:
		c.detail = some(wrong)
	case answered != b.transitions:
		c.detail = fmt.Sprintf("%d receipts for %d transitions", answered, b.transitions)
	default:
		c.ok = true
	}
	return c
}

// some shows the first few of a list.
func some(list []string) string {
	const few = 3
	if len(list) <= few {
		return strings.Join(list, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(list[:few], "; "), len(list)-few)
}

// personState is what the transitions say about one person.
type personState struct {
	version int64
	in      map[string]bool
}

// apply takes a transition into the fold.
func (b *board) apply(t *cohort.Transition) {
	p := b.people[t.Person]
	if p == nil {
		p = &personState{in: map[string]bool{}}
		b.people[t.Person] = p
	}
	if t.Version != p.version+1 {
		b.gaps++
	}
	p.version = t.Version
	if t.Op == cohort.OpEnter {
		p.in[t.Cohort] = true
	} else {
		delete(p.in, t.Cohort)
	}
}
