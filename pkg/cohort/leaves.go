package cohort

// did: the nth newest event is younger than within, and no breaker came at or after it.
type did struct {
	event    ask
	within   int64 // 0 = ever
	breakers []ask
}

func (c *did) at(p *Person, t int64) (truth, int64) {
	x, k := c.event.at(p, t)
	if k == none || c.within > 0 && x <= t-c.within {
		return no, Never
	}
	switch broken(c.breakers, p, x, t) {
	case yes:
		return no, Never
	case unknown:
		return unknown, Never
	case no:
	}
	if k == hidden {
		return unknown, Never
	}
	if c.within == 0 {
		return yes, Never
	}
	return yes, x + c.within
}

func (c *did) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	if x, k := c.event.at(p, t); k != none {
		if n := len(dst); len(breakEvidence(dst, c.breakers, p, x, t)) > n {
			return breakEvidence(dst, c.breakers, p, x, t)
		}
	}
	return c.event.evidence(dst, p, t)
}

// pause: the newest event is at least `length` ago, and no breaker came at or
// after it. Silent and Quiet are both this.
type pause struct {
	event    ask // the newest
	length   int64
	breakers []ask
}

func (c *pause) at(p *Person, t int64) (truth, int64) {
	x, k := c.event.at(p, t)
	if k == none {
		return no, Never
	}
	switch broken(c.breakers, p, x, t) {
	case yes:
		return no, Never
	case unknown:
		return unknown, Never
	case no:
	}
	if k == hidden {
		return unknown, Never
	}
	if end := x + c.length; t < end {
		return no, end
	}
	return yes, Never
}

func (c *pause) evidence(dst []Evidence, p *Person, t int64) []Evidence {
	if x, k := c.event.at(p, t); k != none {
		if n := len(dst); len(breakEvidence(dst, c.breakers, p, x, t)) > n {
			return breakEvidence(dst, c.breakers, p, x, t)
		}
	}
	return c.event.evidence(dst, p, t)
}

// broken says whether one of the breakers came in [x, t]. Where x is only the
// latest that a hidden event can be, yes is still sure.
func broken(breakers []ask, p *Person, x, t int64) truth {
	value := no
	for _, b := range breakers {
		switch f, k := b.at(p, t); {
		case k == hidden:
			value = unknown
		case k == known && f >= x:
			return yes
		}
	}
	return value
}

// breakEvidence appends the breakers in [x, t].
func breakEvidence(dst []Evidence, breakers []ask, p *Person, x, t int64) []Evidence {
	for _, b := range breakers {
		if f, k := b.at(p, t); k == known && f >= x {
			dst = b.evidence(dst, p, t)
		}
	}
	return dst
}
