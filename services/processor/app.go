// Package processor turns the log of events into the log of transitions. This file is
// its composition root:
//
//	group membership ─► who owns which partition
//	fetcher (all owned partitions) ─► owner per partition ─► transitions, profiles
//	                                     │  ▲
//	                                     ▼  │ people, deadlines, checkpoint
//	                                    Redis
package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/settings"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/processor/internal/owner"
)

// Deps are the connections and the rules that a processor works with.
type Deps struct {
	Kafka      *kafkaio.Client
	Store      *redisstate.Store
	Registry   Registry
	Keys       *seal.Keys
	Catalogue  *catalogue.Catalogue
	Partitions int // of every topic
	// EventClock: time is data. No tick is made by the wall clock.
	EventClock bool
	Log        *slog.Logger
}

// Registry tells the id that a subject's newest schema is written with.
type Registry interface {
	ID(subject string) uint32
}

// App is one processor process.
type App struct {
	cfg    Config
	deps   Deps
	owner  owner.Config
	meters *owner.Meters

	mu      sync.Mutex
	owners  map[int32]*running
	stopped map[int32]string // partitions that need a person, and why
	misfit  string           // what is wrong with the topic of events as a whole
}

// running is one owned partition: tenures follow each other until it is given up.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	mu     sync.Mutex
	owner  *owner.Owner
}

func (r *running) current() *owner.Owner {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.owner
}

// New checks what it is given; Run does the first IO.
func New(cfg Config, deps Deps) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("processor settings: %w", err)
	}
	if deps.Partitions < 1 {
		return nil, fmt.Errorf("partitions is %d: say how many the topics have", deps.Partitions)
	}
	a := &App{
		cfg: cfg, deps: deps, meters: owner.NewMeters(otel.Meter(telemetry.Scope)),
		owners: make(map[int32]*running), stopped: make(map[int32]string),
	}
	owner.Observe(otel.Meter(telemetry.Scope), a.Progress)
	a.owner = owner.Config{
		Machine: partition.Config{
			Owner: settings.Instance(cfg.Instance, "processor"), CatalogueText: string(deps.Catalogue.Text), Revision: deps.Catalogue.Program.Revision(),
			Compile: compileText,
			Read:    avrocodec.DecodeEvent,
			Ticks:   !deps.EventClock,
			Slices:  redisstate.Slices(), SliceOf: redisstate.SliceOf, SweepPeople: int64(cfg.SweepRate),
			CommitEvery: cfg.CommitEvery.Milliseconds(),
			MaxTouched:  cfg.MaxTouched, Residents: cfg.Residents, Heartbeat: cfg.Heartbeat.Milliseconds(),
		},
		Topics: owner.Topics{
			Events: schemas.EventsTopic, Transitions: schemas.TransitionsTopic, Profiles: schemas.ProfilesTopic,
			EventsID:      deps.Registry.ID(schemas.EventsSubject),
			TransitionsID: deps.Registry.ID(schemas.TransitionsSubject),
			ProfilesID:    deps.Registry.ID(schemas.ProfilesSubject),
		},
		Partitions:    deps.Partitions,
		TransactionID: cfg.TransactionalID,
		Timeout:       15 * time.Second,
		StopTimeout:   cfg.StopTimeout,
	}
	return a, nil
}

// compileText compiles a catalogue as it stands in the log.
func compileText(text string) (*cohort.Program, error) {
	c, err := catalogue.Load("catalogue record", []byte(text))
	if err != nil {
		return nil, err
	}
	return c.Program, nil
}

// Run owns the partitions that the group gives it until ctx is done; then it ends
// every tenure in good order and leaves the group.
func (a *App) Run(ctx context.Context) error {
	report, err := a.deps.Store.Check(ctx)
	if err != nil {
		return fmt.Errorf("check the state store: %w", err)
	}
	for _, hint := range report.Warnings {
		a.deps.Log.Warn("state store", "warning", hint)
	}
	fetcher := a.deps.Kafka.NewFetcher(kafkaio.FetcherConfig{Topic: schemas.EventsTopic})
	defer fetcher.Close()
	ticks := a.deps.Kafka.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic, Timeout: a.owner.Timeout})
	defer func() {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = ticks.Close(limit)
	}()
	deps := owner.Deps{
		Kafka: a.deps.Kafka, Fetcher: fetcher, Append: ticks, Store: a.deps.Store,
		Keys: a.deps.Keys, Log: a.deps.Log, Meters: a.meters,
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() { a.dispatch(work, fetcher) })
	tasks.Go(func() { a.watchTopic(work) })
	defer tasks.Wait()
	defer cancel()

	members, err := a.deps.Kafka.JoinGroup(ctx, kafkaio.GroupConfig{
		GroupID: a.cfg.Group, Topic: schemas.EventsTopic,
		// A member that died holds everybody up for as long at the next join.
		RebalanceTimeout: 3 * time.Second,
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", a.cfg.Group, err)
	}
	defer members.Close()
	defer a.release(nil)
	for {
		generation, err := members.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("membership of group %s: %w", a.cfg.Group, err)
		}
		a.deps.Log.Info("partitions assigned", "generation", generation.ID, "partitions", generation.Partitions)
		a.release(generation.Partitions)
		a.adopt(work, deps, generation.Partitions)
		a.showLag(ctx, generation)
	}
}

