package audit

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// judgeTransitions looks at the log of transitions by itself, and then holds it against the fold.
func (a *auditor) judgeTransitions() {
	said := make(map[string]map[string][]*entry) // by person and cohort
	proofs := make([]map[int64]int, len(a.transitions))
	for p, list := range a.transitions {
		proofs[p] = make(map[int64]int)
		last := id{offset: -1}
		versions := make(map[string]int64)
		in := make(map[string]bool)
		seen := make(map[string]bool)
		for i := range list {
			e := &list[i]
			a.count("transitions, "+e.Op, 1)
			place := fmt.Sprintf("%s of %s (%s %s %s)", e.ID, e.Person, e.Op, e.Cohort, e.Reason)
			if seen[e.ID] {
				a.report.find(Duplicate, transitionsTopic, "%s: transition %s is there already", e.record.Place(), place)
				continue
			}
			seen[e.ID] = true
			if e.id.compare(last) < 0 {
				a.report.find(Disorder, transitionsTopic, "%s: transition %s stands behind a later one", e.record.Place(), place)
			} else {
				last = e.id
			}
			if int(e.id.partition) != p || string(e.record.Key) != e.Person {
				a.report.find(Contradictory, transitionsTopic, "%s: transition %s has another partition or key", e.record.Place(), place)
			}
			if e.EffectiveAt > e.DecidedAt {
				a.report.find(Contradictory, transitionsTopic, "transition %s holds from later on than it was decided", place)
			}
			if e.Op == "erased" {
				proofs[p][e.id.offset]++
				continue
			}
			if e.Op != "enter" && e.Op != "exit" {
				continue
			}
			switch v := versions[e.Person]; {
			case e.Version == v+1:
			case e.Version <= v:
				a.report.find(Duplicate, transitionsTopic, "transition %s has version %d again", place, e.Version)
			default:
				a.report.find(Gap, transitionsTopic, "transition %s has version %d behind %d", place, e.Version, v)
			}
			versions[e.Person] = max(versions[e.Person], e.Version)
			stay := e.Person + "\x00" + e.Cohort
			if enters := e.Op == "enter"; enters == in[stay] {
				a.report.find(Contradictory, transitionsTopic, "transition %s: the person was so already", place)
			} else {
				in[stay] = enters
			}
			a.byPerson[e.Person] = append(a.byPerson[e.Person], e)
			if said[e.Person] == nil {
				said[e.Person] = make(map[string][]*entry)
			}
			said[e.Person][e.Cohort] = append(said[e.Person][e.Cohort], e)
		}
	}
	a.judgeProofs(proofs)
	for _, key := range slices.Sorted(maps.Keys(a.fold.people)) {
		p := a.fold.people[key]
		if p.circular {
			a.report.Unjudged = append(a.report.Unjudged, "person "+key+": aliases in a circle")
			delete(said, key)
			continue
		}
		for _, cohort := range p.cohorts() {
			if a.judged(cohort) {
				a.align(p, cohort, p.steps[cohort], said[key][cohort])
			}
			delete(said[key], cohort)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		for _, cohort := range slices.Sorted(maps.Keys(said[key])) {
			if a.judged(cohort) {
				for _, e := range said[key][cohort] {
					if e.id.offset >= a.processed[e.id.partition] {
						continue
					}
					a.report.find(Contradictory, transitionsTopic, "transition %s: %s never had to do with %s", e.ID, key, cohort)
				}
			}
		}
	}
}

// align holds what was said of one person and one cohort against what has to be.
func (a *auditor) align(p *person, cohort string, want []step, got []*entry) {
	want = slices.DeleteFunc(slices.Clone(want), func(s step) bool { return s.offset >= a.processed[p.partition] })
	got = slices.DeleteFunc(slices.Clone(got), func(e *entry) bool { return e.id.offset >= a.processed[p.partition] })
	a.count("transitions compared with the fold", len(want))
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05.000") }
	verb := map[bool]string{true: "enter", false: "exit"}
	lost := func(s step) {
		a.report.find(Lost, transitionsTopic, "%s should %s %s at %s %s, decided at offset %d of partition %d", p.key, verb[s.enter], cohort, at(s.at), s.class, s.offset, p.partition)
	}
	surplus := func(e *entry) {
		kind := Contradictory
		if slices.ContainsFunc(want, func(s step) bool { return s.is(e) }) {
			kind = Duplicate
		}
		a.report.find(kind, transitionsTopic, "transition %s: %s should not %s %s at %s (%s)", e.ID, p.key, e.Op, cohort, at(e.EffectiveAt), e.Reason)
	}
	i, j := 0, 0
	for i < len(want) && j < len(got) {
		switch {
		case want[i].is(got[j]):
			i, j = i+1, j+1
		case j+1 < len(got) && want[i].is(got[j+1]):
			surplus(got[j])
			j++
		case i+1 < len(want) && want[i+1].is(got[j]):
			lost(want[i])
			i++
		default:
			a.report.find(Contradictory, transitionsTopic, "transition %s: %s says %s %s at %s (%s), it should be %s at %s %s", got[j].ID, p.key,
				got[j].Op, cohort, at(got[j].EffectiveAt), got[j].Reason, verb[want[i].enter], at(want[i].at), want[i].class)
			i, j = i+1, j+1
		}
	}
	for ; i < len(want); i++ {
		lost(want[i])
	}
	for ; j < len(got); j++ {
		surplus(got[j])
	}
}

// is says whether a transition tells this step.
func (s step) is(e *entry) bool {
	return s.enter == (e.Op == "enter") && s.class == classOf(e.Reason) && (s.at == e.EffectiveAt || s.near && e.id.offset == s.offset)
}

// judgeProofs wants one proof of each erasure.
func (a *auditor) judgeProofs(told []map[int64]int) {
	for partition, list := range a.fold.erased {
		for _, proof := range list {
			n := told[partition][proof.offset]
			delete(told[partition], proof.offset)
			switch {
			case n == 0 && proof.offset < a.processed[partition]:
				a.report.find(Lost, transitionsTopic, "the erasure of %s at offset %d of partition %d is not proved", proof.person, proof.offset, partition)
			case n > 1:
				a.report.find(Duplicate, transitionsTopic, "the erasure of %s is proved %d times", proof.person, n)
			}
		}
	}
	for partition, left := range told {
		for offset := range left {
			if offset >= a.processed[partition] {
				continue
			}
			a.report.find(Contradictory, transitionsTopic, "an erasure is told at offset %d of partition %d, where nobody asked for one", offset, partition)
		}
	}
}
