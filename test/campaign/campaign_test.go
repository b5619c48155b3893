package main

import (
	"context"
	"strings"
	"testing"
)

func every(t *testing.T) []int {
	t.Helper()
	of, err := chosen("")
	if err != nil || len(of) != len(properties) {
		t.Fatalf("got %v %v, want all %d", of, err, len(properties))
	}
	return of
}

func TestChosen_FindsByTheNameOfTheTest(t *testing.T) {
	of, err := chosen("Naive")
	if err != nil || len(of) != 1 || properties[of[0]].test != "TestFold_EqualsNaiveEvaluator" {
		t.Fatalf("got %v %v", of, err)
	}
	for _, b := range deal(of, 100, 30, 1) {
		if b.property != of[0] {
			t.Errorf("got a batch of %s", properties[b.property].test)
		}
	}
	for _, wrong := range []string{"(", "nothing of that name"} {
		if _, err := chosen(wrong); err == nil || !strings.Contains(err.Error(), "--only") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestDeal_GivesEveryPropertyItsShare(t *testing.T) {
	for _, c := range []struct{ cases, most int }{{1, 1}, {7, 3}, {100_003, 20_000}, {5_000_000, 20_000}} {
		share, all, seeds := make([]int, len(properties)), 0, make(map[uint64]bool)
		for _, b := range deal(every(t), c.cases, c.most, 42) {
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
	if err := s.play(t.Context(), deal(every(t), 100, 15, 1), 2, p); err != nil {
		t.Fatal(err)
	}
	if got := p.String(); p.total() != 100 || !strings.Contains(got, "100 cases passed") || !strings.Contains(got, "codec round trip 20") {
		t.Errorf("got %q", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.play(ended, deal(every(t), 100, 15, 1), 2, p); err == nil || p.total() != 100 {
		t.Errorf("a campaign that was stopped: %v, %s", err, p)
	}
}
