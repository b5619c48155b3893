package simulate

import "github.com/cohortflow/cohortflow/pkg/cohort"

// needs say what a catalogue asks of a run.
type needs struct {
	properties bool // of events, for tests, sums and attributes
	endless    bool // a weekly calendar: deadlines never end by themselves
	lastSpan   int64
}

// NeedsProperties says whether some rule reads the properties of events.
func NeedsProperties(spec *cohort.Spec) bool { return needsOf(spec).properties }

// Endless says whether deadlines of the catalogue go on for ever, so that a run needs
// an end.
func Endless(spec *cohort.Spec) bool { return needsOf(spec).endless }

// LastSpan gives the end of the last span of time that the catalogue names; 0 = none.
func LastSpan(spec *cohort.Spec) int64 { return needsOf(spec).lastSpan }

func needsOf(spec *cohort.Spec) needs {
	var n needs
	for i := range spec.Events {
		n.properties = n.properties || spec.Events[i].Where != nil
	}
	for i := range spec.Cohorts {
		d := &spec.Cohorts[i]
		for _, c := range []*cohort.Condition{d.When, d.Enter, d.Stay} {
			if c != nil {
				n.condition(c)
			}
		}
	}
	return n
}

func (n *needs) condition(c *cohort.Condition) {
	n.properties = n.properties || c.Sum != nil || c.Attribute != nil ||
		c.Did != nil && c.Did.Where != nil || c.Silent != nil && c.Silent.Where != nil || c.Quiet != nil && c.Quiet.Where != nil
	n.endless = n.endless || c.During != nil && c.During.Weekly != nil
	if c.During != nil {
		n.lastSpan = max(n.lastSpan, c.During.To)
	}
	if c.Not != nil {
		n.condition(c.Not)
	}
	for i := range c.All {
		n.condition(&c.All[i])
	}
	for i := range c.Any {
		n.condition(&c.Any[i])
	}
}
