package delivery

// Position follows which offsets of one partition are done, so that no position is
// committed past the first that is not. Offsets are opened in rising order. The zero
// value begins with nothing open.
type Position struct {
	open []slot // in order of offset; done ones in front are removed
	base int64  // number of slots ever removed: the place of open[0] in the order of opening
	next int64
	any  bool
}

type slot struct {
	offset int64
	done   bool
}

// Ticket names an opened offset.
type Ticket int64

// Start sets the position before anything is opened.
func (p *Position) Start(next int64) { p.next, p.any = next, true }

// Open takes note of an offset that has to be done; offsets rise.
func (p *Position) Open(offset int64) Ticket {
	p.open = append(p.open, slot{offset: offset})
	return Ticket(p.base + int64(len(p.open)) - 1)
}

// Pass takes note that everything below next was read; what was not opened needs
// nothing done.
func (p *Position) Pass(next int64) {
	if next > p.next {
		p.next, p.any = next, true
	}
}

// Done closes a ticket. Closing it twice is harmless.
func (p *Position) Done(t Ticket) {
	i := int64(t) - p.base
	if i < 0 || i >= int64(len(p.open)) {
		return
	}
	p.open[i].done = true
	n := 0
	for n < len(p.open) && p.open[n].done {
		n++
	}
	p.open = p.open[n:]
	p.base += int64(n)
	if len(p.open) == 0 {
		p.open = nil // gives the room back
	}
}

// Committable is the first offset that is not done, and false before anything is known.
func (p *Position) Committable() (int64, bool) {
	if len(p.open) > 0 {
		return p.open[0].offset, true
	}
	return p.next, p.any
}

// Len is how many offsets lie between the first that is not done and the last opened.
func (p *Position) Len() int { return len(p.open) }
