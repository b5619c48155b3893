package cohort

import (
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Compile checks a Spec and makes a Program of it. The error is a *SpecError with
// every Problem there is. Patterns that no condition asks about are left out.
func Compile(s Spec) (*Program, error) {
	c := compiler{spec: &s, patterns: make(map[string]int)}
	c.declare(s.Events)
	c.define(s.Cohorts)
	c.rank(s.Groups)
	c.sort()
	c.identify()
	if len(c.faults.Problems) > 0 {
		return nil, &c.faults
	}
	g := &c.program
	signs := signatures(s)
	for i := range g.cohorts {
		k := &g.cohorts[i]
		r := reacher{program: g}
		r.visit(k.outside, nil, false)
		r.visit(k.inside, nil, false)
		k.sign, k.asked = signs[k.key], r.found
	}
	g.words = (len(g.cohorts) + 63) / 64
	g.revision = fingerprint(s, g.patterns)
	g.names = make(map[string][]matcher)
	for i := range g.patterns {
		c.match(&g.patterns[i], Patterns(1)<<i)
	}
	return g, nil
}

type compiler struct {
	spec     *Spec
	program  Program
	faults   SpecError
	asks     [][]int // cohorts that each cohort asks about itself
	traits   map[string]int
	declared map[string]Pattern
	known    []string       // keys of declared patterns, sorted
	patterns map[string]int // index of the patterns in use
	current  int            // cohort under work
	nodes    int            // of it
}

func (c *compiler) declare(events []Pattern) {
	c.declared = make(map[string]Pattern, len(events))
	for _, p := range events {
		at := "events." + p.Key
		switch _, twice := c.declared[p.Key]; {
		case p.Key == "":
			c.faults.add("events", "an event needs a key")
			continue
		case twice:
			c.faults.add(at, "event %q is declared twice: join the two lists of names", p.Key)
			continue
		case len(p.Names) == 0 && len(p.Kinds) == 0:
			c.faults.add(at, "event %q needs names: list the event names as they are sent", p.Key)
		}
		for i, name := range p.Names {
			if name == "" {
				c.faults.add(fmt.Sprintf("%s.names[%d]", at, i), "an event name is empty")
			}
		}
		for i, k := range p.Kinds {
			if k == event.KindUnknown || k >= kindBits {
				c.faults.add(fmt.Sprintf("%s.kinds[%d]", at, i), "unknown kind of event")
			}
		}
		c.declared[p.Key] = p
		c.known = append(c.known, p.Key)
	}
	slices.Sort(c.known)
}

func (c *compiler) match(used *pattern, bit Patterns) {
	p := c.declared[used.event]
	m := matcher{kinds: defaultKinds, source: p.Source, where: [2]Predicate{p.Where, used.where}, guard: used.guard, bit: bit}
	m.reads = p.Where != nil || used.where != nil || used.property != ""
	if len(p.Kinds) > 0 {
		m.kinds = 0
		for _, k := range p.Kinds {
			m.kinds |= 1 << k
		}
	}
	g := &c.program
	if len(p.Names) == 0 {
		g.anyName = append(g.anyName, m)
	}
	for _, name := range p.Names {
		g.names[name] = append(g.names[name], m)
	}
}

func (c *compiler) define(definitions []Definition) {
	if len(definitions) > MaxCohorts {
		c.faults.add("cohorts", "%d cohorts are too many: at most %d", len(definitions), MaxCohorts)
		return
	}
	g := &c.program
	seen := make(map[string]bool, len(definitions))
	for i, d := range definitions {
		at := fmt.Sprintf("cohorts[%d]", i)
		switch {
		case d.Key == "":
			c.faults.add(at, "a cohort needs a key")
		case seen[d.Key]:
			c.faults.add(at+".key", "cohort %q is defined twice: give one of them another key", d.Key)
		}
		seen[d.Key] = true
		g.keys = append(g.keys, d.Key)
		g.cohorts = append(g.cohorts, cohort{key: d.Key, id: cohortID(d.Key), dwell: d.Dwell})
	}
	c.asks = make([][]int, len(definitions))
	c.traits = make(map[string]int)
	g.attributeOf = make(map[string]int)
	for i, d := range definitions {
		at := fmt.Sprintf("cohorts[%d]", i)
		c.current, c.nodes = i, 0
		k := &g.cohorts[i]
		switch {
		case d.When != nil && d.Enter == nil && d.Stay == nil:
			k.outside = c.condition(at+".when", d.When, 0)
			k.inside = k.outside
		case d.When == nil && d.Enter != nil && d.Stay != nil:
			enter := c.condition(at+".enter", d.Enter, 0)
			k.inside = c.condition(at+".stay", d.Stay, 0)
			// Whoever would have to leave at once does not enter.
			k.outside = allOf{enter, k.inside}
			k.path = true
		default:
			c.faults.add(at, "cohort %q needs either when, or enter and stay", d.Key)
		}
		if d.Dwell < 0 || d.Dwell > MaxDuration {
			c.faults.add(at+".dwell", "out of range: from 1ms to 3650d, or leave it out")
		}
		if d.LookBack < 0 || d.LookBack > MaxDuration {
			c.faults.add(at+".look_back", "out of range: from 1ms to 3650d, or leave it out for events however late")
		}
		k.path = k.path || d.Dwell > 0
		if c.nodes > MaxConditions {
			c.faults.add(at, "cohort %q has more than %d conditions: split it", d.Key, MaxConditions)
		}
	}
}

// identify finishes what needs the whole catalogue: how much is kept, and that
// the short ids that stand in states are unique.
func (c *compiler) identify() {
	g := &c.program
	if len(g.patterns) > MaxPatterns {
		c.faults.add("events", "conditions ask about %d events: at most %d", len(g.patterns), MaxPatterns)
	}
	patterns := make(map[uint16]string)
	for _, p := range g.patterns {
		if other, taken := patterns[p.id]; taken {
			c.faults.add("events."+p.event, "what is kept of event %q has the same short id as what is kept of %q: rename one of them", p.event, other)
		}
		patterns[p.id] = p.event
	}
	if len(g.attributes) > MaxAttributes {
		c.faults.add("cohorts", "conditions ask about %d attributes: at most %d", len(g.attributes), MaxAttributes)
	}
	attributes := make(map[uint16]string)
	for _, a := range g.attributes {
		if other, taken := attributes[a.id]; taken {
			c.faults.add("cohorts", "attribute %q and attribute %q have the same short id: one of them cannot be asked about", a.name, other)
		}
		attributes[a.id] = a.name
	}
	cohorts := make(map[uint16]string)
	for i := range g.cohorts {
		k := &g.cohorts[i]
		if other, taken := cohorts[k.id]; taken && other != k.key {
			c.faults.add(fmt.Sprintf("cohorts[%d].key", i), "cohort %q and cohort %q have the same short id: rename one of them", k.key, other)
		}
		cohorts[k.id] = k.key
		c.keep(k.outside)
		c.keep(k.inside)
	}
}

// keep tells the leaves how many facts their patterns keep.
func (c *compiler) keep(n condition) {
	fill := func(event *ask, breakers []ask) {
		if len(c.program.patterns) == 0 {
			return
		}
		event.keep = c.program.patterns[event.pattern].keep
		for i := range breakers {
			breakers[i].keep = c.program.patterns[breakers[i].pattern].keep
		}
	}
	switch n := n.(type) {
	case *did:
		fill(&n.event, n.breakers)
	case *pause:
		fill(&n.event, n.breakers)
	case *sum:
		fill(&n.event, nil)
		if len(c.program.patterns) > 0 {
			n.most = c.program.patterns[n.event.pattern].most
		}
	case negation:
		c.keep(n.of)
	case allOf:
		for _, child := range n {
			c.keep(child)
		}
	case anyOf:
		for _, child := range n {
			c.keep(child)
		}
	}
}

// Short ids stand in every person's state: two bytes instead of a name. What is
// kept of a pattern is part of its key (see narrowed).
func patternID(key string) uint16 { return uint16(xxhash.Sum64String("newest\x00" + key)) }

func attributeID(name string) uint16 { return uint16(xxhash.Sum64String("attribute\x00" + name)) }

func cohortID(key string) uint16 { return uint16(xxhash.Sum64String("cohort\x00" + key)) }
