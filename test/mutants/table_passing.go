package main

// passing: records, deadlines, people, and who is somebody else.
func passing() []mutant {
	return []mutant{
		change("work.go", "	if m.phase != running || in.From > m.next {", "	if m.phase != running || in.From != m.next {", "an answer to an earlier fetch would leave the partition unfetched"),
		change("work.go", "	if !m.known(in.Checkpoint) {\n", "	if !m.known(in.Checkpoint) && false {\n", "people would be loaded without a look at the checkpoint"),
		change("work.go", "	case m.current(in.Checkpoint):\n", "	case m.known(in.Checkpoint):\n", "deadlines that a commit has just stored would be missed"),
		change("work.go", "	default:\n		m.endTenure(Conflict, \"deadlines", "	case false:\n		m.endTenure(Conflict, \"deadlines", "deadlines would be loaded without a look at the checkpoint"),
		change("work.go", "		if !m.highWater[Transitions].Less(t.ID) {\n", "		if false {\n", "what stands in the output would be sent again"),
		change("work.go", "		m.ordinal++\n		p.last", "		p.last", "transitions of one record would have one id"),
		change("work.go", "		if len(m.timers) == 0 || m.timers[0].at >= until {\n", "		if len(m.timers) == 0 || m.timers[0].at > until {\n", "a deadline would fire before an event of its own instant"),
		change("work.go", "	if next < m.loadedUntil {\n		m.timers.push(t)", "	if next < m.loadedUntil && false {\n		m.timers.push(t)", "deadlines armed in this tenure would not fire"),
		change("work.go", "	if m.commit != nil {\n		take(m.commit.arms)\n", "	if false {\n		take(m.commit.arms)\n", "deadlines of the commit under way would be missed"),
		change("work.go", "		if p.person.Armed != t.at {\n", "		if p.person.Armed != t.at && false {\n", "a deadline that is no longer armed would take the armed one's place"),
		change("work.go", "	m.furthest = max(m.furthest, bucketOf(next))\n", "", "deadlines far ahead would not be loaded"),
		change("work.go", "m.commit != nil && m.commit.asked && bytes.Equal(checkpoint, m.commit.next)", "m.commit != nil && bytes.Equal(checkpoint, m.commit.next)", "another's checkpoint would be taken for ours").
			equivalent("one that was not asked for is in no store"),
		change("people.go", "		case r.dirty || r.frozen:\n", "		case r.frozen:\n", "somebody who has changed could be evicted"),
		change("people.go", "		case r.dirty || r.frozen:\n", "		case r.dirty:\n", "somebody in the commit under way could be evicted"),
		change("sweep.go", "m.loaded.number != m.sweep || !m.current(m.loaded.checkpoint) {", "m.loaded.number != m.sweep {", "a sweep would look at people as they were before a commit").
			equivalent("the Step that brings a slice takes it in, and nothing is committed in between"),
		change("sweep.go", "	case m.current(in.Checkpoint):\n", "	case m.known(in.Checkpoint):\n", "a sweep would take in a slice that a commit has passed").
			equivalent("whoever takes it in looks at its checkpoint again, and has it loaded anew"),
		change("sweep.go", "		if p.slice == m.sweep {\n", "		if p.slice == m.sweep && false {\n", "a sweep would leave out people who are not stored yet"),
		change("sweep.go", "	slices.Sort(keys)\n", "", "a sweep would decide in the order of the store"),
		change("sweep.go", "	if !any || m.sweep != sweepIdle {\n", "	if !any {\n", "a sweep under way would begin anew when a cohort is known"),
		change("identity.go", "		state = m.program.Append(nil, q)\n", "		state = nil\n", "a merge would hand over nothing"),
		change("identity.go", "return at >= 0 && key <= slices.Min(path[at:])", "return at >= 0 && key < slices.Min(path[at:])", "a key would end a circle only below all of it").
			equivalent("a smallest key ends it the first time round, before it can stand in the path itself"),
		change("identity.go", "return at >= 0 && key <= slices.Min(path[at:])", "return at >= 0 && key >= slices.Max(path[at:])", "another key of a circle would become a person again"),
		change("identity.go", "	e.Properties.Numbers[event.PropertyHops] = hops + 1\n", "	e.Properties.Numbers[event.PropertyHops] = hops\n", "a record would go round a circle for ever"),
		change("identity.go", "	m.send(e)\n	m.Stats.Forwarded++\n	return true\n}", "	m.Stats.Forwarded++\n	return true\n}", "what an alias does would be lost"),
		change("identity.go", "		if q.Into() == of {\n", "		if true {\n", "an erasure would take a key that is another person's by now"),
		change("identity.go", "	if p.gone && silent && p.person.Version > 0 {\n", "	if p.gone && silent && p.person.Version > 1<<40 {\n", "the state topic would keep somebody who was erased"),
		change("identity.go", "e.Name != event.NameRelink || e.EventAt <= q.IntoAt()", "e.Name != event.NameRelink", "a key would go with what was said last, not with what was true last"),
		change("forward.go", "	o.acked = seq\n", "	o.acked = seq + 1\n", "a record would be taken for passed on with the one before"),
	}
}
