package catalogue

import (
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Result is what came of one Test. It passed where there are no failures.
type Result struct {
	Test     string
	Line     int // of the test
	Failures []Failure
}

// Failure is one expectation that was not met.
type Failure struct {
	Line    int // of the expectation
	Message string
}

// RunTests runs the tests of a catalogue on a virtual clock, through the same rules that
// decide about people.
func RunTests(c *Catalogue) []Result {
	results := make([]Result, 0, len(c.Tests))
	for i := range c.Tests {
		r := rehearsal{program: c.Program, people: make(map[string]*cohort.Person)}
		results = append(results, Result{Test: c.Tests[i].Name, Line: c.Tests[i].Line, Failures: r.run(&c.Tests[i])})
	}
	return results
}

// rehearsal drives a program as the owner of a partition does: deadlines that log time has
// passed, then the event.
type rehearsal struct {
	program *cohort.Program
	people  map[string]*cohort.Person
	logTime int64
	offset  int64
	out     cohort.Decisions
}

func (r *rehearsal) run(t *Test) (failures []Failure) {
	r.logTime = t.Start
	pending := t.Expect
	for i := range t.Events {
		e := &t.Events[i]
		for len(pending) > 0 && pending[0].At < e.AcceptedAt {
			failures = append(failures, r.check(&pending[0])...)
			pending = pending[1:]
		}
		r.happens(e)
	}
	for i := range pending {
		failures = append(failures, r.check(&pending[i])...)
	}
	return failures
}

func (r *rehearsal) person(key string) *cohort.Person {
	p := r.people[key]
	if p == nil {
		p = new(cohort.Person)
		if err := r.program.Decode(key, nil, p); err != nil {
			panic(err) // of no bytes: does not happen
		}
		r.people[key] = p
	}
	return p
}

func (r *rehearsal) happens(e *event.Event) {
	r.logTime = max(r.logTime, e.AcceptedAt)
	p := r.person(e.Person)
	r.advance(p, r.logTime)
	r.program.Apply(p, &cohort.Observation{
		Patterns: r.program.Match(e), Tells: r.program.Tells(e), Properties: &e.Properties,
		At: e.EventAt, Offset: r.offset, ID: e.ID, AcceptedAt: e.AcceptedAt,
	}, r.logTime, &r.out)
	r.out.Reset()
	r.offset++
}

// advance works off a person's deadlines before an instant.
func (r *rehearsal) advance(p *cohort.Person, before int64) {
	for at := r.program.NextDeadline(p); at < before; at = r.program.NextDeadline(p) {
		r.program.Fire(p, at, before, &r.out)
		r.out.Reset()
	}
}

func (r *rehearsal) check(x *Expectation) (failures []Failure) {
	p := r.person(x.Person)
	r.logTime = max(r.logTime, x.At)
	r.advance(p, x.At+1)
	var in []string
	for _, m := range r.program.Profile(p) {
		in = append(in, m.Cohort)
	}
	fail := func(key, is, should string) {
		failures = append(failures, Failure{x.Line, fmt.Sprintf("at %s %s is %s %s and should be %s", x.Text, x.Person, is, key, should)})
	}
	for _, key := range x.In {
		if !slices.Contains(in, key) {
			fail(key, "not in", "in")
		}
	}
	for _, key := range x.Out {
		if slices.Contains(in, key) {
			fail(key, "in", "out")
		}
	}
	return failures
}
