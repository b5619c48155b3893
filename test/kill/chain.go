package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// patience is how long a step may take to be visited, and a flow to be as it was.
const patience = 45 * time.Second

// death is one kill.
type death struct {
	step  string
	visit int
	after time.Duration // from the start of the process
	late  bool          // the visit did not come
}

// chain kills one service at one step after the other: whatever is started after a death is armed with the
// next step, so that a process may die again while it recovers. In the end it is started unarmed.
func (f *flow) chain(ctx context.Context, name string, steps []step) (deaths []death, err error) {
	for i, s := range steps {
		// Every other processor joins a group of its own, so that it need not wait until the dead member is given
		// up: it takes the partitions over at once.
		f.services[name].more = nil
		if name == "processor" && i%2 == 1 {
			f.services[name].more = []string{"--processor-group", fmt.Sprintf("kill-%d", i)}
		}
		d, err := f.die(ctx, s, 1)
		if d.late && s.prepare == newCatalogue {
			// The death before may have come before its catalogue had reached the log. Then this one was in force already.
			if err = f.services[name].stop(); err == nil {
				d, err = f.die(ctx, s, 1)
			}
		}
		if err != nil {
			return deaths, err
		}
		deaths = append(deaths, d)
	}
	f.services[name].more = nil
	if err := f.start(name); err != nil {
		return deaths, err
	}
	return deaths, f.services[name].ready(ctx, patience)
}

// die starts a service that is not running and waits until it is killed at the step.
func (f *flow) die(ctx context.Context, s step, visit int) (death, error) {
	service := f.services[s.service()]
	switch s.prepare {
	case emptyStore:
		if _, err := f.redis.Do("FLUSHALL"); err != nil {
			return death{}, fmt.Errorf("empty the store: %w", err)
		}
	case newCatalogue:
		f.current = 1 - f.current
	default:
	}
	begun := time.Now()
	if err := f.start(s.service(), fmt.Sprintf("CRASH_AT=%s:%d", s.name, visit)); err != nil {
		return death{}, err
	}
	if s.prepare == goodOrder {
		if err := service.ready(ctx, patience); err != nil {
			return death{}, err
		}
		if err := pause(ctx, 3500*time.Millisecond); err != nil { // so that it owns something
			return death{}, err
		}
		if err := service.terminate(); err != nil {
			return death{}, fmt.Errorf("ask %s to end: %w", service.name, err)
		}
	}
	if !service.ended(ctx, patience) {
		return death{late: true}, fmt.Errorf("visit %d of %s did not come within %s", visit, s.name, patience)
	}
	if !service.killed(s.name) {
		said := service.said()
		return death{}, fmt.Errorf("%s ended otherwise than at visit %d of %s: %s\n%s", service.name, visit, s.name,
			service.cmd.ProcessState, said[max(0, len(said)-3000):])
	}
	return death{step: s.name, visit: visit, after: service.endsAt.Sub(begun)}, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// stepsOf lists the steps of one service whose name holds a text.
func stepsOf(service, only string) (list []step) {
	for _, s := range allSteps() {
		if s.service() == service && strings.Contains(s.name, only) {
			list = append(list, s)
		}
	}
	return list
}
