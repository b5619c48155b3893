// Command mutants shows that tests notice when one rule of the core is another: it changes one rule at a
// time in a copy of the code, runs tests over it (the quick ones of pkg/cohort; the simulation of test/sim
// for pkg/partition), and says which failed. It exits with 1 if a change goes unnoticed.
//
//	go run ./test/mutants [--target cohort|partition] [--only REGEXP] [--workers N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	target  string
	only    string
	workers int
}

func main() {
	var o options
	flag.StringVar(&o.target, "target", "", "only mutants of this package of pkg; empty = of all")
	flag.StringVar(&o.only, "only", "", "only mutants whose file, place in the table or reason matches")
	flag.IntVar(&o.workers, "workers", runtime.NumCPU(), "copies that are tested at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1) //nolint:gocritic // the deferred stop only resets signals
	}
}

func run(ctx context.Context, o options) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("--only %q: %w", o.only, err)
	}
	root, err := repository()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return fmt.Errorf("make room for the copies: %w", err)
	}
	defer os.RemoveAll(dir)
	began, t := time.Now(), &tally{}
	for _, s := range suites() {
		if o.target != "" && o.target != s.target {
			continue
		}
		if err := s.run(ctx, root, filepath.Join(dir, s.target), only, o.workers, t); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	fmt.Printf("%s in %s\n", t, time.Since(began).Round(time.Second))
	switch {
	case t.all() == 0:
		return fmt.Errorf("--target %q --only %q matches no mutant", o.target, o.only)
	case t.bad():
		return errors.New("write a test for what survived, or say in the table why it is the same rule")
	}
	return nil
}

// run tries the chosen mutants of a suite, in copies within dir.
func (s *suite) run(ctx context.Context, root, dir string, only *regexp.Regexp, workers int, t *tally) error {
	var chosen []mutant
	for _, m := range s.table {
		if only.MatchString(m.file) || only.MatchString(m.place) || only.MatchString(m.why) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return nil
	}
	if err := check(filepath.Join(root, "pkg", s.target), chosen); err != nil {
		return err
	}
	var benches []*bench
	for n := range min(max(workers, 1), len(chosen)) {
		b, err := newBench(root, filepath.Join(dir, fmt.Sprint(n)), s)
		if err != nil {
			return err
		}
		benches = append(benches, b)
	}
	// What fails without a change says nothing about one.
	if v, err := benches[0].test(ctx); err != nil {
		return err
	} else if v.caught {
		return fmt.Errorf("the tests fail without any change, by %s: mend that first\n%s", v.by, v.output)
	}
	work(ctx, benches, chosen, func(m *mutant, v verdict, err error) { fmt.Println(t.add(m, v, err)) })
	return nil
}

// repository finds the root of the workspace.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.work here or above: run it inside the repository")
		}
		dir = up
	}
}
