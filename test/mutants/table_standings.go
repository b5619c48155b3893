package main

// standings: pauses before a release, groups, and cohorts that ask about others.
func standings() []mutant {
	return []mutant{
		change("standing.go", "case s.in && v == yes:\n		s.leaving = Never", "case false:", "a pause would go on though the rule says yes again"),
		change("standing.go", "t >= s.leaving+c.dwell {", "t > s.leaving+c.dwell {", "a pause would end too late"),
		change("standing.go", "s.leaving = min(s.leaving, t)", "s.leaving = t", "a pause would begin again and again"),
		change("standing.go", "			next = min(next, s.leaving+c.dwell)\n", "", "the end of a pause would not come by itself"),
		change("standing.go", "			return outside(), next\n", "			ranked = next\n", "nobody would yield to a stronger cohort"),
		change("standing.go", "			ranked = next\n", "", "what the stronger cohort does would not be looked for"),
		change("standing.go", "			return s, next\n", "			ranked = next\n", "an unknown stronger stay would be taken for none"),
		change("standing.go", "		_, next = c.inside.at(p, t)\n", "", "the end of a stay would be looked for in what begins it").
			equivalent("what begins a stay holds what keeps it, so that its next change is no later: one look more"),
		change("standing.go", "			_, next = c.outside.at(p, t)\n", "", "the next entry would be looked for in what ended the stay").
			equivalent("nobody comes in before what keeps them is true again, and that is what is looked for"),
		change("standing.go", "c.dwell == 0 {\n		at, _ := turnsAt(", "true {\n		at, _ := turnsAt(", "the deadline of a pause would be the end of the rule"),
		change("standing.go", "c.dwell == 0 {\n		if at, found", "true {\n		if at, found", "a stay would be promised without its pause"),
		change("standing.go", "c.outranks == nil && c.dwell == 0 {\n		at, _", "c.dwell == 0 {\n		at, _", "a stronger cohort would not be waited for"),
		change("standing.go", "c.outranks == nil && c.dwell == 0 {\n		if at, found", "c.dwell == 0 {\n		if at, found", "a stay would be promised beyond a stronger cohort"),
		change("standing.go", "if value != unknown && (value == yes) != is {", "if (value == yes) != is {", "what is not known would end the search"),
		change("standing.go", "		if look == maxLook {\n			return t, false", "		if look == maxLook {\n			return t, true", "a stay would be promised to end where nobody looked on"),

		change("rank.go", "			c.inherit(i, other)\n", "			_ = other\n", "an event of another cohort would not concern those that ask about it"),
		change("rank.go", "				p.use(i, u.depth)\n", "", "an event of another cohort would not be told to those that ask about it"),
		change("rank.go", "			k.patterns = append(k.patterns, n)\n", "", "events of another cohort would be passed over"),
		change("rank.go", "			k.attributes = append(k.attributes, a)\n", "", "attributes of another cohort would be passed over"),
		change("rank.go", "			g.attributes[a].ranks = append(g.attributes[a].ranks, rank)\n", "			_, _ = rank, a\n", "an attribute would decide nothing"),
		change("rank.go", "for _, other := range c.asks[i] {\n			if !visit", "for _, other := range c.asks[i][:0] {\n			if !visit", "cohorts would be decided before those that they ask about"),
		change("rank.go", "				k.path = true\n", "", "a group would be taken for a rule on facts alone"),
		change("rank.go", "					list = append(list, k.outranks)\n", "", "a cohort of two groups would yield in one alone"),
		change("rank.go", "case slices.Contains(group.Cohorts[:place], key):", "case false:", "a cohort would stand twice in a group"),
		change("rank.go", "if len(group.Cohorts) < 2 {", "if len(group.Cohorts) < 1 {", "a group of one would be taken"),

		change("retire.go", "if !ok {", "if !ok || true {", "a stay in a cohort that is no more would never end"),
		change("retire.go", "	p.retired = kept\n", "	_ = kept\n", "a stay in a cohort that is no more would end again and again"),
		change("retire.go", "if !slices.Contains(g.keys, key) && ", "if ", "a cohort that is there would be taken for one that is no more").
			equivalent("one key is one short id, which the other half of the test refuses"),
	}
}
