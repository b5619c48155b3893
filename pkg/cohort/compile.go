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
	c := compiler{patterns: make(map[string]int)}
	c.declare(s.Events)
	c.define(s.Cohorts)
	c.identify()
	if len(c.faults.Problems) > 0 {
		return nil, &c.faults
	}
	g := &c.program
	g.words = (len(g.cohorts) + 63) / 64
	g.revision = fingerprint(s, g.patterns)
	g.names = make(map[string][]matcher)
	for i, p := range g.patterns {
		c.match(c.declared[p.key], Patterns(1)<<i)
	}
	return g, nil
}

type compiler struct {
	program  Program
	faults   SpecError
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

func (c *compiler) match(p Pattern, bit Patterns) {
	m := matcher{kinds: defaultKinds, source: p.Source, bit: bit}
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
		c.current, c.nodes = i, 0
		c.program.keys = append(c.program.keys, d.Key)
		c.program.cohorts = append(c.program.cohorts, cohort{key: d.Key, id: cohortID(d.Key)})
		k := &c.program.cohorts[i]
		switch {
		case d.When != nil && d.Enter == nil && d.Stay == nil:
			k.outside = c.condition(at+".when", d.When, 0)
			k.inside = k.outside
		case d.When == nil && d.Enter != nil && d.Stay != nil:
			enter := c.condition(at+".enter", d.Enter, 0)
			k.inside = c.condition(at+".stay", d.Stay, 0)
			// Whoever would have to leave at once does not enter.
			k.outside = allOf{enter, k.inside}
		default:
			c.faults.add(at, "cohort %q needs either when, or enter and stay", d.Key)
		}
		if c.nodes > MaxConditions {
			c.faults.add(at, "cohort %q has more than %d conditions: split it", d.Key, MaxConditions)
		}
	}
}

// condition compiles one node; nil where it is at fault.
func (c *compiler) condition(at string, n *Condition, depth int) condition {
	c.nodes++
	if depth > maxDepth {
		c.faults.add(at, "conditions are nested more than %d deep", maxDepth)
		return nil
	}
	if n.kinds() != 1 {
		c.faults.add(at, "a condition is exactly one of did, silent, quiet, not, all, any")
		return nil
	}
	switch {
	case n.Did != nil:
		return c.did(at+".did", n.Did)
	case n.Silent != nil:
		return c.pause(at+".silent", n.Silent.Event, n.Silent.For, nil)
	case n.Quiet != nil:
		return c.pause(at+".quiet", n.Quiet.Event, n.Quiet.For, n.Quiet.NoneOf)
	case n.Not != nil:
		return negation{c.condition(at+".not", n.Not, depth+1)}
	case n.All != nil:
		return allOf(c.list(at+".all", n.All, depth))
	default:
		return anyOf(c.list(at+".any", n.Any, depth))
	}
}

func (n *Condition) kinds() int {
	count := 0
	for _, set := range [...]bool{n.Did != nil, n.Silent != nil, n.Quiet != nil, n.Not != nil, n.All != nil, n.Any != nil} {
		if set {
			count++
		}
	}
	return count
}

func (c *compiler) list(at string, nodes []Condition, depth int) []condition {
	if len(nodes) == 0 {
		c.faults.add(at, "needs at least one condition")
	}
	list := make([]condition, 0, len(nodes))
	for i := range nodes {
		if c.nodes > MaxConditions {
			break
		}
		list = append(list, c.condition(fmt.Sprintf("%s[%d]", at, i), &nodes[i], depth+1))
	}
	return list
}

func (c *compiler) did(at string, n *Did) condition {
	count := max(n.AtLeast, 1)
	if n.AtLeast < 0 || n.AtLeast > MaxAtLeast {
		c.faults.add(at+".at_least", "%d is out of range: from 1 to %d", n.AtLeast, MaxAtLeast)
		count = 1
	}
	if n.Within < 0 || n.Within > MaxDuration {
		c.faults.add(at+".within", "out of range: from 1ms to 3650d, or leave it out for ever")
	}
	return &did{event: c.ask(at+".event", n.Event, count), within: n.Within, breakers: c.breakers(at, n.NoneOf)}
}

func (c *compiler) pause(at, name string, length int64, noneOf []string) condition {
	if length <= 0 || length > MaxDuration {
		c.faults.add(at+".for", "out of range: from 1ms to 3650d")
	}
	return &pause{event: c.ask(at+".event", name, 1), length: length, breakers: c.breakers(at, noneOf)}
}

func (c *compiler) breakers(at string, names []string) []ask {
	var list []ask
	for i, name := range names {
		list = append(list, c.ask(fmt.Sprintf("%s.none_of[%d]", at, i), name, 1))
	}
	return list
}

// ask registers that the cohort under work asks for the nth newest event of a
// pattern. How many are kept is known only at the end: see identify.
func (c *compiler) ask(at, name string, nth int) ask {
	if _, ok := c.declared[name]; !ok {
		c.faults.unknown(at, "event", name, c.known)
		return ask{}
	}
	g := &c.program
	i, ok := c.patterns[name]
	if !ok {
		i = len(g.patterns)
		c.patterns[name] = i
		g.patterns = append(g.patterns, pattern{key: name, id: patternID(name), keep: nth})
	}
	p := &g.patterns[i]
	p.keep = max(p.keep, nth)
	if n := len(p.uses); n > 0 && p.uses[n-1].cohort == c.current {
		p.uses[n-1].depth = max(p.uses[n-1].depth, nth)
	} else {
		p.uses = append(p.uses, use{cohort: c.current, depth: nth})
		k := &g.cohorts[c.current]
		k.patterns = append(k.patterns, i)
	}
	return ask{pattern: i, nth: nth}
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
			c.faults.add("events."+p.key, "event %q and event %q have the same short id: rename one of them", p.key, other)
		}
		patterns[p.id] = p.key
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
// kept of a pattern is part of its id, so that a later kind of fact (a sum, say)
// of the same pattern is told apart.
func patternID(key string) uint16 { return uint16(xxhash.Sum64String("newest\x00" + key)) }

func cohortID(key string) uint16 { return uint16(xxhash.Sum64String("cohort\x00" + key)) }
