package main

import (
	"context"
	"errors"
	"net/http"
	"syscall"
	"time"

	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

// absence is longer than a group keeps a silent member, so that the partitions go to another one.
const absence = 8 * time.Second

// processFaults happen to processes: those of the flow, of which there are two processors and two sinks, and the broker.
func (f *flow) processFaults() []fault {
	frozen := func(names ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			for _, name := range names {
				if err := f.services[name].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					return err
				}
			}
			err := pause(ctx, absence)
			for _, name := range names {
				err = errors.Join(err, f.services[name].cmd.Process.Signal(syscall.SIGCONT))
			}
			return err
		}
	}
	killed := func(names ...string) func(context.Context) error {
		return func(context.Context) error {
			for _, name := range names {
				if err := f.services[name].kill(); err != nil {
					return err
				}
			}
			for _, name := range names {
				if err := f.start(name); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return []fault{
		{"a processor is frozen until it owns nothing, and goes on", frozen("processor")},
		{"the other one too, while the first one is killed", func(ctx context.Context) error {
			return errors.Join(killed("processor")(ctx), frozen("processor-2")(ctx))
		}},
		{"a sink is frozen until it owns nothing, and goes on", frozen("sink")},
		{"a sink with a full queue is frozen until it owns nothing, and goes on", func(ctx context.Context) error {
			f.server.Always(saleswingstest.Status(http.StatusServiceUnavailable))
			err := pause(ctx, 6*time.Second)
			err = errors.Join(err, f.services["sink"].cmd.Process.Signal(syscall.SIGSTOP))
			f.server.Always(nowAndThen())
			err = errors.Join(err, pause(ctx, 2*absence))
			return errors.Join(err, f.services["sink"].cmd.Process.Signal(syscall.SIGCONT), pause(ctx, 3*time.Second))
		}},
		{"all of them are frozen", frozen("processor", "processor-2", "sink", "sink-2", "ingest")},
		{"a processor leaves in good order and comes back", func(ctx context.Context) error {
			return errors.Join(f.services["processor"].stop(), pause(ctx, time.Second), f.start("processor"))
		}},
		{"all of them are killed", killed("processor", "processor-2", "sink", "sink-2", "ingest")},
		{"the broker is frozen", func(ctx context.Context) error {
			return errors.Join(f.kafka.Pause(), pause(ctx, outage), f.kafka.Resume())
		}},
		{"the broker is killed and comes back", func(context.Context) error {
			return errors.Join(f.kafka.Kill9(), f.kafka.Restart())
		}},
		{"broker, store and processors are killed", func(ctx context.Context) error {
			return errors.Join(f.kafka.Kill9(), f.redis.Kill9(), f.redis.Restart(), f.kafka.Restart(), killed("processor", "processor-2")(ctx))
		}},
	}
}

// twin starts another process of a kind.
func (f *flow) twin(name string) error {
	ports, err := freePorts(1)
	if err != nil {
		return err
	}
	of := f.services[name]
	other := &service{name: name, binary: of.binary, args: of.args, admin: ports[0], log: of.log + ".2"}
	f.services[name+"-2"] = other
	return f.start(name + "-2")
}
