package main

import (
	"context"
	"testing"
)

// In a world without a rule that the protocol counts on, the seeds of every change find out.
func TestSeeds_FailInAWorldWithoutARule(t *testing.T) {
	for _, rule := range weaknesses {
		r := Campaign{Seeds: 20_000, Keep: 1, Weak: rule}.Run(context.Background())
		if len(r.Failed) == 0 {
			t.Errorf("without %s all of %d seeds are clean", rule, r.Seeds)
			continue
		}
		t.Logf("without %-9s seed %d of %d: %.160s", rule, r.Failed[0].Seed, r.Seeds, r.Failed[0].Err)
	}
}
