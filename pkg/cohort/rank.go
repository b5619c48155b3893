package cohort

import (
	"fmt"
	"slices"
	"strings"
)

// rank makes the members of a group yield to those before them.
func (c *compiler) rank(groups []Group) {
	g := &c.program
	if len(groups) > MaxGroups {
		c.faults.add("groups", "%d groups are too many: at most %d", len(groups), MaxGroups)
		return
	}
	for n, group := range groups {
		at := fmt.Sprintf("groups[%d]", n)
		if len(group.Cohorts) < 2 {
			c.faults.add(at+".cohorts", "a group needs at least two cohorts, the strongest first")
		}
		var stronger []condition
		for place, key := range group.Cohorts {
			i := slices.Index(g.keys, key)
			switch {
			case i < 0:
				known := slices.Clone(g.keys)
				slices.Sort(known)
				c.faults.unknown(fmt.Sprintf("%s.cohorts[%d]", at, place), "cohort", key, known)
				continue
			case slices.Contains(group.Cohorts[:place], key):
				c.faults.add(fmt.Sprintf("%s.cohorts[%d]", at, place), "cohort %q stands twice in the group", key)
				continue
			}
			c.current = i
			k := &g.cohorts[i]
			if len(stronger) > 0 {
				k.path = true
				list := slices.Clone(stronger)
				if k.outranks != nil {
					list = append(list, k.outranks)
				}
				k.outranks = anyOf(list)
				for _, s := range stronger {
					c.asks[i] = append(c.asks[i], s.(*member).cohort) //nolint:forcetypeassert // made below
				}
			}
			stronger = append(stronger, &member{program: g, cohort: i})
		}
	}
}

// sort finds the order of deciding, and hands on what each cohort depends on: whatever
// concerns one concerns those that ask about it.
func (c *compiler) sort() {
	g := &c.program
	const fresh, open, done = 0, 1, 2
	state := make([]int, len(g.cohorts))
	var path []string
	var visit func(i int) bool
	visit = func(i int) bool {
		switch state[i] {
		case done:
			return true
		case open:
			from := slices.Index(path, g.keys[i])
			c.faults.add(fmt.Sprintf("cohorts[%d]", i), "cohorts ask about each other in a circle: %s",
				strings.Join(append(slices.Clone(path[from:]), g.keys[i]), " -> "))
			return false
		}
		state[i] = open
		path = append(path, g.keys[i])
		for _, other := range c.asks[i] {
			if !visit(other) {
				return false
			}
		}
		path = path[:len(path)-1]
		state[i] = done
		g.order = append(g.order, i)
		return true
	}
	for i := range g.cohorts {
		if !visit(i) {
			return
		}
	}
	ranks := make([]int, len(g.cohorts))
	for rank, i := range g.order {
		ranks[i] = rank
		for _, other := range c.asks[i] {
			c.inherit(i, other)
		}
		for _, a := range g.cohorts[i].attributes {
			g.attributes[a].ranks = append(g.attributes[a].ranks, rank)
		}
	}
	for i := range g.patterns {
		uses := g.patterns[i].uses
		for n := range uses {
			uses[n].rank = ranks[uses[n].cohort]
		}
	}
}

// inherit makes i depend on all that other depends on. Other comes earlier in the order.
func (c *compiler) inherit(i, other int) {
	g := &c.program
	k, o := &g.cohorts[i], &g.cohorts[other]
	for _, n := range o.patterns {
		p := &g.patterns[n]
		for _, u := range p.uses {
			if u.cohort == other {
				p.use(i, u.depth)
			}
		}
		if !slices.Contains(k.patterns, n) {
			k.patterns = append(k.patterns, n)
		}
	}
	for _, a := range o.attributes {
		if !slices.Contains(k.attributes, a) {
			k.attributes = append(k.attributes, a)
		}
	}
}
