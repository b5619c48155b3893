package main

import (
	"fmt"
	"slices"
	"time"
)

// table prints what a campaign has found, step by step.
func (c *campaign) table() {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, "\n%-36s %6s %6s %10s %12s %10s\n", "step", "kills", "stuck", "not come", "recovery p50", "longest")
	var all []time.Duration
	kills, stuck := 0, 0
	for _, s := range allSteps() {
		var took []time.Duration
		n, bad, late := 0, 0, 0
		for _, k := range c.book.Kills {
			if k.Step != s.name {
				continue
			}
			n++
			switch {
			case k.Stuck != "":
				bad++
			case !k.Died:
				late++
			default:
				took = append(took, k.Recovery)
			}
		}
		if n > 0 {
			fmt.Fprintf(c.out, "%-36s %6d %6d %10d %11.1fs %9.1fs\n", s.name, n-late, bad, late, middle(took).Seconds(), longest(took).Seconds())
		}
		all, kills, stuck = append(all, took...), kills+n-late, stuck+bad
	}
	fmt.Fprintf(c.out, "%-36s %6d %6d %10s %11.1fs %9.1fs\n", "all", kills, stuck, "", middle(all).Seconds(), longest(all).Seconds())
	for seed, found := range c.book.Judged {
		fmt.Fprintf(c.out, "seed %s: %s\n", seed, found)
	}
}

func middle(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func longest(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return slices.Max(list)
}
