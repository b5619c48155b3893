package cohort

import "math/bits"

// Apply takes an event in and appends to out what changes by it at log time.
// An event that changes no fact (a redelivery, or older than what is kept) decides
// nothing. It answers whether the person's state changed.
//
// A late event (its time is before log time) changes the facts, and with them the
// membership at log time; only the net change is told, with the instant at which
// it came about by the events' own clock.
func (g *Program) Apply(p *Person, o *Observation, logTime int64, out *Decisions) bool {
	logTime = min(max(logTime, -maxTime), maxTime)
	fact := Fact{At: min(max(o.At, -maxTime), logTime), ID: eventHash(o.ID), Offset: o.Offset}
	if !p.takes(fact.At) {
		return false
	}
	from, reachable := len(out.List), p.Contacts
	changed, released := p.learn(o, fact)
	changed = g.observe(p, o, fact, logTime, out) || changed
	if len(released) > 0 || len(p.Contacts) != len(reachable) {
		g.announce(p, from, released, o, logTime, out)
	}
	return changed
}

// observe takes the facts in that the event brings and decides what they change.
func (g *Program) observe(p *Person, o *Observation, fact Fact, logTime int64, out *Decisions) bool {
	if o.Patterns == 0 && !o.Tells {
		return false
	}
	var due [cohortWords]uint64
	moved := false
	for set := uint64(o.Patterns); set != 0; set &= set - 1 {
		i := bits.TrailingZeros64(set)
		if i >= len(g.patterns) {
			break
		}
		moved = g.count(p, i, fact, o, &due) || moved
	}
	if o.Tells {
		moved = g.tell(p, fact, o, &due) || moved
	}
	if !moved {
		return false
	}
	late := fact.At < p.judged && min(max(o.AcceptedAt, -maxTime), maxTime)-fact.At > lateness
	p.judged, p.nextKnown = max(p.judged, logTime), false
	from := len(out.List)
	for word, set := range due[:g.words] {
		for ; set != 0; set &= set - 1 {
			g.settle(p, g.order[word*64+bits.TrailingZeros64(set)], fact.At, logTime, o, out)
		}
	}
	for i := from; late && i < len(out.List); i++ {
		if d := &out.List[i]; d.Reason == ReasonEvent {
			d.Reason = ReasonLateEvent
		}
	}
	return true
}

// lateness is how long after it happened an event may be accepted without being told
// of as a correction, in ms: shops and Customer.io take seconds.
const lateness = 60_000

// count takes the fact into a pattern and marks the cohorts that it concerns, by their
// place in the order of deciding.
func (g *Program) count(p *Person, pattern int, f Fact, o *Observation, due *[cohortWords]uint64) bool {
	k := &g.patterns[pattern]
	if k.property != "" {
		if f.Value = amount(o.Properties, k.property); f.Value == 0 {
			return false
		}
	}
	facts, place, ok := insert(p.facts[pattern], f, k.keep)
	if ok && k.property != "" {
		facts = enough(facts, k.most)
		ok = place < len(facts)
	}
	p.facts[pattern] = facts
	if !ok {
		return false
	}
	for _, u := range k.uses {
		if place < u.depth {
			due[u.rank/64] |= 1 << (u.rank % 64)
		}
	}
	return true
}

// tell takes the attributes in that an event tells.
func (g *Program) tell(p *Person, f Fact, o *Observation, due *[cohortWords]uint64) bool {
	moved := false
	for i := range g.attributes {
		v, ok := tells(o.Properties, g.attributes[i].name)
		if !ok || !p.attributes[i].set(f, v) {
			continue
		}
		moved = true
		for _, rank := range g.attributes[i].ranks {
			due[rank/64] |= 1 << (rank % 64)
		}
	}
	if moved {
		clear(p.traits)
	}
	return moved
}

// settle decides one cohort after a fact of instant `at` has come.
func (g *Program) settle(p *Person, index int, at, logTime int64, o *Observation, out *Decisions) {
	was := p.standing(index)
	s, t := was, at
	if s.in {
		if t = max(at, s.entered); s.leaving >= t {
			s.leaving = Never // looked at anew
		}
	}
	s, effective, effectiveReason := g.walk(p, index, s, t, logTime, nil)
	if s.in == was.in {
		if was.in {
			p.stays[p.stayOf(index)].leaving = s.leaving
		}
		return
	}
	d := g.turn(p, index, s, effective, logTime, out)
	if d.Reason == "" {
		d.Reason = effectiveReason
	}
	d.SourceID, d.SourceAt, d.AcceptedAt = o.ID, at, o.AcceptedAt
}

