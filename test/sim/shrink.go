package main

// Shrink looks for a shorter plan that is as bad, by delta debugging: it leaves out ever smaller
// parts of the list, and keeps what is still bad without them. It tries at most so many runs.
func Shrink(p *Plan, bad func(*Plan) bool, runs int) *Plan {
	best := *p
	try := func(items []Item) bool {
		if runs--; runs < 0 {
			return false
		}
		next := best
		next.Items = items
		if !bad(&next) {
			return false
		}
		best = next
		return true
	}
	for parts := 2; len(best.Items) > 1 && runs > 0; {
		size := (len(best.Items) + parts - 1) / parts
		shorter := false
		for from := 0; from < len(best.Items); from += size {
			to := min(from+size, len(best.Items))
			rest := append(append(make([]Item, 0, len(best.Items)), best.Items[:from]...), best.Items[to:]...)
			if len(rest) > 0 && try(rest) {
				shorter = true
				break
			}
		}
		switch {
		case shorter:
			parts = max(parts-1, 2)
		case size == 1:
			return &best
		default:
			parts = min(2*parts, len(best.Items))
		}
	}
	return &best
}
