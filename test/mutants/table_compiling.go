package main

// compiling: what counts, and the defaults.
func compiling() []mutant {
	return []mutant{
		change("program.go", "w != nil && !w.Holds(", "false && !w.Holds(", "where would not narrow anything"),
		change("program.go", "m.kinds>>e.Kind&1 == 0 || ", "", "events of all kinds would count"),
		change("program.go", `m.source != "" && m.source != e.Source`, "false", "one purchase by two roads would count twice"),
		change("program.go", " || !m.guard.admits(e)", "", "guardrails would hold nothing back"),
		change("program.go", "e.Kind >= kindBits || ", "", "a kind of a newer release would be taken for another").
			equivalent("a shift by more than the width gives 0 in Go"),

		change("compile_ask.go", "if g.noReplay && e.Replay {", "if false {", "a replay would count"),
		change("compile_ask.go", "if g.noReplay && e.Replay {", "if e.Replay {", "a replay would not count by default"),
		change("compile_ask.go", "<= g.lookBack\n", "< g.lookBack\n", "an event exactly as late as allowed would not count"),
		change("compile_ask.go", "g.lookBack <= 0 || ", "", "no late event would count by default"),
		change("compile_ask.go", "bounded(e.AcceptedAt)-bounded(e.EventAt)", "e.AcceptedAt-e.EventAt", "a stamp from outside time would overflow"),
		change("compile_ask.go", "strconv.FormatInt(n.guard.lookBack, 10)", "strconv.FormatInt(0*n.guard.lookBack, 10)", "two limits would share their facts"),
		change("compile_ask.go", `key += "\x00replay\x00ignore"`, "_ = key", "cohorts with and without replays would share their facts"),
		change("compile_ask.go", `key += "\x00where\x00" + n.where.Text()`, "_ = key", "two tests of one event would share their facts"),
		change("compile_ask.go", `key += "\x00sum\x00" + n.property`, "_ = key", "a sum and a count would share their facts"),
		change("compile_ask.go", "	n.guard = c.spec.Cohorts[c.current].guard()\n", "", "guardrails would not reach the events"),
		change("compile_ask.go", "	p.keep = max(p.keep, nth)\n", "	p.keep = nth\n", "the last to ask would say how much is kept"),
		change("compile_ask.go", "p.uses[i].depth = max(p.uses[i].depth, depth)", "p.uses[i].depth = min(p.uses[i].depth, depth)", "an event would not concern a cohort that asks for it"),

		change("compile_condition.go", "count := max(n.AtLeast, 1)", "count := max(n.AtLeast, 2)", "the default of at_least would be 2"),
		change("compile_condition.go", "p.most = max(p.most, least)", "p.most = least", "the last sum would say how much is kept"),
		change("compile_condition.go", "within: n.Within, breakers: c.breakers(at, n.NoneOf)", "within: n.Within", "none_of would not count"),
		change("compile_condition.go", "length: length, breakers: c.breakers(at, noneOf)", "length: length", "none_of of a pause would not count"),
		change("compile_condition.go", "	t.memo = memo\n", "", "two predicates would share their answer"),
		change("compile_condition.go", "			k.attributes = append(k.attributes, i)\n", "", "an attribute would not concern the cohort that asks about it"),

		change("compile.go", "k.outside = allOf{enter, k.inside}", "k.outside = allOf{enter}", "somebody would enter who has to leave at once"),
		change("compile.go", "			k.path = true\n", "", "enter and stay would be taken for a rule on facts alone"),
		change("compile.go", "k.path = k.path || d.Dwell > 0", "_ = k.path", "a pause would be taken for a rule on facts alone"),
		change("compile.go", "n.most = c.program.patterns[n.event.pattern].most", "n.most = 0", "a sum would not know what is forgotten"),
		change("compile.go", "event.keep = c.program.patterns[event.pattern].keep", "_ = event", "a leaf would not know what is forgotten"),
		change("compile.go", "breakers[i].keep = c.program.patterns[breakers[i].pattern].keep", "_ = i", "a breaker would not know what is forgotten"),
		change("compile.go", "kinds: defaultKinds,", "kinds: ^uint32(0),", "by default events of all kinds would count"),
		change("compile.go", "d.LookBack < 0 || d.LookBack > MaxDuration", "d.LookBack > MaxDuration", "a limit below nothing would be taken"),
		change("compile.go", "d.LookBack < 0 || d.LookBack > MaxDuration", "d.LookBack < 0 || d.LookBack >= MaxDuration", "the largest limit would be refused"),
	}
}
