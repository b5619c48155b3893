package cohort

// standing is how a person stands to one cohort.
type standing struct {
	in      bool
	entered int64
	leaving int64 // see stay
}

func outside() standing { return standing{leaving: Never} }

func (p *Person) standing(cohort int) standing {
	if i := p.stayOf(cohort); i >= 0 {
		return standing{in: true, entered: p.stays[i].entered, leaving: p.stays[i].leaving}
	}
	return outside()
}

// move gives how a person stands at t to whom s was true just before, and an instant
// after t before which that does not change unless an event comes. What is not
// known changes nothing.
func (g *Program) move(p *Person, index int, s standing, t int64) (standing, int64) {
	c := &g.cohorts[index]
	ranked := Never
	if c.outranks != nil {
		v, next := c.outranks.at(p, t)
		switch v {
		case yes:
			return outside(), next
		case unknown:
			return s, next
		case no:
			ranked = next
		}
	}
	v, next := c.decides(s.in).at(p, t)
	switch {
	case !s.in && v == yes:
		s = standing{in: true, entered: t, leaving: Never}
		_, next = c.inside.at(p, t)
	case s.in && v == yes:
		s.leaving = Never
	case s.in && v == no:
		s.leaving = min(s.leaving, t)
	}
	if s.in && s.leaving != Never {
		if t >= s.leaving+c.dwell {
			s = outside()
			_, next = c.outside.at(p, t)
		} else {
			next = min(next, s.leaving+c.dwell)
		}
	}
	return s, min(ranked, next)
}

// maxLook bounds how many instants are looked at for a change. Calendars come again
// and again, so there need not be an end.
const maxLook = 64

// changesAt gives the first instant at or after t at which the person no longer stands
// as s to a cohort, if no further event comes; an earlier one when it would be far to seek.
func (g *Program) changesAt(p *Person, index int, s standing, t int64) int64 {
	if c := &g.cohorts[index]; c.outranks == nil && c.dwell == 0 {
		at, _ := turnsAt(c.decides(s.in), p, s.in, t)
		return at
	}
	for look := 0; t != Never; look++ {
		n, next := g.move(p, index, s, t)
		if n != s || look == maxLook {
			return t
		}
		t = next
	}
	return Never
}

// leavesAt gives the instant at which a stay ends if no further event comes; Never when
// it does not or when that is far to seek.
func (g *Program) leavesAt(p *Person, index int, s standing, t int64) int64 {
	if c := &g.cohorts[index]; c.outranks == nil && c.dwell == 0 {
		if at, found := turnsAt(c.inside, p, true, t); found {
			return at
		}
		return Never
	}
	for look := 0; t != Never && look < maxLook; look++ {
		n, next := g.move(p, index, s, t)
		if !n.in {
			return t
		}
		s, t = n, next
	}
	return Never
}

// turnsAt is both for cohorts that one condition decides about. False = it does not turn
// until the instant given, behind which was not looked.
func turnsAt(c condition, p *Person, is bool, t int64) (int64, bool) {
	for look := 0; t != Never; look++ {
		value, next := c.at(p, t)
		if value != unknown && (value == yes) != is {
			return t, true
		}
		if look == maxLook {
			return t, false
		}
		t = next
	}
	return Never, false
}
