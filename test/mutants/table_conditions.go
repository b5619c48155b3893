package main

// conditions: what is true when, and until when.
func conditions() []mutant {
	const pastHidden = "	if k == hidden {\n		return unknown, Never\n	}\n"
	return []mutant{
		change("leaves.go", "x <= t-c.within {", "x < t-c.within {", "an event exactly as old as the window would count"),
		change("leaves.go", "return yes, x + c.within", "return yes, x + c.within + 1", "a stay would be promised for too long"),
		change("leaves.go", "return yes, x + c.within", "return yes, Never", "nothing would end by itself"),
		change("leaves.go", pastHidden+"	if c.within == 0 {", "	if c.within == 0 {", "what was forgotten would be taken for there"),
		change("leaves.go", pastHidden+"	if end :=", "	if end :=", "a pause would be told of something forgotten"),
		change("leaves.go", "t < end {", "t <= end {", "a pause would be over too late"),
		change("leaves.go", "		return no, end\n", "		return no, end + 1\n", "the end of a pause would be looked for too late"),
		change("leaves.go", "case k == known && f >= x:", "case k == known && f > x:", "what breaks it at the same instant would not"),
		change("leaves.go", "case k == known && f >= x:", "case k == known && f >= x && false:", "nothing would break it"),
		change("leaves.go", "			value = unknown\n", "			value = no\n", "what was forgotten would be taken for no breaker"),
		change("leaves.go", "k == known && f >= x {", "k == known && f > x {", "the evidence would not name what broke it"),

		change("during.go", "case t < c.to:", "case t <= c.to:", "the end of a stretch would belong to it"),
		change("during.go", "case t < c.from:", "case t <= c.from:", "the beginning of a stretch would not belong to it"),
		change("during.go", "return no, c.from", "return no, Never", "a stretch would not begin by itself"),
		change("during.go", "return yes, c.to", "return yes, Never", "a stretch would not end by itself"),
		change("during.go", "	in, next := c.of.At(t)\n", "	in, next := c.of.At(t)\n	next++\n", "a stretch that comes again would change too late"),

		change("condition.go", "		return no, latest\n", "		return no, Never\n", "all would not turn true by itself"),
		change("condition.go", "		return yes, latest\n", "		return yes, Never\n", "any would not turn false by itself"),
		change("condition.go", "	return value, soonest\n}\n\nfunc (c allOf) evidence", "	return value, Never\n}\n\nfunc (c allOf) evidence", "all would not turn false by itself"),
		change("condition.go", "	return value, soonest\n}\n\nfunc (c anyOf) evidence", "	return value, Never\n}\n\nfunc (c anyOf) evidence", "any would not turn true by itself"),
		change("condition.go", "return yes - v, next", "return v, next", "not would say what it denies"),
		change("condition.go", "return yes - v, next", "return yes - v, max(next, Never)", "not would never change by itself"),
		change("condition.go", "min(value, v), min(soonest, next)", "v, min(soonest, next)", "only the last part of all would count"),
		change("condition.go", "max(value, v), min(soonest, next)", "v, min(soonest, next)", "only the last part of any would count"),

		change("member.go", "if t < p.judged {", "if false {", "a late event would see the memberships of now"),
		change("member.go", "now.entered <= t {", "now.entered < t {", "a stay would not count at its own beginning"),
		change("member.go", "return unknown, p.judged", "return no, p.judged", "an unknown stay would be taken for none"),
		change("member.go", "if next > t {", "if true {", "what becomes of the other cohort would not be looked at"),
		change("member.go", "if !k.path {", "if true {", "a pause of the other cohort would be passed over"),
		change("member.go", "return k.inside.at(p, t)", "return k.outside.at(p, t)", "what the other cohort asks of those inside would not count").
			equivalent("a cohort without a path decides for those inside and outside alike"),

		change("explain.go", "t-c.within) && e.Have < e.Need; i++", "t-c.within) && e.Have <= e.Need; i++", "more would be had than is needed"),
		change("explain.go", "facts[i].At > t-c.within) && e.Have", "facts[i].At >= t-c.within) && e.Have", "an event at the edge of the window would be counted"),
		change("explain.go", "facts[i].At > t-c.within); i++", "facts[i].At >= t-c.within); i++", "a value at the edge of the window would be added"),
		change("explain.go", "one.LeavingAt = s.leaving + c.dwell", "one.LeavingAt = s.leaving", "the pause before an end would not be told"),
		change("explain.go", "at <= t && look < maxLook", "at < t && look < maxLook", "a change at the instant asked about would not be told"),
		change("explain.go", "case s.in && s.entered <= t:", "case s.in && s.entered < t:", "a stay would not be told at its own beginning"),
		change("explain.go", "case v == yes && !g.cohorts[index].path:", "case v == yes:", "a past stay would be told that no fact shows"),
	}
}
