package cohort

// Absorb takes in what another key was that has become this person: the union of what
// both are known for, and whatever follows from it for every cohort that either was
// in. The event is the record that brought it; the facts point at it as their evidence, since
// the ones that made them stand in another partition. Absorbing the same again
// changes nothing. It answers whether the person's state changed.
//
// Whoever was told of the other key's stays is told here how they go on: an entry for
// each, also where it ends at once.
func (g *Program) Absorb(p *Person, other *Person, o *Observation, logTime int64, out *Decisions) bool {
	logTime = min(max(logTime, -maxTime), maxTime)
	if p.blocked || p.into != "" {
		return false
	}
	from, reachable := len(out.List), len(p.Contacts)
	changed := p.called(other.Key)
	for _, key := range other.aliases {
		changed = p.called(key) || changed
	}
	added, released := p.addContacts(other.Contacts)
	changed = added || changed
	if g.unite(p, other, o.Offset, logTime) || len(other.stays) > 0 {
		changed = true
		p.judged, p.nextKnown = max(p.judged, logTime), false
		for _, i := range g.order {
			g.inheritStay(p, other, i, o, logTime, out)
		}
	}
	if len(released) > 0 || len(p.Contacts) != reachable {
		g.announce(p, from, released, o, logTime, out)
	}
	return changed
}

// unite merges facts and attributes. It answers whether anything was new.
func (g *Program) unite(p, other *Person, offset, logTime int64) bool {
	moved := false
	for i := range g.patterns {
		for _, f := range other.facts[i] {
			f.At, f.Offset = min(f.At, logTime), offset
			if !p.takes(f.At) {
				continue
			}
			facts, place, ok := insert(p.facts[i], f, g.patterns[i].keep)
			if ok && g.patterns[i].property != "" {
				facts = enough(facts, g.patterns[i].most)
				ok = place < len(facts)
			}
			p.facts[i] = facts
			moved = moved || ok
		}
	}
	told := false
	for i := range other.attributes {
		a := &other.attributes[i]
		if !a.told || !p.takes(min(a.at, logTime)) {
			continue
		}
		told = p.attributes[i].set(Fact{At: min(a.at, logTime), ID: a.id, Offset: offset}, a.value) || told
	}
	if told {
		clear(p.traits)
	}
	return moved || told
}

// inheritStay decides one cohort after a union, and takes over what the other was in.
func (g *Program) inheritStay(p, other *Person, index int, o *Observation, logTime int64, out *Decisions) {
	was := p.standing(index)
	var decided []int64
	if was.in {
		decided = append(decided, was.entered)
	}
	held := other.stayOf(index) >= 0
	if held {
		decided = append(decided, min(other.stays[other.stayOf(index)].entered, logTime))
	}
	s, effective, reason := g.refold(p, index, decided, logTime)
	turn := func(s standing, reason string) {
		d := g.turn(p, index, s, effective, logTime, out)
		if d.Reason == "" {
			d.Reason = reason
		}
		d.SourceID, d.SourceAt, d.AcceptedAt = o.ID, min(o.At, logTime), o.AcceptedAt
	}
	switch {
	case was.in && s.in:
		p.stays[p.stayOf(index)].leaving = s.leaving
	case was.in:
		effective = max(effective, was.entered)
		turn(s, reason)
	case s.in:
		turn(s, ReasonMerged)
	case held:
		turn(standing{in: true, entered: effective, leaving: Never}, ReasonMerged)
		turn(s, reason)
	}
}

// refold decides one cohort from all that is known, as if it had come in time.
func (g *Program) refold(p *Person, index int, decided []int64, logTime int64) (standing, int64, string) {
	c := &g.cohorts[index]
	t := logTime
	for _, at := range decided {
		t = min(t, at)
	}
	for _, i := range c.patterns {
		if n := len(p.facts[i]); n > 0 {
			t = min(t, p.facts[i][n-1].At)
		}
	}
	for _, i := range c.attributes {
		if a := &p.attributes[i]; a.told {
			t = min(t, a.at)
		}
	}
	return g.walk(p, index, outside(), t, logTime, decided)
}
