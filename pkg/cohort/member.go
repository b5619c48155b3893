package cohort

// member: the person is in another cohort. Cohorts are decided after those that they
// ask about, so the other one is settled up to log time.
type member struct {
	program *Program
	cohort  int
}

func (c *member) at(p *Person, t int64) (truth, int64) {
	k := &c.program.cohorts[c.cohort]
	if !k.path {
		// The facts alone decide, for the past too.
		return k.inside.at(p, t)
	}
	now := p.standing(c.cohort)
	if t < p.judged {
		if now.in && now.entered <= t {
			return yes, p.judged
		}
		return unknown, p.judged
	}
	// From the instant that was judged last the other goes on as if nothing came.
	for at := p.judged; ; {
		var next int64
		now, next = c.program.move(p, c.cohort, now, at)
		if next > t {
			if now.in {
				return yes, next
			}
			return no, next
		}
		at = next
	}
}

func (c *member) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	k := &c.program.cohorts[c.cohort]
	return k.decides(p.stayOf(c.cohort) >= 0).evidence(dst, p, t)
}
