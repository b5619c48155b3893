package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// bench is a copy of the code in which one rule at a time is changed.
type bench struct {
	dir   string
	suite *suite
}

// modules are what the package under test is built of.
var modules = []string{"pkg", "schemas", "deploy"}

// newBench copies the modules, with their tests, into a workspace of their own. The build cache stays as it
// is, so that only the package under test is built anew.
func newBench(root, dir string, s *suite) (*bench, error) {
	workspace := []byte("go 1.26.0\n")
	for _, m := range modules {
		if err := os.CopyFS(filepath.Join(dir, m), os.DirFS(filepath.Join(root, m))); err != nil {
			return nil, fmt.Errorf("copy the code: %w", err)
		}
		workspace = fmt.Appendf(workspace, "use ./%s\n", m)
	}
	if s.beside != "" {
		// Of the module of tests only this folder, which needs nothing but the modules copied.
		if err := os.CopyFS(filepath.Join(dir, "test", s.beside), os.DirFS(filepath.Join(root, "test", s.beside))); err != nil {
			return nil, fmt.Errorf("copy the tests: %w", err)
		}
		all, err := filepath.Glob(filepath.Join(dir, "test", s.beside, "*_test.go"))
		for _, path := range all {
			if !slices.Contains(s.needed, filepath.Base(path)) {
				err = errors.Join(err, os.Remove(path))
			}
		}
		if err != nil {
			return nil, fmt.Errorf("leave tests out: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, "test", "go.mod"), []byte("module github.com/cohortflow/cohortflow/test\n\ngo 1.26.0\n"), 0o600); err != nil {
			return nil, fmt.Errorf("make a module of the tests: %w", err)
		}
		workspace = append(workspace, "use ./test\n"...)
	}
	if err := os.WriteFile(filepath.Join(dir, "go.work"), workspace, 0o600); err != nil {
		return nil, fmt.Errorf("make a workspace of the copy: %w", err)
	}
	return &bench{dir: dir, suite: s}, nil
}

// verdict is what the tests say of the code as it stands.
type verdict struct {
	caught bool
	by     string // the first test that failed
	output string
}

func (b *bench) test(ctx context.Context) (verdict, error) {
	c := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, b.suite.tests...)...)
	c.Dir = b.dir
	c.Env = append(os.Environ(), "GOWORK="+filepath.Join(b.dir, "go.work"), "GOFLAGS=")
	out, err := c.CombinedOutput()
	v := verdict{output: string(out)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return v, ctx.Err()
	case err != nil && !errors.As(err, &exit):
		return v, fmt.Errorf("run the tests: %w", err)
	case strings.Contains(v.output, "[build failed]"), strings.Contains(v.output, "[setup failed]"):
		return v, fmt.Errorf("it does not compile:\n%s", v.output)
	case strings.Contains(v.output, "[no tests to run]"), err == nil && !strings.Contains(v.output, "ok"):
		return v, fmt.Errorf("no test ran:\n%s", v.output)
	case err == nil:
		return v, nil
	}
	v.caught, v.by = true, "a panic"
	if found := b.suite.failed.FindStringSubmatch(v.output); found != nil {
		v.by = strings.Join(found[1:], "")
	}
	return v, nil
}

// try tests the code with one mutant in it, and puts it back.
func (b *bench) try(ctx context.Context, m *mutant) (v verdict, err error) {
	path := filepath.Join(b.dir, "pkg", b.suite.target, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return v, fmt.Errorf("%s: %w", m.place, err)
	}
	changed, err := m.apply(string(text))
	if err != nil {
		return v, err
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		return v, fmt.Errorf("%s: %w", m.place, err)
	}
	defer func() { err = errors.Join(err, os.WriteFile(path, text, 0o600)) }()
	if v, err = b.test(ctx); err != nil {
		return v, fmt.Errorf("%s: %w", m.place, err)
	}
	return v, nil
}

// work tries every mutant and tells of each in the order of the table.
func work(ctx context.Context, benches []*bench, list []mutant, tell func(*mutant, verdict, error)) {
	type result struct {
		v   verdict
		err error
	}
	results := make([]chan result, len(list))
	next := make(chan int, len(list))
	for i := range list {
		results[i] = make(chan result, 1)
		next <- i
	}
	close(next)
	var running sync.WaitGroup
	for _, b := range benches {
		running.Go(func() {
			for i := range next {
				v, err := b.try(ctx, &list[i])
				results[i] <- result{v, err}
			}
		})
	}
	for i := range list {
		r := <-results[i]
		if ctx.Err() == nil {
			tell(&list[i], r.v, r.err)
		}
	}
	running.Wait()
}
