package planning

import (
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// tally counts what would become of people. One goroutine uses it.
type tally struct {
	people   int64
	moved    int64 // of them somebody enters or leaves something
	cohorts  map[string]*moves
	lists    []list
	sent     []sent // by list
	examples int

	// scratch
	before, after cohort.Person
	was, then     []cohort.Membership
	blob          []byte
	out           cohort.Decisions
}

// moves are those of one cohort.
type moves struct {
	now, enter, leave int64
	entering, leaving []string // some of their person keys
}

func newTally(lists []list, examples int) *tally {
	return &tally{cohorts: map[string]*moves{}, lists: lists, sent: make([]sent, len(lists)), examples: examples}
}

func (t *tally) of(key string) *moves {
	m := t.cohorts[key]
	if m == nil {
		m = &moves{}
		t.cohorts[key] = m
	}
	return m
}

// person decides as the owner will: what was due before the change under the rules in
// force, then the sweep's look at the person under the new ones. logTime is that of the
// state, at the instant of the change.
func (t *tally) person(s *stage, key string, blob []byte, logTime, at int64, reviews bool) error {
	if err := s.before.Decode(key, blob, &t.before); err != nil {
		return err
	}
	passed, err := t.pass(s.before, logTime, at)
	if err != nil {
		return err
	}
	t.people++
	t.was = s.before.AppendProfile(t.was[:0], &t.before)
	for i := range t.was {
		t.of(t.was[i].Cohort).now++
	}
	t.out.Reset()
	is := t.was
	if reviews {
		if passed {
			t.blob = s.before.Append(t.blob[:0], &t.before)
			blob = t.blob
		}
		if err := s.after.Decode(key, blob, &t.after); err != nil {
			return err
		}
		s.after.Review(&t.after, at, &t.out)
		t.then = s.after.AppendProfile(t.then[:0], &t.after)
		is = t.then
	}
	moved := false
	for i := range t.out.List {
		d := &t.out.List[i]
		if d.Reason != cohort.ReasonDefinitionChanged {
			continue // told once more, since a cohort has come to be known in full: the stay goes on
		}
		m := t.of(d.Cohort)
		if d.Op == cohort.OpEnter {
			m.enter++
			m.entering = t.example(m.entering, key)
		} else {
			m.leave++
			m.leaving = t.example(m.leaving, key)
		}
		moved = true
	}
	if moved {
		t.moved++
	}
	for i := range t.lists {
		t.lists[i].count(&t.sent[i], s.old, t.was, is, t.out.List)
	}
	return nil
}

// pass works off the deadlines before an instant, as they are armed: somebody whom a sweep
// has not come to yet may have one that the rules in force would have set earlier.
func (t *tally) pass(program *cohort.Program, logTime, at int64) (passed bool, err error) {
	p := &t.before
	for p.Armed != 0 && p.Armed < at {
		due := p.Armed
		if program.NextDeadline(p) <= due {
			t.out.Reset()
			program.Fire(p, due, at, &t.out)
		}
		passed, p.Armed = true, 0
		if next := program.NextDeadline(p); next != cohort.Never {
			p.Armed = max(next, logTime)
		}
		if p.Armed != 0 && p.Armed <= due {
			return passed, fmt.Errorf("a deadline at %d ms does not pass: this is a fault of the core, please report it with the catalogue", due)
		}
	}
	return passed, nil
}

// example keeps the smallest keys, so that two plans of one state show the same.
func (t *tally) example(list []string, key string) []string {
	at, known := slices.BinarySearch(list, key)
	if known || at >= t.examples {
		return list
	}
	list = slices.Insert(list, at, key)
	return list[:min(len(list), t.examples)]
}

// add takes over what another tally has counted.
func (t *tally) add(o *tally) {
	t.people += o.people
	t.moved += o.moved
	for key, m := range o.cohorts {
		own := t.of(key)
		own.now += m.now
		own.enter += m.enter
		own.leave += m.leave
		for _, key := range m.entering {
			own.entering = t.example(own.entering, key)
		}
		for _, key := range m.leaving {
			own.leaving = t.example(own.leaving, key)
		}
	}
	for i := range o.sent {
		t.sent[i].add(&o.sent[i])
	}
}
