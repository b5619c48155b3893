package main

import (
	"flag"
	"testing"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed that Replay plays")
	seedsFlag = flag.Uint64("seeds", 2000, "seeds")
)

func TestSeeds(t *testing.T) {
	var sum counts
	bad := 0
	steps := 0
	for seed := range *seedsFlag {
		r := Run(Draw(seed), nil)
		sum.add(&r.Count)
		steps += r.Steps
		if r.Err != nil {
			t.Errorf("seed %d: %v", seed, r.Err)
			if bad++; bad > 12 {
				break
			}
		}
	}
	t.Log("steps", steps)
	for i, n := range sum {
		t.Logf("%-40s %d", counterNames[i], n)
	}
}

func TestReplay(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("give -seed")
	}
	p := Draw(*seedFlag)
	t.Log(p)
	if r := Run(p, func(l string) { t.Log(l) }); r.Err != nil {
		t.Fatal(r.Err)
	}
}
