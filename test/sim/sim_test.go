package main

import (
	"context"
	"flag"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "the seed that Replay plays")
	fromFlag  = flag.Uint64("from", 0, "first seed of Seeds")
	seedsFlag = flag.Uint64("seeds", 20_000, "seeds of Seeds")
)

// Every seed is clean, and together they have seen every fault and every path.
func TestSeeds(t *testing.T) {
	seeds := *seedsFlag
	if testing.Short() {
		seeds = enough
	}
	if raceDetector {
		// A run has one goroutine: there is nothing for the detector to find, and it takes ten times as long.
		bin := filepath.Join(t.TempDir(), "sim")
		if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
			t.Fatalf("build the simulator: %v\n%s", err, out)
		}
		out, err := exec.Command(bin, "-seeds", strconv.FormatUint(seeds, 10), "-from", strconv.FormatUint(*fromFlag, 10), "-keep", "3").CombinedOutput()
		t.Logf("%s", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	r := Campaign{From: *fromFlag, Seeds: seeds, Keep: 3}.Run(context.Background())
	t.Log(r.String())
	if err := r.Err(); err != nil {
		t.Fatalf("%v\nplay one with: go test ./sim -run Replay -seed N -v", err)
	}
}

// The same seed is the same run, down to the last line.
func TestRun_IsAFunctionOfItsSeed(t *testing.T) {
	for seed := range uint64(20) {
		var first, second []string
		Run(Draw(seed), func(l string) { first = append(first, l) })
		Run(Draw(seed), func(l string) { second = append(second, l) })
		for i := range first {
			if i >= len(second) || first[i] != second[i] {
				t.Fatalf("seed %d: line %d differs:\n%s", seed, i, first[i])
			}
		}
	}
}

// A list is made shorter until each item that is left is needed.
func TestShrink_LeavesWhatIsNeeded(t *testing.T) {
	for seed := range uint64(2_000) {
		p := Draw(seed)
		bad := func(p *Plan) bool {
			r := Run(p, nil)
			return r.Count[zombieFenced] > 0 && r.Count[rebuilt] > partitions
		}
		if !bad(p) || len(p.Items) < 30 {
			continue
		}
		short := Shrink(p, bad, 2_000)
		if !bad(short) || len(short.Items) > 8 {
			t.Fatalf("seed %d: %d of %d items are left:\n%s", seed, len(short.Items), len(p.Items), short)
		}
		for i := range short.Items {
			without := *short
			without.Items = append(append([]Item{}, short.Items[:i]...), short.Items[i+1:]...)
			if len(without.Items) > 0 && bad(&without) {
				t.Fatalf("seed %d: %s is not needed:\n%s", seed, &short.Items[i], short)
			}
		}
		return
	}
	t.Fatal("no seed has a zombie and a flush")
}

// TestReplay prints one run, and if it fails the shortest plan that fails.
func TestReplay(t *testing.T) {
	if !flagGiven("seed") {
		t.Skip("give -seed N -v")
	}
	p := Draw(*seedFlag)
	t.Log(p)
	r := play(p, func(l string) { t.Log(l) })
	if r.Err == nil {
		return
	}
	bad := func(p *Plan) bool { return play(p, nil).Err != nil }
	begun := time.Now()
	short := Shrink(p, func(p *Plan) bool { return time.Since(begun) < 20*time.Second && bad(p) }, 2_000)
	t.Logf("---- the shortest that fails has %d of %d items", len(short.Items), len(p.Items))
	last := play(short, func(l string) { t.Log(l) })
	t.Logf("%s%v", short, last.Err)
	t.Fatal(r.Err)
}

func flagGiven(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}
