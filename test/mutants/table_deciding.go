package main

// deciding: what an event or a deadline changes.
func deciding() []mutant {
	return []mutant{
		change("apply.go", "min(max(o.At, -maxTime), logTime)", "max(o.At, -maxTime)", "an event would be in the future"),
		change("apply.go", "f.Value == 0 {", "f.Value < 0 {", "an event without a value would count in a sum"),
		change("apply.go", "ok = place < len(facts)", "ok = true", "a value that is forgotten at once would decide"),
		change("apply.go", "place < u.depth {", "place+1 < u.depth {", "the event that decides would be passed over"),
		change("apply.go", "		clear(p.traits)\n", "", "a new attribute would be answered with the old value"),
		change("apply.go", "p.judged, p.nextKnown = max(p.judged, logTime), false", "p.judged = max(p.judged, logTime)", "an old deadline would stand"),
		change("apply.go", "p.judged, p.nextKnown = at, false", "p.nextKnown = false", "a deadline would come again"),
		change("apply.go", "at < p.judged || p.judged == unjudged", "at <= p.judged || p.judged == unjudged", "a deadline at the instant of an event would be lost"),
		change("apply.go", "t = max(at, s.entered);", "t = at;", "a late event would move a stay to before its beginning"),
		change("apply.go", "s.leaving = Never // looked at anew", "_ = s", "a late event would not undo the end of a stay"),
		change("apply.go", "if t >= logTime {", "if t > logTime {", "the walk would not end at log time").
			equivalent("what comes after log time is beyond it by the next line"),
		change("apply.go", "byFact); next > logTime {", "byFact); next >= logTime {", "a change at log time itself would not be told with the event"),
		change("apply.go", "byFact := p.nextFact(c, t)", "byFact := Never + min(0, p.nextFact(c, t))", "events after a late one would be passed over"),
		change("apply.go", "cause = ReasonWindowEnded", "cause = ReasonEvent", "time that passed would be told as an event"),
		change("apply.go", "		if next == byFact {", "		if false {", "an event would be told as time that passed"),
		change("apply.go", "		if was.in {\n", "		if false {\n", "an event would not begin or end a pause"),
		change("apply.go", "			p.stays[p.stayOf(i)].leaving = s.leaving\n", "", "a deadline would not begin a pause"),
		change("apply.go", "d.ValidUntil != 0 && d.ValidUntil < logTime", "d.ValidUntil != 0 && d.ValidUntil <= logTime", "a stay that still is would be told as over"),
		change("apply.go", "d.ValidUntil != 0 && d.ValidUntil < logTime", "d.ValidUntil < logTime", "a stay without an end would be told as over"),
		change("apply.go", "behind, reason = c.outranks, ReasonOutranked", "behind = c.outranks", "an exit to a stronger cohort would not say so"),
		change("apply.go", "s, max(effective, p.latestFact(c)))", "s, effective)", "the end that is promised would not know the newest event"),
		change("apply.go", "		d.Reason = ReasonWindowEnded\n", "		d.Reason = ReasonEvent\n", "a deadline would be told as an event"),
		change("apply.go", "	p.stays[p.stayOf(index)].leaving = s.leaving\n	d.Op = OpEnter", "	d.Op = OpEnter", "a stay that begins with its pause would not end by it"),
		change("apply.go", "		next = min(next, g.changesAt(p, i, is, p.judged))", "		next = min(next, g.changesAt(p, i, is, p.judged+1))", "a change at the instant of an event would be lost"),
		change("apply.go", "-fact.At > lateness", "-fact.At >= lateness", "an event exactly as late as usual would be told as a correction"),
		change("apply.go", "late := fact.At < p.judged && ", "late := ", "what comes late and corrects nothing would be told as a correction"),

		change("person.go", "a.told && a.at > t {\n			next", "false {\n			next", "an attribute after a late event would be passed over"),
		change("person.go", "p.facts[i][n-1].At)", "p.facts[i][0].At)", "all but the newest event after a late one would be passed over"),
		change("person.go", "latest = max(latest, a.at)", "_ = a", "the end that is promised would not know the newest attribute").
			equivalent("an attribute is unknown before it was told, and what is unknown ends no search"),
		change("person.go", "latest = max(latest, p.facts[i][0].At)", "_ = i", "the end that is promised would not know the newest event"),
	}
}
