// Package lifecycle starts the parts of a service in order and stops them in the
// reverse order, within a limit. It knows nothing of what the parts do.
//
// The order carries a promise: name the parts downstream first (producers, then
// the loop, then the HTTP intake). Then intake ends first, what it took is worked
// off by parts that still run, and the last thing to close is what all wrote to.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

// Component is one part of a service.
type Component struct {
	Name string
	// Run works until ctx is done, finishes what it has begun and returns. An
	// error, or nil before ctx is done, ends the whole service (nil: in good order).
	Run func(ctx context.Context) error
	// Ready, when set, is closed by the part once the next one may start.
	Ready <-chan struct{}
}

// ErrShutdownTimeout is wrapped when a part did not stop in time.
var ErrShutdownTimeout = errors.New("did not stop in time")

// running is a started component.
type running struct {
	name   string
	cancel context.CancelFunc
	done   chan error // takes one answer
	ended  bool
}

// Run starts the components in order and waits until ctx is done or one of them
// ends. Then it stops them in reverse, each one only after its followers have
// returned; shutdownTimeout bounds all stops together. It returns nil when every
// part ended in good order, else all their errors. On a timeout it does not wait
// any longer: the caller has to end the process.
func Run(ctx context.Context, log *slog.Logger, shutdownTimeout time.Duration, components ...Component) error {
	ended := make(chan struct{}, len(components)) // one signal per part, so that none ever blocks
	started := make([]*running, 0, len(components))
	var errs []error

	for _, c := range components {
		r := start(ctx, c, ended)
		started = append(started, r)
		log.Info("started", "component", c.Name)
		if c.Ready != nil {
			select {
			case <-c.Ready:
			case <-ended:
				errs = append(errs, reap(started, log)...)
				return errors.Join(append(errs, stop(started, shutdownTimeout, log)...)...)
			case <-ctx.Done():
				return errors.Join(stop(started, shutdownTimeout, log)...)
			}
		}
	}
	select {
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx).Error())
	case <-ended:
		errs = append(errs, reap(started, log)...)
	}
	return errors.Join(append(errs, stop(started, shutdownTimeout, log)...)...)
}

// start gives the part a context of its own, so that parts stop one by one and not
// all at once when the caller's context ends.
func start(ctx context.Context, c Component, ended chan<- struct{}) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: c.Name, cancel: cancel, done: make(chan error, 1)}
	go func() {
		r.done <- c.Run(own)
		ended <- struct{}{}
	}()
	return r
}

// reap collects the parts that ended by themselves.
func reap(started []*running, log *slog.Logger) (errs []error) {
	for _, r := range started {
		select {
		case err := <-r.done:
			r.ended = true
			r.cancel()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
			}
			log.Info("ended by itself", "component", r.name)
		default:
		}
	}
	return errs
}

func stop(started []*running, timeout time.Duration, log *slog.Logger) (errs []error) {
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for _, r := range slices.Backward(started) {
		r.cancel()
		if r.ended {
			continue
		}
		select {
		case err := <-r.done:
			if err != nil && !errors.Is(err, context.Canceled) {
				errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
			}
			log.Info("stopped", "component", r.name)
		case <-limit.C:
			errs = append(errs, fmt.Errorf("%s: %w (%s for all parts): raise shutdown-timeout or look at what it waits for",
				r.name, ErrShutdownTimeout, timeout))
			// Nothing below it may be closed under its feet; the process ends.
			return errs
		}
	}
	return errs
}

// Main runs a service until it ends or SIGINT or SIGTERM comes, and returns the exit
// code: 0 in good order, else 1 with the error on stderr. A second signal ends the
// process at once. It is for func main alone: os.Exit(lifecycle.Main(run)).
func Main(run func(ctx context.Context) error) int {
	return mainWith(run, os.Stderr)
}

func mainWith(run func(ctx context.Context) error, stderr io.Writer) int {
	ctx, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer release()
	// From the first signal on the default action is back: the second one kills.
	defer context.AfterFunc(ctx, release)()
	if err := run(ctx); err != nil {
		_, _ = fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	return 0
}
