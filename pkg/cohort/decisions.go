package cohort

import "slices"

// maxEvidence bounds the evidence of one transition; the newest events are kept.
const maxEvidence = 32

// Decisions collects what Apply and Fire decide, in order. They append; Reset
// empties it for use again, after which the transitions and their evidence must no
// longer be read. ID is left to the caller; everything else is filled.
type Decisions struct {
	List     []Transition
	evidence []Evidence
}

// Reset empties d and keeps its memory.
func (d *Decisions) Reset() {
	clear(d.List)
	d.List, d.evidence = d.List[:0], d.evidence[:0]
}

// explain gives the evidence of c at t, oldest first, without repeats.
func (d *Decisions) explain(c condition, p *Person, t int64) []Evidence {
	from := len(d.evidence)
	d.evidence = c.evidence(d.evidence, p, t)
	found := d.evidence[from:]
	slices.SortFunc(found, func(a, b Evidence) int {
		switch {
		case a.At < b.At || a.At == b.At && a.Offset < b.Offset:
			return -1
		case a == b:
			return 0
		default:
			return 1
		}
	})
	found = slices.Compact(found)
	d.evidence = d.evidence[:from+len(found)]
	if extra := len(found) - maxEvidence; extra > 0 {
		found = found[extra:]
	}
	return slices.Clip(found)
}
