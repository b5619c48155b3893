package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/test/checker/audit"
)

// campaign is the long run: every step, at its first, a middle and a last visit, once per seed.
type campaign struct {
	seeds int
	first uint64
	only  string
	state string
	out   io.Writer

	mu   sync.Mutex
	book book
}

// book is what a campaign remembers.
type book struct {
	Kills  []kill            `json:"kills"`
	Judged map[string]string `json:"judged"` // by seed: "sound", or what was found
}

// kill is one visit of a step that was to be the last.
type kill struct {
	Seed     uint64        `json:"seed"`
	Step     string        `json:"step"`
	When     string        `json:"when"` // first, middle or last
	Visit    int           `json:"visit"`
	Died     bool          `json:"died"` // false: the visit did not come
	Recovery time.Duration `json:"recovery_ns"`
	Stuck    string        `json:"stuck,omitempty"`
}

// rehearsal is how long visits are counted for, to know which are in the middle and which are last.
const rehearsal = 8 * time.Second

func (c *campaign) run(ctx context.Context, root string) error {
	text, err := os.ReadFile(c.state)
	if err == nil {
		err = json.Unmarshal(text, &c.book)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("what the campaign remembers: %w", err)
	}
	if c.book.Judged == nil {
		c.book.Judged = make(map[string]string)
	}
	binaries, err := build(root, serviceNames...)
	if err != nil {
		return err
	}
	for n := range c.seeds {
		seed := c.first + uint64(n)
		if c.book.Judged[fmt.Sprint(seed)] != "" {
			continue
		}
		if err := c.seed(ctx, root, seed, binaries); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
	}
	c.table()
	for seed, found := range c.book.Judged {
		if found != sound {
			return fmt.Errorf("seed %s: %s", seed, found)
		}
	}
	for _, k := range c.book.Kills {
		if k.Stuck != "" {
			return fmt.Errorf("seed %d: stuck after %s", k.Seed, k.Step)
		}
	}
	return nil
}

const sound = "sound"

// seed runs one flow from the first step to the last.
func (c *campaign) seed(ctx context.Context, root string, seed uint64, binaries map[string]string) (err error) {
	dir := filepath.Join(root, "build", "kills", fmt.Sprint(seed))
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
		return err
	}
	f, err := startFlow(ctx, dir, binaries, parts{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	counts := make(map[string]string)
	f.current = 1
	for _, name := range serviceNames {
		counts[name] = filepath.Join(dir, name+".visits")
		if err := f.start(name, "CRASH_COUNTS="+counts[name]); err != nil {
			return err
		}
	}
	for _, s := range f.services {
		if err := s.ready(ctx, patience); err != nil {
			return err
		}
	}
	t, err := newTally(watching, f.brokers())
	if err != nil {
		return err
	}
	// A crowd's number tells its people from those of a run of this seed that was stopped.
	people := newCrowd(f.url, seed*1_000+uint64(len(c.book.Kills)), 24)
	living, silence := context.WithCancel(ctx)
	defer silence()
	var everybody sync.WaitGroup
	everybody.Go(func() { people.run(living) })
	if err := pause(ctx, rehearsal); err != nil {
		return err
	}
	visits, err := readVisits(counts)
	if err != nil {
		return err
	}
	var chains sync.WaitGroup
	faults := make(chan error, len(serviceNames))
	for _, name := range serviceNames {
		chains.Go(func() { faults <- c.service(ctx, f, t, seed, name, visits) })
	}
	chains.Wait()
	silence()
	everybody.Wait()
	for range serviceNames {
		err = errors.Join(err, <-faults)
	}
	if err != nil {
		return err
	}
	report, kept, err := f.settled(ctx, people.acknowledged(), time.Minute)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nseed %d, sent %v\n", seed, people.counts)
	report.Print(c.out)
	return c.judge(seed, report, kept, dir)
}

func (c *campaign) judge(seed uint64, report *audit.Report, kept *audit.Case, dir string) error {
	verdict := sound
	if !report.Sound() {
		path := filepath.Join(dir, "found.case")
		verdict = fmt.Sprintf("%d findings, see %s", len(report.Findings), path)
		if err := kept.Save(path); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book.Judged[fmt.Sprint(seed)] = verdict
	return c.remember()
}

// service kills one service at all of its steps that are not done yet, and lets it recover each time.
func (c *campaign) service(ctx context.Context, f *flow, t *tally, seed uint64, name string, visits map[string]int) error {
	for _, s := range stepsOf(name, c.only) {
		n := max(3, visits[s.name]) // a rare one comes again, a little later
		for _, w := range []struct {
			when  string
			visit int
		}{{"first", 1}, {"middle", (n + 1) / 2}, {"last", n}} {
			if c.done(seed, s.name, w.when) {
				continue
			}
			if s.prepare == goodOrder {
				w.visit = map[string]int{"first": 1, "middle": partitions / 2, "last": partitions}[w.when] // each partition is left once
			}
			k := kill{Seed: seed, Step: s.name, When: w.when, Visit: w.visit}
			if err := f.services[name].stop(); err != nil {
				return err
			}
			died, err := f.die(ctx, s, w.visit)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			switch {
			case err == nil:
				k.Died = true
				if k.Recovery, err = f.recover(ctx, t, f.services[name]); err != nil {
					k.Stuck = err.Error()
				}
			case died.late:
				if err := f.services[name].stop(); err != nil {
					return err
				}
				if err := f.start(name); err != nil {
					return err
				}
			default:
				return err
			}
			if err := c.write(k); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *campaign) done(seed uint64, step, when string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.book.Kills {
		if k.Seed == seed && k.Step == step && k.When == when {
			return true
		}
	}
	return false
}

// write puts a kill down and tells of it.
func (c *campaign) write(k kill) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.book.Kills = append(c.book.Kills, k)
	what := fmt.Sprintf("recovered in %.1f s", k.Recovery.Seconds())
	switch {
	case k.Stuck != "":
		what = "STUCK: " + k.Stuck
	case !k.Died:
		what = "the visit did not come"
	}
	fmt.Fprintf(c.out, "%s %5d  seed %d  %-36s %-6s visit %-5d %s\n", time.Now().Format("15:04:05"), len(c.book.Kills), k.Seed, k.Step, k.When, k.Visit, what)
	return c.remember()
}

// remember writes the book; a campaign that is stopped goes on from it.
func (c *campaign) remember() error {
	text, err := json.Marshal(c.book)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.state+".new", text, 0o600); err != nil {
		return fmt.Errorf("remember what was done: %w", err)
	}
	return os.Rename(c.state+".new", c.state)
}

// readVisits reads how often each step was visited in the rehearsal.
func readVisits(files map[string]string) (map[string]int, error) {
	visits := make(map[string]int)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("visits of the rehearsal: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			var step string
			var n int
			if _, err := fmt.Sscan(strings.TrimSpace(lines.Text()), &step, &n); err != nil {
				return nil, fmt.Errorf("visits of the rehearsal: %q: %w", lines.Text(), err)
			}
			visits[step] = n
		}
	}
	return visits, nil
}
