package main

// keeping: what stands in a state, and what names a catalogue.
func keeping() []mutant {
	return []mutant{
		change("codec_parts.go", "parts |= hasLeaving", "parts |= 0", "a pause would be forgotten"),
		change("codec_parts.go", "told {\n			parts |= hasAttributes", "told {\n			parts |= 0", "attributes would be forgotten"),
		change("codec_parts.go", "parts |= hasContacts", "parts |= 0", "contacts would be forgotten"),
		change("codec_parts.go", "if s := &p.stays[i]; s.leaving != Never {", "if s := &p.stays[i]; i == 0 {", "a pause would be kept of the wrong stay"),
		change("review.go", "facts = enough(facts, k.most)", "_ = k", "a catalogue would keep more values than it can need"),
		change("warming.go", "c.warming > at", "c.warming >= at", "a cohort would warm for a moment too long"),
		change("warming.go", "q.keep >= depth && ", "", "fewer events would be taken for enough"),
		change("warming.go", " && q.most >= p.most", "", "a smaller sum would be taken for enough"),
		change("codec.go", "!first && !last.newer(f)", "first && false", "a damaged state would be taken"),
		change("codec.go", "p.Armed = base + unzigzag(v-2)", "p.Armed = unzigzag(v-2)", "a deadline would be armed at another instant"),
		change("codec.go", "if r.bad || len(r.rest) > 0 {", "if r.bad {", "a state with more behind it would be taken"),

		change("fingerprint.go", "	c.sortedTexts(n.Did.NoneOf)\n", "", "a change of none_of would go unnoticed"),
		change("fingerprint.go", "	c.number(n.Did.Within)\n", "", "a change of a window would go unnoticed"),
		change("fingerprint.go", "int64(max(n.Did.AtLeast, 1))", "int64(n.Did.AtLeast)", "saying the default would be a change"),
		change("fingerprint.go", "	c.number(d.Dwell)\n", "", "a change of a pause would go unnoticed"),
		change("fingerprint.go", "	c.number(d.LookBack)\n", "", "a change of a limit would go unnoticed"),
		change("fingerprint.go", "if d.IgnoreReplay {", "if false {", "a change about replays would go unnoticed"),
		change("fingerprint.go", "if d.LookBack > 0 {", "if true {", "catalogues without limits would get another revision"),
		change("fingerprint.go", "c.texts(group.Cohorts)", "c.texts(group.Cohorts[:0])", "a change of a group would go unnoticed"),
		change("fingerprint.go", "c.texts(slices.Compact(list))", "c.texts(list)", "a repeated name would be a change"),
	}
}
