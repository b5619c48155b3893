package state

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

func TestPerson_WhatTheCheckpointSaysOfThem(t *testing.T) {
	p := Person{Person: cohort.Person{Key: "ada"}, Followed: []string{"guest", "ada"}}
	if diff := cmp.Diff([]string{"ada", "guest"}, p.Keys()); diff != "" {
		t.Errorf("keys (-want +got)\n%s", diff)
	}
	p.Checkpoint = partition.Checkpoint{LogTime: 100, Change: partition.Change{Warming: map[string]int64{"new": 101, "old": 100}}}
	if got := fmt.Sprint(p.WarmingUntil("new"), p.WarmingUntil("old"), p.WarmingUntil("other")); got != "101 0 0" {
		t.Errorf("warming until %s, want 101 while it lies ahead, else 0", got)
	}
	own := int32(redisstate.SliceOf("ada"))
	for sweep, want := range map[int32]bool{0: false, own + 1: true, own + 2: false, 1: true} {
		if p.Checkpoint.Sweep = sweep; p.ReviewPending() != want {
			t.Errorf("the next slice is %d, ada is in %d: pending=%t", sweep-1, own, p.ReviewPending())
		}
	}
}
