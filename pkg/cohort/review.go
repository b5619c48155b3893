package cohort

import (
	"slices"

	"github.com/cespare/xxhash/v2"
)

// ChangedUnder lists the cohorts of another program that this one does not have or
// decides otherwise, and those that ask about them.
func (g *Program) ChangedUnder(next *Program) []string {
	var keys []string
	for i := range next.cohorts {
		c := &next.cohorts[i]
		if at := slices.Index(g.keys, c.key); at < 0 || g.cohorts[at].sign != c.sign {
			keys = append(keys, c.key)
		}
	}
	return keys
}

// WithReview gives the program together with the cohorts that are to be looked at anew,
// and those whose members are to be told anew, since they are known in full now.
func (g *Program) WithReview(review, announced []string) *Program {
	with := *g
	with.review, with.announced = g.chosen(review), g.chosen(announced)
	return &with
}

// Pending gives back what WithReview was given.
func (g *Program) Pending() (review, announced []string) {
	for i, key := range g.keys {
		if g.review != nil && g.review[i] {
			review = append(review, key)
		}
		if g.announced != nil && g.announced[i] {
			announced = append(announced, key)
		}
	}
	return review, announced
}

func (g *Program) chosen(keys []string) []bool {
	if len(keys) == 0 {
		return nil
	}
	chosen := make([]bool, len(g.cohorts))
	for _, key := range keys {
		if i := slices.Index(g.keys, key); i >= 0 {
			chosen[i] = true
		}
	}
	return chosen
}

// Review looks at somebody anew after another program has taken the place of the one
// that decided about them so far: what they are in is decided from what is known of them,
// for the cohorts that WithReview names. Every deadline before log time has to be worked off. It answers whether
// the person's state changed.
func (g *Program) Review(p *Person, logTime int64, out *Decisions) bool {
	logTime = min(max(logTime, -maxTime), maxTime)
	if p.judged == unjudged {
		return false
	}
	before, from := p.judged, len(out.List)
	changed := g.retire(p, logTime, out)
	if g.narrow(p) {
		changed = true
	}
	p.judged, p.nextKnown = max(p.judged, logTime), false
	for _, i := range g.order {
		if g.review == nil || !g.review[i] {
			continue
		}
		was := p.standing(i)
		var decided []int64
		if was.in {
			decided = []int64{was.entered}
		}
		s, effective, _ := g.refold(p, i, decided, logTime)
		if s.in == was.in {
			if was.in && p.stays[p.stayOf(i)].leaving != s.leaving {
				p.stays[p.stayOf(i)].leaving, changed = s.leaving, true
			}
			continue
		}
		changed = true
		if was.in {
			effective = logTime
		}
		d := g.turn(p, i, s, effective, logTime, out)
		d.Reason, d.AcceptedAt = ReasonDefinitionChanged, logTime
	}
	for i := range p.stays {
		s := &p.stays[i]
		if g.announced != nil && g.announced[s.cohort] && !entered(out.List[from:], g.keys[s.cohort]) {
			g.again(p, s, Transition{Reason: ReasonWarmed, AcceptedAt: logTime}, logTime, out)
			changed = true
		}
	}
	if !changed {
		// Nothing to write, unless something began and ended in between.
		p.judged, p.nextKnown = before, false
		if g.NextDeadline(p) < logTime {
			p.judged, p.nextKnown, changed = logTime, false, true
		}
	}
	return changed
}

// narrow drops what the program does not ask about.
func (g *Program) narrow(p *Person) bool {
	narrowed := p.unasked.any()
	p.unasked = unasked{}
	for i := range g.patterns {
		k := &g.patterns[i]
		facts := p.facts[i]
		if len(facts) > k.keep {
			facts = facts[:k.keep]
		}
		if k.property != "" {
			facts = enough(facts, k.most)
		}
		narrowed = narrowed || len(facts) < len(p.facts[i])
		p.facts[i] = facts
	}
	return narrowed
}

// signatures hashes what decides each cohort: its rule, the events in it, and the
// cohorts that it asks about or yields to.
func signatures(s Spec) map[string]uint64 {
	events := make(map[string]Pattern, len(s.Events))
	for _, p := range s.Events {
		events[p.Key] = p
	}
	definitions := make(map[string]*Definition, len(s.Cohorts))
	for i := range s.Cohorts {
		definitions[s.Cohorts[i].Key] = &s.Cohorts[i]
	}
	signs := make(map[string]uint64, len(s.Cohorts))
	var sign func(key string) uint64
	sign = func(key string) uint64 {
		if v, ok := signs[key]; ok {
			return v
		}
		signs[key] = 0 // circles are refused elsewhere
		d := definitions[key]
		if d == nil {
			return 0
		}
		var c canon
		c.definition(d)
		asked := make(map[string]bool)
		for _, n := range []*Condition{d.When, d.Enter, d.Stay} {
			n.visit(func(n *Condition) {
				for _, e := range n.events() {
					asked[e] = true
				}
				if n.Member != "" {
					c.number(int64(sign(n.Member)))
				}
			})
		}
		names := make([]string, 0, len(asked))
		for e := range asked {
			names = append(names, e)
		}
		slices.Sort(names)
		for _, e := range names {
			c.text(e)
			c.pattern(events[e])
		}
		for _, group := range s.Groups {
			if at := slices.Index(group.Cohorts, key); at > 0 {
				for _, stronger := range group.Cohorts[:at] {
					c.number(int64(sign(stronger)))
				}
			}
		}
		signs[key] = xxhash.Sum64(c)
		return signs[key]
	}
	for key := range definitions {
		sign(key)
	}
	return signs
}

// visit calls yield for the condition and all below it; nil has none.
func (n *Condition) visit(yield func(*Condition)) {
	if n == nil {
		return
	}
	yield(n)
	n.Not.visit(yield)
	for i := range n.All {
		n.All[i].visit(yield)
	}
	for i := range n.Any {
		n.Any[i].visit(yield)
	}
}

// events lists the events that the condition itself asks about.
func (n *Condition) events() []string {
	switch {
	case n.Did != nil:
		return append([]string{n.Did.Event}, n.Did.NoneOf...)
	case n.Sum != nil:
		return []string{n.Sum.Event}
	case n.Silent != nil:
		return []string{n.Silent.Event}
	case n.Quiet != nil:
		return append([]string{n.Quiet.Event}, n.Quiet.NoneOf...)
	default:
		return nil
	}
}
