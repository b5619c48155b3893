package state

import (
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

// Alias tells whom a person has become.
func Alias(p *cohort.Person) (into string, ok bool) { return p.Into(), p.Into() != "" }

// Keys lists every key that the person has and had, the current one first.
func (p *Person) Keys() []string {
	keys := []string{p.Key}
	for _, key := range slices.Concat(p.Followed, p.Person.Aliases()) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// WarmingUntil gives the log time, in ms, until which a cohort cannot be known in full,
// since what its rule asks about has been kept for too short a time; 0 = it is known.
func (p *Person) WarmingUntil(cohort string) int64 {
	if until := p.Checkpoint.Change.Warming[cohort]; until > p.Checkpoint.LogTime {
		return until
	}
	return 0
}

// ReviewPending says that the catalogue has changed and the sweep over all people has not
// come to this one yet: cohorts that changed are told by the rules before.
func (p *Person) ReviewPending() bool {
	next := int(p.Checkpoint.Sweep) - 1
	return next >= 0 && redisstate.SliceOf(p.Key) >= next
}