// dispatch hands what the fetcher brings to the owners.
func (a *App) dispatch(ctx context.Context, fetcher *kafkaio.Fetcher) {
	for {
		fetches, err := fetcher.Poll(ctx)
		if err != nil {
			return
		}
		for _, f := range fetches {
			a.mu.Lock()
			r := a.owners[f.Partition]
			a.mu.Unlock()
			if r != nil {
				if o := r.current(); o != nil {
					o.Deliver(f)
				}
			}
		}
	}
}

// release ends the tenures of partitions that are not in keep, in good order and side by side.
func (a *App) release(keep []int32) {
	kept := make(map[int32]bool, len(keep))
	for _, p := range keep {
		kept[p] = true
	}
	a.mu.Lock()
	var gone []*running
	for p, r := range a.owners {
		if !kept[p] {
			gone = append(gone, r)
			r.cancel()
		}
	}
	for p := range a.stopped {
		if !kept[p] {
			delete(a.stopped, p)
		}
	}
	a.mu.Unlock()
	for _, r := range gone {
		<-r.done
	}
}

// adopt begins the tenures of newly assigned partitions; one that is kept goes on
// under its epoch.
func (a *App) adopt(ctx context.Context, deps owner.Deps, partitions []int32) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range partitions {
		if a.owners[p] != nil {
			continue
		}
		if int(p) >= a.deps.Partitions {
			// It has no outputs, and nobody but a stranger writes there.
			a.stopped[p] = a.misfits(int(p) + 1)
			a.deps.Log.Error("partition stopped: it needs a person", "partition", p, "reason", a.stopped[p])
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		r := &running{cancel: cancel, done: make(chan struct{})}
		a.owners[p] = r
		go func() {
			defer close(r.done)
			a.own(ctx, deps, p, r)
			a.mu.Lock()
			defer a.mu.Unlock()
			delete(a.owners, p)
		}()
	}
}

// own runs tenures of one partition, one after the other: whatever ended one, the next
// begins at the top with nothing in memory.
func (a *App) own(ctx context.Context, deps owner.Deps, p int32, r *running) {
	const firstPause, longestPause = 50 * time.Millisecond, 5 * time.Second
	pause := firstPause
	for ctx.Err() == nil {
		begun := time.Now()
		o := owner.New(a.owner, deps, p)
		r.mu.Lock()
		r.owner = o
		r.mu.Unlock()
		end := o.Run(ctx)
		stats := o.Stats()
		a.meters.Ended(ctx, end.Class.String(), stats.Contrary)
		log := deps.Log.With("partition", p, "class", end.Class.String(), "reason", end.Reason,
			"records", stats.Records, "transitions", stats.Transitions, "repeated", stats.Repeated, "contrary", stats.Contrary)
		if end.Final {
			log.Error("partition stopped: it needs a person")
			a.mu.Lock()
			a.stopped[p] = end.Reason
			a.mu.Unlock()
			<-ctx.Done() // it stays ours, so that no other process walks into the same
			return
		}
		if ctx.Err() != nil {
			log.Info("tenure ended")
			return
		}
		log.Warn("tenure ended, the next one begins")
		if time.Since(begun) > 10*time.Second {
			pause = firstPause
		}
		// A fenced owner must not take the epoch back at once: the group may be about to
		// say that the partition is no longer ours.
		wait := pause/2 + rand.N(pause)
		if end.Class == partition.Fenced {
			wait += 500 * time.Millisecond
		}
		pause = min(2*pause, longestPause)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// showLag commits positions to the group until the generation ends, so that the usual
// tools show lag. Nothing is ever read from there.
func (a *App) showLag(ctx context.Context, g *kafkaio.Generation) {
	go func() {
		ticker := time.NewTicker(5 * time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-g.Done():
				return
			case <-ticker.C:
			}
			offsets := make(map[int32]int64)
			for p, at := range a.Progress() {
				if at.Settled > 0 {
					offsets[p] = at.Settled
				}
			}
			if len(offsets) == 0 {
				continue
			}
			limit, cancel := context.WithTimeout(ctx, 3*time.Second)
			if err := g.Commit(limit, offsets); err != nil {
				a.deps.Log.Debug("lag display", "err", err)
			}
			cancel()
		}
	}()
}

// Progress is how far each owned partition is.
type Progress = owner.Progress

// Progress tells how far each owned partition is.
func (a *App) Progress() map[int32]Progress {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make(map[int32]Progress, len(a.owners))
	for p, r := range a.owners {
		if o := r.current(); o != nil {
			out[p] = o.Progress()
		}
	}
	return out
}

// Ready is nil while every owned partition works or is on its way to; else it says
// which one stopped and why.
func (a *App) Ready(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	if a.misfit != "" {
		errs = append(errs, errors.New(a.misfit))
	}
	for _, p := range slices.Sorted(maps.Keys(a.stopped)) {
		errs = append(errs, fmt.Errorf("partition %d stopped: %s", p, a.stopped[p]))
	}
	return errors.Join(errs...)
}
