// Command campaign runs the properties of the core over many random cases, far more than a suite has time
// for: random rules on crowded timelines against an evaluator that keeps everything, late and repeated
// events, explanations, and states that go through their encoding. It tells once a minute how far it is, and
// says at the end on one line how many cases there were.
//
//	go run ./test/campaign [--cases N] [--only REGEXP] [--seed N] [--workers N] [--every 1m]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	cases   int
	batch   int
	workers int
	seed    uint64
	only    string
	every   time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.cases, "cases", 5_000_000, "cases over all properties together")
	flag.StringVar(&o.only, "only", "", "properties whose test this regular expression finds; default all")
	flag.IntVar(&o.batch, "batch", 5_000, "cases of one run, at most")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "runs at a time")
	flag.Uint64Var(&o.seed, "seed", 0, "the same number draws the same cases; 0 = another each time")
	flag.DurationVar(&o.every, "every", time.Minute, "between two lines of progress")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only resets signals
	}
}

func run(ctx context.Context, o options) error {
	if o.cases < 1 || o.batch < 1 || o.workers < 1 || o.every <= 0 {
		return errors.New("--cases, --batch, --workers and --every have to be at least 1")
	}
	of, err := chosen(o.only)
	if err != nil {
		return err
	}
	for o.seed == 0 {
		o.seed = rand.Uint64() >> 16
	}
	dir, err := os.MkdirTemp("", "campaign-")
	if err != nil {
		return fmt.Errorf("make room for the test binary: %w", err)
	}
	defer os.RemoveAll(dir)
	suite, err := build(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Printf("campaign: %d cases of %d properties, seed %d\n", o.cases, len(of), o.seed)
	p := newProgress(o.cases)
	stop := p.report(o.every)
	err = suite.play(ctx, deal(of, o.cases, o.batch, o.seed), o.workers, p)
	stop()
	if err != nil {
		return fmt.Errorf("after %s, seed %d: %w", p, o.seed, err)
	}
	fmt.Printf("campaign: %s, none failed, seed %d\n", p, o.seed)
	return nil
}
