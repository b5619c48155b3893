// Command mutants shows that the tests of the core notice when one of its rules is another: it changes
// one rule at a time in a copy of the code, runs the quick tests of the package over it, and says which
// of them failed. It exits with 1 if a change goes unnoticed.
//
//	go run ./test/mutants [--only REGEXP] [--workers N]
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
	only    string
	workers int
}

func main() {
	var o options
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
	var chosen []mutant
	for _, m := range table() {
		if only.MatchString(m.file) || only.MatchString(m.place) || only.MatchString(m.why) {
			chosen = append(chosen, m)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("--only %q matches no mutant", o.only)
	}
	if err := check(filepath.Join(root, "pkg", target), chosen); err != nil {
		return err
	}
	began := time.Now()
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return fmt.Errorf("make room for the copies: %w", err)
	}
	defer os.RemoveAll(dir)
	var benches []*bench
	for n := range min(max(o.workers, 1), len(chosen)) {
		b, err := newBench(root, filepath.Join(dir, fmt.Sprint(n)))
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
	var t tally
	work(ctx, benches, chosen, func(m *mutant, v verdict, err error) { fmt.Println(t.add(m, v, err)) })
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	fmt.Printf("%s in %s\n", &t, time.Since(began).Round(time.Second))
	if t.bad() {
		return errors.New("write a test for what survived, or say in the table why it is the same rule")
	}
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
