package audit

import (
	"maps"
	"slices"
	"time"
)

const salesWings = "saleswings"

// judgeReceipts wants an outcome of every transition that SalesWings is to be told.
func (a *auditor) judgeReceipts() {
	outcomes := make(map[string]map[string]int)
	for _, records := range a.books[receiptsTopic] {
		for i := range records {
			var r receiptRecord
			if err := a.codec.decode(&records[i], &r); err != nil {
				a.report.find(Unreadable, receiptsTopic, "%v", err)
				continue
			}
			a.count("receipts, "+r.Destination+" "+r.Outcome, 1)
			t := a.byID[r.ID]
			if t == nil && a.beyond(r.ID) {
				continue
			}
			if t == nil || t.Person != r.Person || t.Cohort != r.Cohort {
				a.report.find(Contradictory, receiptsTopic, "%s: it speaks of transition %s, which is not there or another one", records[i].Place(), r.ID)
				continue
			}
			if r.Destination != salesWings {
				continue
			}
			a.refused[r.ID] = a.refused[r.ID] || r.Outcome == "dead_letter"
			if outcomes[r.ID] == nil {
				outcomes[r.ID] = make(map[string]int)
			}
			outcomes[r.ID][r.Outcome]++
		}
	}
	if len(outcomes) == 0 && a.options.Taken == nil || !a.options.Complete {
		return
	}
	taken := make(map[string]bool)
	for _, t := range a.options.Taken {
		taken[t.TransitionID] = true
	}
	wanted := a.fold.document.Deliver.SalesWings.Cohorts
	for _, person := range slices.Sorted(maps.Keys(a.byPerson)) {
		for _, t := range a.byPerson[person] {
			if !slices.Contains(wanted, t.Cohort) {
				continue
			}
			a.count("deliveries judged", 1)
			o := outcomes[t.ID]
			switch {
			case o["delivered"]+o["superseded"]+o["skipped"]+o["dead_letter"] == 0:
				a.report.find(Lost, receiptsTopic, "transition %s has no outcome at SalesWings: %v", t.ID, o)
			case o["delivered"] > 0 && a.options.Taken != nil && !taken[t.ID]:
				a.report.find(Contradictory, receiptsTopic, "transition %s counts as delivered, and SalesWings has not got it", t.ID)
			case o["skipped"] > 0 && !mayBeSkipped(t):
				a.report.find(Lost, receiptsTopic, "transition %s was skipped, and SalesWings should know of it", t.ID)
			case o["superseded"] > 0 && o["delivered"] == 0 && !a.newer(t):
				a.report.find(Lost, receiptsTopic, "transition %s was superseded by none", t.ID)
			}
		}
	}
}

func mayBeSkipped(t *entry) bool {
	goesOn := t.Reason == classContacts || t.Reason == "warmed"
	return t.Elapsed || t.Op == "exit" && (t.Reason == classMerged || goesOn) || t.WarmingUntil != nil && *t.WarmingUntil > t.DecidedAt
}

// newer says whether a transition of the same stay follows.
func (a *auditor) newer(t *entry) bool {
	return slices.ContainsFunc(a.byPerson[t.Person], func(x *entry) bool { return x.Cohort == t.Cohort && x.Version > t.Version })
}

// judgeTaken looks at what SalesWings got: only what was decided, and of every stay the newest last, for that is what
// holds there. A repeat is no fault, since SalesWings cannot tell one: after a crash what was told since the last
// position is told again from there on, and with it what had been superseded; the newest comes again behind it.
func (a *auditor) judgeTaken() {
	type stay struct{ person, cohort string }
	newest, last := make(map[stay]*entry), make(map[stay]*entry)
	told := make(map[string]string) // when, by transition
	seen := make(map[string]bool)
	for _, got := range a.options.Taken {
		t := a.byID[got.TransitionID]
		if t == nil {
			a.report.find(Contradictory, salesWings, "it got transition %s, which is not there", got.TransitionID)
			continue
		}
		a.count("activities taken", 1)
		if seen[t.ID] {
			a.count("activities taken, again", 1)
		}
		seen[t.ID] = true
		told[t.ID] += got.when()
		of := stay{t.Person, t.Cohort}
		if newest[of] == nil || newest[of].Version < t.Version {
			newest[of] = t
		} else if newest[of] != t && last[of] == newest[of] {
			a.count("activities taken behind newer ones", 1)
		}
		last[of] = t
	}
	for of, t := range last {
		n := newest[of]
		switch {
		case n.Version <= t.Version:
		case slices.ContainsFunc(a.byPerson[of.person], func(x *entry) bool {
			return x.Cohort == of.cohort && x.Version > n.Version && a.refused[x.ID]
		}):
			// One that is newer took its place when it was to be told again, and was refused. Whoever looks at dead
			// letters sees it.
			a.count("newest activities outlived by refused ones", 1)
		case a.refused[n.ID]:
			// It was told again behind an older one, and refused that time: the same.
			a.count("newest activities refused when told again", 1)
		default:
			a.report.find(Disorder, salesWings, "of %s and %s it got transition %s, version %d, last, and %s, version %d, before:%s;%s",
				of.person, of.cohort, t.ID, t.Version, n.ID, n.Version, told[t.ID], told[n.ID])
		}
	}
}

// when says when something was taken, and when its request came in if that was long before; "" = not known.
func (t Taken) when() string {
	const clock = "15:04:05.000"
	switch {
	case t.At.IsZero():
		return ""
	case t.At.Sub(t.Asked) > 100*time.Millisecond:
		return " " + t.At.Format(clock) + " (asked " + t.Asked.Format(clock) + ")"
	}
	return " " + t.At.Format(clock)
}
