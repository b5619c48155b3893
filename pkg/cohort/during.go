package cohort

// span: a stretch of the calendar.
type span struct {
	from, to int64
	text     string
}

func (c span) at(_ *Person, t int64) (truth, int64) {
	switch {
	case t < c.from:
		return no, c.from
	case t < c.to:
		return yes, c.to
	default:
		return no, Never
	}
}

func (c span) evidence(dst []Evidence, _ *Person, _ int64) []Evidence { return dst }

// weekly: a stretch that comes again.
type weekly struct{ of Calendar }

func (c weekly) at(_ *Person, t int64) (truth, int64) {
	in, next := c.of.At(t)
	if in {
		return yes, next
	}
	return no, next
}

func (c weekly) evidence(dst []Evidence, _ *Person, _ int64) []Evidence { return dst }
