package main

// beginning: what a tenure makes sure of before it takes a record.
func beginning() []mutant {
	return []mutant{
		change("start.go", "if m.waitFor--; m.waitFor == 0 {\n			// Both", "if m.waitFor--; m.waitFor == int(outputs)-1 {\n			// Both", "the checkpoint would be loaded before both outputs are fenced"),
		change("start.go", "		if !in.Empty && in.ProducerID >= 0 {\n			w.Previous", "		if false {\n			w.Previous", "the producer of an earlier owner would not be closed"),
		change("start.go", "in.ProducerID >= 0 && in.ProducerID != m.producer.ID {", "in.ProducerID != in.ProducerID {", "an owner that was held up would close its successor's producer"),
		change("start.go", "		m.highWater[in.Output] = in.Last\n", "		m.highWater[1-in.Output] = in.Last\n", "the high water would be that of the wrong output"),
		change("start.go", "		m.highWater[in.Output] = in.Last\n", "", "nothing would be read back"),
		change("start.go", "m.out.below = in.Processed", "m.out.below = in.Processed + 1", "a record that was not passed on would be taken for passed on"),
		change("start.go", "Below: m.fences[o],", "Below: max(0, m.fences[o]-3),", "the tail would be read back too short"),
		change("start.go", "	case m.expect == nil && in.Start > 0:", "	case m.expect == nil && in.Start > 0 && false:", "a rebuild would begin in the middle of the log").
			equivalent("the fetch from offset 0 is refused, in less clear words"),
		change("start.go", "	case m.highWater[Transitions].Offset >= in.End:", "	case m.highWater[Transitions].Offset > in.End+1<<40:", "a rebuild over a log made anew would leave out what it decides"),
		change("start.go", "(in.ID != c.AnchorID || in.Sum != c.AnchorSum)", "(in.ID != c.AnchorID && in.Sum != c.AnchorSum && false)", "the anchor would not be verified"),
		change("start.go", "	case c.Offset > in.End:", "	case c.Offset > in.End+1<<40:", "a log shorter than the checkpoint would not be noticed").
			equivalent("the record before the checkpoint is not in it either, which the next case refuses"),
		change("start.go", "c.Offset > 0 && !in.Found:", "c.Offset > 0 && !in.Found && false:", "a missing anchor would not be noticed").
			equivalent("what was not found has no id and no checksum, which the next case refuses"),
		change("start.go", "= c.Offset, c.Ordinal, c.LogTime, c.Furthest", "= c.Offset, 0, c.LogTime, c.Furthest", "the ordinal within a half-worked record would not be kept"),
		change("start.go", "= c.Offset, c.Ordinal, c.LogTime, c.Furthest", "= c.Offset, c.Ordinal, c.LogTime, bucketOf(c.LogTime)", "deadlines far ahead would not be looked for"),
		change("start.go", "= c.Offset, c.Ordinal, c.LogTime, c.Furthest", "= c.Offset, c.Ordinal, 0, c.Furthest", "log time would begin anew"),
		change("start.go", "	m.sweep = int(c.Sweep) - 1\n", "	m.sweep = sweepIdle\n", "a sweep would end with its tenure"),
		change("start.go", "	m.sizes = c.Sizes\n", "	m.sizes = make(map[string]int64)\n", "sizes would be counted from zero in each tenure"),
		change("start.go", "	m.changed = m.checkpoint.Change\n", "	m.changed = Change{}\n", "what the catalogue has changed would be forgotten"),
		change("start.go", "		m.loadedUntil = bucketOf(m.logTime) * bucketWidth\n", "		m.loadedUntil = (bucketOf(m.logTime) + 1) * bucketWidth\n", "deadlines of the hour would be taken for loaded"),
		change("commit.go", "{ return m.expect == nil }", "{ return m.expect == nil && m.commit == nil }", "people of no known offset would be taken for the truth"),
		change("start.go", "	if c.Catalogue != m.cfg.Revision {\n", "	if true {\n", "a partition would stop when retention passes its catalogue"),
		change("start.go", "FindCatalogue{Offset: in.Start}", "FindCatalogue{Offset: in.End}", "each rebuild would be decided by another catalogue"),
		change("start.go", "	m.changed = Between(m.program, program, logTime)\n", "	m.changed = Between(m.program, program, m.logTime)\n", "cohorts would be taken for known too early"),
		change("start.go", "	if m.cfg.Slices > 0 && len(m.changed.Review)+len(m.changed.Warmed)+len(m.changed.Former) > 0 {", "	if false {", "a changed catalogue would not be held to those who are known"),
		change("start.go", "		blob = m.program.Append(blob[:0], &p.person)\n", "		blob = program.Append(blob[:0], &p.person)\n", "people in memory would be carried over in the wrong form"),
	}
}