// walk goes from t to log time, through every instant at which something can change,
// as if all that is known had come in time; s is how the person stood before. It
// answers how they stand then, and when and why that came about last. At the instants
// given somebody entered when it was decided: where the facts that are still kept
// cannot tell, that holds.
func (g *Program) walk(p *Person, index int, s standing, t, logTime int64, decided []int64) (_ standing, effective int64, reason string) {
	c := &g.cohorts[index]
	cause := ReasonEvent
	effective, reason = logTime, ReasonEvent
	for {
		n, next := g.move(p, index, s, t)
		for _, at := range decided {
			if at == t && !n.in {
				if v, _ := c.outside.at(p, t); v == unknown && !c.outranked(p, t) {
					n = standing{in: true, entered: t, leaving: Never}
					_, next = c.inside.at(p, t)
				}
			}
			if at > t {
				next = min(next, at)
			}
		}
		if n.in != s.in {
			effective, reason = t, cause
		}
		s = n
		if t >= logTime {
			break
		}
		byFact := p.nextFact(c, t)
		if next = min(next, byFact); next > logTime {
			break
		}
		cause = ReasonWindowEnded
		if next == byFact {
			cause = ReasonEvent
		}
		t = next
	}
	return s, effective, reason
}

// outranked says whether a stronger cohort of a group holds the person at t.
func (c *cohort) outranked(p *Person, t int64) bool {
	if c.outranks == nil {
		return false
	}
	v, _ := c.outranks.at(p, t)
	return v == yes
}

// Fire judges the deadlines of exactly the instant at, which lies before log time,
// cohort by cohort in the order of deciding. If nothing is due it decides nothing. It
// answers whether the person's state changed.
func (g *Program) Fire(p *Person, at, logTime int64, out *Decisions) bool {
	if at < p.judged || p.judged == unjudged {
		return false
	}
	changed := p.judged != at
	p.judged, p.nextKnown = at, false
	for _, i := range g.order {
		was := p.standing(i)
		s, _ := g.move(p, i, was, at)
		if s == was {
			continue
		}
		changed = true
		if s.in == was.in {
			p.stays[p.stayOf(i)].leaving = s.leaving
			continue
		}
		d := g.turn(p, i, s, at, logTime, out)
		if d.Reason == "" {
			d.Reason = ReasonWindowEnded
		}
		d.AcceptedAt = logTime
		d.Elapsed = d.ValidUntil != 0 && d.ValidUntil < logTime
	}
	return changed
}

// turn moves the person in or out and appends the transition. Its reason is left
// open unless a stronger cohort is it.
func (g *Program) turn(p *Person, index int, s standing, effective, logTime int64, out *Decisions) *Transition {
	c := &g.cohorts[index]
	p.Version++
	behind, reason := c.decides(!s.in), ""
	if !s.in && c.outranked(p, effective) {
		behind, reason = c.outranks, ReasonOutranked
	}
	out.List = append(out.List, Transition{
		Op:          OpExit,
		Person:      p.Key,
		Cohort:      c.key,
		Catalogue:   g.revision,
		EffectiveAt: effective,
		DecidedAt:   logTime,
		Reason:      reason,
		Version:     p.Version,
		Evidence:    out.explain(behind, p, effective),
		Contacts:    p.Contacts,
	})
	d := &out.List[len(out.List)-1]
	if !s.in {
		p.exit(index)
		return d
	}
	p.enter(index, effective)
	p.stays[p.stayOf(index)].leaving = s.leaving
	d.Op = OpEnter
	s.entered = effective
	d.ValidUntil = validUntil(g.leavesAt(p, index, s, max(effective, p.latestFact(c))))
	d.WarmingUntil = c.warmsEntry(logTime)
	return d
}

// NextDeadline gives the earliest instant at which something about the person
// changes if no further event comes; Never if nothing does. It is the instant
// judged last when a change exactly at it is still open. For somebody without facts it is Never.
func (g *Program) NextDeadline(p *Person) int64 {
	if p.judged == unjudged {
		return Never
	}
	if p.nextKnown {
		return p.next
	}
	next, s := Never, 0
	for i := range g.cohorts {
		is := outside()
		if s < len(p.stays) && p.stays[s].cohort == i {
			is = standing{in: true, entered: p.stays[s].entered, leaving: p.stays[s].leaving}
			s++
		}
		next = min(next, g.changesAt(p, i, is, p.judged))
	}
	p.next, p.nextKnown = next, true
	return next
}

// Profile lists the current stays in catalogue order, and behind them those in former
// cohorts that have not been ended yet.
func (g *Program) Profile(p *Person) []Membership {
	return g.AppendProfile(nil, p)
}

// AppendProfile is Profile into memory of the caller.
func (g *Program) AppendProfile(dst []Membership, p *Person) []Membership {
	for _, s := range p.stays {
		dst = append(dst, Membership{
			Cohort:     g.cohorts[s.cohort].key,
			EnteredAt:  s.entered,
			ValidUntil: validUntil(g.leavesAt(p, s.cohort, standing{in: true, entered: s.entered, leaving: s.leaving}, p.judged)),
		})
	}
	for _, s := range p.retired {
		if key, ok := g.leaves(s); ok {
			dst = append(dst, Membership{Cohort: key, EnteredAt: s.entered})
		}
	}
	return dst
}

func validUntil(t int64) int64 {
	if t == Never {
		return 0
	}
	return t
}
