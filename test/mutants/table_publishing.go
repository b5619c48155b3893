package main

// publishing: in which order things are published, committed and told, and by which clock.
func publishing() []mutant {
	return []mutant{
		change("commit.go", "		if m.acked[o] < f.needs[o] {\n", "		if m.acked[o] < f.needs[o] && false {\n", "the checkpoint would be committed before the acknowledgements"),
		change("commit.go", "m.phase != running || m.out.acked < f.sent {", "m.phase != running {", "the checkpoint would be committed before records are passed on"),
		change("forward.go", "	if len(m.out.queue) > 0 {\n		return min", "	if false {\n		return min", "a watermark would tell what has not been passed on"),
		change("forward.go", "	if offset < m.out.below {", "	if offset <= m.out.below {", "a record would not be passed on"),
		change("commit.go", "			if m.highWater[Profiles].Less(p.last) {\n", "			if true {\n", "the state topic would get older states behind newer ones"),
		change("commit.go", "		if a.ID.Less(b.ID) {\n			return -1", "		if b.ID.Less(a.ID) {\n			return -1", "state records would stand in the wrong order"),
		change("commit.go", "return t.at < m.logTime })", "return t.at <= m.logTime })", "a deadline at log time itself would not be stored"),
		change("commit.go", "		if id < now {\n", "		if id <= now {\n", "the deadlines of the hour would be dropped"),
		change("commit.go", "	m.expect, m.checkpoint = f.next, f.effect.Checkpoint\n", "	m.checkpoint = f.effect.Checkpoint\n", "the next commit would expect a checkpoint of before"),
		change("commit.go", "		p.dirty, p.frozen = false, true\n", "		p.dirty = false\n", "somebody in the commit under way could be evicted and read as they were"),
		change("commit.go", "next.Sweep, next.Sizes, next.Change = int32(m.sweep+1), maps.Clone(m.sizes), m.changed", "next.Sweep, next.Sizes, next.Change = int32(m.sweep+1), maps.Clone(m.sizes), Change{}", "the checkpoint would forget what the catalogue has changed"),
		change("wake.go", "		if in.Class == NotSent {\n", "		if in.Class == NotSent || in.Class == Ambiguous {\n", "an ambiguous commit would be asked for again").
			equivalent("the comparison refuses it where it was done, and where a failover has lost it, it is right to do it again"),
		change("wake.go", "		if in.Class == NotSent {\n", "		if in.Class == NotSent || in.Class == Conflict {\n", "an owner would try for ever to commit over another's checkpoint"),
		change("wake.go", "	case Forward:\n		m.later(in.Effect)\n", "	case Forward:\n", "what could not be passed on would be given up"),
		change("wake.go", "m.loadedUntil != math.MinInt64 {", "m.loadedUntil > max(m.logTime, math.MinInt64) {", "windows of a quiet partition would run out unnoticed after a restart"),
		change("wake.go", "due := len(m.timers) > 0 && m.timers[0].at < m.now\n", "due := len(m.timers) > 0 && m.timers[0].at < m.now-60_000\n", "windows would run out a minute late"),
		change("wake.go", "due := len(m.timers) > 0 && m.timers[0].at < m.now\n", "due := len(m.timers) > 0\n", "ticks would be written that move nobody"),
		change("wake.go", "	if back := m.now - now; back > 0 {", "	if back := m.now - now; back > 1<<60 {", "a clock set back would stop commits and heartbeats"),
		change("wake.go", "m.phase != idle && held > m.cfg.HeldUp() {", "held > 1<<60 {", "an owner that slept would write past a fence that the broker has forgotten"),
		change("wake.go", "m.phase != idle && held > m.cfg.HeldUp() {", "m.phase == running && held > m.cfg.HeldUp() {", "an owner that slept while it began would go on under its epoch"),
		change("wake.go", "		m.tickPause = min(2*m.tickPause, tickLongest)\n", "		m.tickPause = 0\n", "an owner whose clock is ahead would fill the log with ticks"),
		change("wake.go", "		m.marked[o], m.markedAt[o] = m.now, processed\n", "		m.marked[o], m.markedAt[o] = m.now, m.offset\n", "the position would not be told again after it was held back by what was passed on"),
		change("machine.go", "	set(&c.Heartbeat, 15*60_000)\n", "	set(&c.Heartbeat, 4*3_600_000)\n", "the broker would forget a living owner's epoch"),
	}
}
