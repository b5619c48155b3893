package partition

import (
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Change is what the catalogue in force has changed against those before it. It follows from the
// log: both are known where the newer one is taken in; the checkpoint keeps it.
type Change struct {
	Former  []string         // cohorts that are no more
	Review  []string         // cohorts that are new, or decided otherwise than by the one before; none once everybody was looked at
	Warmed  []string         // cohorts that have come to be known in full, and whose members are told anew; none once they were
	Warming map[string]int64 // cohorts that are not known in full, and until when by log time
}

// Between tells what changes at an instant of log time when next takes program's place.
func Between(program, next *cohort.Program, at int64) Change {
	c := Change{
		Former: program.FormerUnder(next), Review: program.ChangedUnder(next), Warming: next.WarmingAfter(program, at),
	}
	// What a sweep under way still owes is owed by the next one.
	review, warmed := program.Pending()
	for _, owed := range []struct {
		keys []string
		to   *[]string
	}{{review, &c.Review}, {warmed, &c.Warmed}} {
		for _, key := range owed.keys {
			if slices.Contains(next.Cohorts(), key) && !slices.Contains(*owed.to, key) {
				*owed.to = append(*owed.to, key)
			}
		}
	}
	// What is warming yet goes on doing so, unless it is no longer there.
	for key, until := range program.Warming(at) {
		if !slices.Contains(next.Cohorts(), key) {
			continue
		}
		if c.Warming == nil {
			c.Warming = make(map[string]int64)
		}
		c.Warming[key] = max(c.Warming[key], until)
	}
	return c
}

// swept gives the change once everybody has been looked at.
func (c Change) swept() Change {
	c.Review, c.Warmed = nil, nil
	return c
}

// warm gives the change after an instant of log time: what has become known by then has.
// False = nothing has.
func (c Change) warm(at int64) (Change, bool) {
	next := Change{Former: c.Former}
	for key, until := range c.Warming {
		if until <= at {
			next.Warmed = append(next.Warmed, key)
			continue
		}
		if next.Warming == nil {
			next.Warming = make(map[string]int64)
		}
		next.Warming[key] = until
	}
	slices.Sort(next.Warmed)
	return next, len(next.Warmed) > 0
}

// Apply gives the program as it decides after the change.
func (c Change) Apply(program *cohort.Program) *cohort.Program {
	return program.WithFormer(c.Former).WithReview(c.Review, c.Warmed).WithWarming(c.Warming)
}
