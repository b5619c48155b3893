package main

import (
	"context"
	"strings"
	"testing"
)

func TestDeal_GivesEveryPropertyItsShare(t *testing.T) {
	for _, c := range []struct{ cases, most int }{{1, 1}, {7, 3}, {100_003, 20_000}, {5_000_000, 20_000}} {
		share, all, seeds := make([]int, len(properties)), 0, make(map[uint64]bool)
		for _, b := range deal(c.cases, c.most, 42) {
			if b.cases < 1 || b.cases > c.most || seeds[b.seed] {
				t.Fatalf("%+v: got %+v", c, b)
			}
			seeds[b.seed] = true
			share[b.property] += b.cases
			all += b.cases
		}
		for _, n := range share {
			if all != c.cases || n < c.cases/len(properties) || n > c.cases/len(properties)+1 {
				t.Fatalf("%+v: shares %v", c, share)
			}
		}
	}
}

// Every property is there under its name, and says how many cases it drew.
func TestPlay_CountsWhatPassed(t *testing.T) {
	s, err := build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p := newProgress(100)
	if err := s.play(t.Context(), deal(100, 15, 1), 2, p); err != nil {
		t.Fatal(err)
	}
	if got := p.String(); p.total() != 100 || !strings.Contains(got, "100 cases passed") || !strings.Contains(got, "codec round trip 20") {
		t.Errorf("got %q", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.play(ended, deal(100, 15, 1), 2, p); err == nil || p.total() != 100 {
		t.Errorf("a campaign that was stopped: %v, %s", err, p)
	}
}
