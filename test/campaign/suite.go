package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

const module = "github.com/cohortflow/cohortflow/pkg"

// suite is the core's tests, built once.
type suite struct{ binary, dir string }

func build(ctx context.Context, into string) (suite, error) {
	s := suite{binary: filepath.Join(into, "cohort.test")}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return s, fmt.Errorf("find %s, which takes a working directory inside the repository: %w", module, err)
	}
	s.dir = filepath.Join(strings.TrimSpace(string(out)), "cohort")
	c := exec.CommandContext(ctx, "go", "test", "-c", "-o", s.binary, ".")
	c.Dir = s.dir
	if out, err := c.CombinedOutput(); err != nil {
		return s, fmt.Errorf("build the tests of the core: %w\n%s", err, out)
	}
	return s, nil
}

// play runs the batches until one fails or the context ends.
func (s suite) play(ctx context.Context, list []batch, workers int, p *progress) error {
	g, together := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for _, b := range list {
		if together.Err() != nil {
			break
		}
		g.Go(func() error {
			n, err := s.run(together, b)
			p.add(b.property, n)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped: %w", err)
	}
	return nil
}

var passed = regexp.MustCompile(`\[rapid\] OK, passed (\d+) tests`)

// run gives how many cases passed, as the test itself counts them.
func (s suite) run(ctx context.Context, b batch) (int, error) {
	c := exec.CommandContext(ctx, s.binary, "-test.v", "-test.timeout=0", "-test.run=^"+properties[b.property].test+"$",
		"-rapid.checks="+strconv.Itoa(b.cases), "-rapid.seed="+strconv.FormatUint(b.seed, 10), "-rapid.nofailfile")
	c.Dir = s.dir
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return 0, fmt.Errorf("stopped: %w", ctx.Err())
	}
	if err != nil {
		return 0, fmt.Errorf("%s failed, -rapid.seed=%d -rapid.checks=%d: %w\n%s", properties[b.property].test, b.seed, b.cases, err, out)
	}
	found := passed.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("%s drew no cases: is it still a property under this name?\n%s", properties[b.property].test, out)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err == nil && n != b.cases {
		err = errors.New("not as many cases as were asked for")
	}
	return n, err
}
