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
	m := matcher{kinds: defaultKinds, source: p.Source, where: [2]Predicate{p.Where, used.where}, bit: bit}
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
		k.path = k.path || d.Dwell > 0
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
		c.faults.add(at, "a condition is exactly one of did, sum, silent, quiet, attribute, member, during, not, all, any")
		return nil
	}
	switch {
	case n.Did != nil:
		return c.did(at+".did", n.Did)
	case n.Sum != nil:
		return c.sum(at+".sum", n.Sum)
	case n.Silent != nil:
		return c.pause(at+".silent", narrowed{event: n.Silent.Event, where: n.Silent.Where}, n.Silent.For, nil)
	case n.Quiet != nil:
		return c.pause(at+".quiet", narrowed{event: n.Quiet.Event, where: n.Quiet.Where}, n.Quiet.For, n.Quiet.NoneOf)
	case n.Attribute != nil:
		return c.trait(at+".attribute", n.Attribute)
	case n.Member != "":
		return c.member(at+".member", n.Member)
	case n.During != nil:
		return c.during(at+".during", n.During)
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
	for _, set := range [...]bool{
		n.Did != nil, n.Sum != nil, n.Silent != nil, n.Quiet != nil, n.Attribute != nil, n.Member != "", n.During != nil, n.Not != nil, n.All != nil, n.Any != nil,
	} {
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
	return &did{event: c.ask(at+".event", narrowed{event: n.Event, where: n.Where}, count), within: n.Within, breakers: c.breakers(at, n.NoneOf)}
}

func (c *compiler) sum(at string, n *Sum) condition {
	if n.Property == "" {
		c.faults.add(at+".property", "a sum needs the property that it adds up")
	}
	least := scaled(n.AtLeast)
	if least == 0 || n.AtLeast > MaxSum {
		c.faults.add(at+".at_least", "out of range: from 0.0001 to %g", MaxSum)
	}
	if n.Within < 0 || n.Within > MaxDuration {
		c.faults.add(at+".within", "out of range: from 1ms to 3650d, or leave it out for ever")
	}
	a := c.ask(at+".event", narrowed{event: n.Event, where: n.Where, property: n.Property}, MaxSummed)
	if len(c.program.patterns) > 0 {
		p := &c.program.patterns[a.pattern]
		p.most = max(p.most, least)
	}
	return &sum{event: a, least: least, within: n.Within}
}

func (c *compiler) pause(at string, of narrowed, length int64, noneOf []string) condition {
	if length <= 0 || length > MaxDuration {
		c.faults.add(at+".for", "out of range: from 1ms to 3650d")
	}
	return &pause{event: c.ask(at+".event", of, 1), length: length, breakers: c.breakers(at, noneOf)}
}

func (c *compiler) breakers(at string, names []string) []ask {
	var list []ask
	for i, name := range names {
		list = append(list, c.ask(fmt.Sprintf("%s.none_of[%d]", at, i), narrowed{event: name}, 1))
	}
	return list
}

func (c *compiler) trait(at string, n Predicate) condition {
	t := &trait{program: &c.program, predicate: n}
	for _, name := range n.Attributes() {
		i, ok := c.program.attributeOf[name]
		if !ok {
			i = len(c.program.attributes)
			c.program.attributeOf[name] = i
			c.program.attributes = append(c.program.attributes, attributeDef{name: name, id: attributeID(name)})
		}
		t.attributes = append(t.attributes, i)
		if k := &c.program.cohorts[c.current]; !slices.Contains(k.attributes, i) {
			k.attributes = append(k.attributes, i)
		}
	}
	if len(t.attributes) == 0 {
		c.faults.add(at, "a condition on attributes has to name one: attributes.plan == \"pro\", for example")
	}
	memo, ok := c.traits[n.Text()]
	if !ok {
		memo = len(c.traits)
		c.traits[n.Text()] = memo
	}
	t.memo = memo
	c.program.traits = len(c.traits)
	return t
}

func (c *compiler) member(at, key string) condition {
	i := slices.Index(c.program.keys, key)
	if i < 0 {
		known := slices.Clone(c.program.keys)
		slices.Sort(known)
		c.faults.unknown(at, "cohort", key, known)
		return span{}
	}
	if !slices.Contains(c.asks[c.current], i) {
		c.asks[c.current] = append(c.asks[c.current], i)
	}
	return &member{program: &c.program, cohort: i}
}

func (c *compiler) during(at string, n *During) condition {
	if n.Weekly != nil {
		return weekly{n.Weekly}
	}
	if n.From >= n.To || n.From < -maxTime || n.To > maxTime {
		c.faults.add(at, "the span ends before it begins: from has to be earlier than to")
	}
	return span{n.From, n.To}
}

// narrowed names what a pattern keeps: an event, narrowed by a test of its properties, counted or summed.
type narrowed struct {
	event    string
	where    Predicate
	property string
}

func (n narrowed) key() string {
	key := n.event
	if n.where != nil {
		key += "\x00where\x00" + n.where.Text()
	}
	if n.property != "" {
		key += "\x00sum\x00" + n.property
	}
	return key
}

// ask registers that the cohort under work asks for the nth newest event of a
// pattern. How many are kept is known only at the end: see identify.
func (c *compiler) ask(at string, n narrowed, nth int) ask {
	if _, ok := c.declared[n.event]; !ok {
		c.faults.unknown(at, "event", n.event, c.known)
		return ask{}
	}
	g := &c.program
	key := n.key()
	i, ok := c.patterns[key]
	if !ok {
		i = len(g.patterns)
		c.patterns[key] = i
		g.patterns = append(g.patterns, pattern{key: key, event: n.event, where: n.where, property: n.property, id: patternID(key), keep: nth})
	}
	p := &g.patterns[i]
	p.keep = max(p.keep, nth)
	p.use(c.current, nth)
	k := &g.cohorts[c.current]
	if !slices.Contains(k.patterns, i) {
		k.patterns = append(k.patterns, i)
	}
	return ask{pattern: i, nth: nth}
}

func (p *pattern) use(cohort, depth int) {
	for i := range p.uses {
		if p.uses[i].cohort == cohort {
			p.uses[i].depth = max(p.uses[i].depth, depth)
			return
		}
	}
	p.uses = append(p.uses, use{cohort: cohort, depth: depth})
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
