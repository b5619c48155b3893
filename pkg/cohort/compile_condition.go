package cohort

import (
	"fmt"
	"slices"
)

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
	return &sum{event: a, least: least, within: n.Within, property: n.Property}
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
	return span{n.From, n.To, n.Text}
}
