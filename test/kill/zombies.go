package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// zombieSteps are those at which somebody who has lost a partition and does not know of it does the most harm: just
// before or just after something durable.
func zombieSteps() []string {
	return []string{
		"processor.epoch.answered",
		"processor.fence.transitions",
		"processor.tail.read",
		"processor.publish.decided",
		"processor.publish.acked",
		"processor.commit.answered",
		"processor.forward.answered",
		"processor.tick.appended",
		"sink.saleswings.request.ready",
		"sink.saleswings.request.answered",
		"sink.ads.epoch.answered",
		"sink.ads.fence.answered",
		"sink.ads.append.acked",
	}
}

// zombies freeze a process at each of those steps for so long that the other one of its kind owns everything and has
// gone on, and then let it go on.
func (f *flow) zombies(steps ...string) (faults []fault) {
	for _, step := range steps {
		name, _, _ := strings.Cut(step, ".")
		faults = append(faults, fault{"frozen at " + step, func(ctx context.Context) error {
			s := f.services[name]
			if err := s.stop(); err != nil {
				return err
			}
			if err := f.start(name, fmt.Sprintf("FREEZE_AT=%s:2", step)); err != nil {
				return err
			}
			if err := poll(ctx, patience, func() error {
				if !strings.Contains(s.said(), "crashpoint: frozen at "+step) {
					return fmt.Errorf("%s was not visited twice", step)
				}
				return nil
			}); err != nil {
				return err
			}
			if err := pause(ctx, absence+2*time.Second); err != nil {
				return err
			}
			if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
				return fmt.Errorf("let %s go on: %w", name, err)
			}
			return pause(ctx, time.Second)
		}})
	}
	return faults
}
