// Package owner executes tenures: it carries the effects of a partition.Machine to
// Kafka and Redis and brings the answers back. It decides nothing about people and
// nothing about recovery; an effect that did not work is told to the machine, with
// what is known about its outcome.
package owner

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/crashpoint"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

const (
	maxBacklog   = 16_384   // records queued in a machine beyond which its partition is not fetched
	maxUnacked   = 16 << 20 // bytes published and not acknowledged beyond which no record is taken
	fetchesAhead = 16       // answers of the fetcher that wait for the machine
	liveLag      = 1_000    // records behind which latency is not measured: it would be that of the backlog
	longestWait  = time.Minute
	stampSlack   = 5_000 // ms that accepted_at may lie ahead of the broker's append time
)

// Topics names what an owner reads and writes, with the schema ids to write.
type Topics struct {
	Events, Transitions, Profiles       string
	EventsID, TransitionsID, ProfilesID uint32
}

// Config says what is the same for all tenures of a process.
type Config struct {
	Machine       partition.Config // Partition is set per owner
	Topics        Topics
	Partitions    int           // of every topic
	TransactionID string        // prefix; "-pN" is added. Only used to obtain an epoch
	Timeout       time.Duration // of one effect
	StopTimeout   time.Duration // for the end in good order
}

// Deps are the connections that owners share.
type Deps struct {
	Kafka   *kafkaio.Client
	Fetcher *kafkaio.Fetcher  // of the events topic
	Append  *kafkaio.Producer // of the events topic: ticks and catalogues
	Store   *redisstate.Store
	Keys    *seal.Keys
	Log     *slog.Logger
	Meters  *Meters
}

// Owner is one tenure of one partition.
type Owner struct {
	cfg       Config
	deps      Deps
	log       *slog.Logger
	partition int32
	machine   *partition.Machine
	writers   [2]*kafkaio.FencedWriter
	epoch     kafkaio.Epoch

	gate   *gate
	inputs chan partition.Input
	acked  [2]atomic.Int64
	broken atomic.Pointer[partition.Failed] // the first append that failed
	wake   chan struct{}
	done   chan struct{}
	tasks  sync.WaitGroup

	end      *partition.End
	heard    int64 // wall time of the last step
	out      outbox
	spans    traces
	position atomic.Int64 // next input offset
	settled  atomic.Int64 // committed input offset
	logTime  atomic.Int64
	caughtUp atomic.Bool
	behind   atomic.Int64    // records between position and the end of the log
	pending  atomic.Int64    // deadlines in memory
	counted  partition.Stats // what the meters know of
}

// New makes a tenure; Run runs it.
func New(cfg Config, deps Deps, number int32) *Owner {
	cfg.Machine.Partition = number
	return &Owner{
		cfg: cfg, deps: deps, partition: number, machine: partition.New(cfg.Machine),
		log:    deps.Log.With("partition", number),
		gate:   newGate(deps.Fetcher, number),
		inputs: make(chan partition.Input, 64), // every effect has at most one answer under way
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
}

// Run works until the tenure ends and says how. When ctx is done it stops in good
// order, for at most StopTimeout: what was taken is committed, so that the next owner
// repeats nothing.
func (o *Owner) Run(ctx context.Context) partition.End {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		close(o.done)
		cancel()
		o.deps.Fetcher.Revoke(o.partition)
		for _, w := range o.writers {
			if w != nil {
				w.Close()
			}
		}
		o.tasks.Wait()
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	stop := ctx.Done()
	var limit <-chan time.Time
	var acks [2]int64
	last, woken := int64(0), int64(0)
	o.step(work, partition.Begin{Now: now()})
	for o.end == nil {
		at := now()
		back := at < last // the clock was set back: who waits by it has to hear of it
		last = at
		if at != woken && (back || at >= o.machine.NextWake()) {
			woken = at
			o.step(work, partition.Wake{Now: at})
			continue
		}
		ready := o.machine.Ready() && !o.flooded()
		fetches := o.gate.open(o.machine.Backlog())
		if ready {
			select {
			case in := <-o.inputs:
				o.step(work, in)
			case <-stop:
				stop, limit = nil, time.After(o.cfg.StopTimeout)
				crashpoint.At("processor.closing.begun")
				o.step(work, partition.Stop{Now: at})
			case <-o.wake:
				o.acknowledge(work, &acks)
			default:
				o.step(work, partition.Continue{Now: at})
			}
			continue
		}
		timer.Reset(time.Duration(max(1, min(o.machine.NextWake()-at, longestWait.Milliseconds()))) * time.Millisecond)
		select {
		case in := <-o.inputs:
			o.step(work, in)
		case f := <-fetches:
			o.take(work, f)
		case <-o.wake:
			o.acknowledge(work, &acks)
		case <-timer.C:
		case <-stop:
			stop, limit = nil, time.After(o.cfg.StopTimeout)
			crashpoint.At("processor.closing.begun")
			o.step(work, partition.Stop{Now: at})
		case <-limit:
			return partition.End{Class: partition.Ambiguous, Reason: "stopped before everything was committed: the next owner repeats the rest"}
		}
	}
	if ctx.Err() != nil {
		crashpoint.At("processor.closing.ended")
	}
	return *o.end
}

func now() int64 { return time.Now().UnixMilli() }

// flooded says that so much is unacknowledged that no record should be taken.
func (o *Owner) flooded() bool {
	w := o.writers[partition.Transitions]
	return w != nil && w.Buffered() > maxUnacked
}

// Deliver hands over an answer of the fetcher. It does not wait for the machine: a
// partition whose owner is busy is paused before its queue is full.
func (o *Owner) Deliver(f kafkaio.Fetch) { o.gate.put(f, o.done) }

func (o *Owner) take(ctx context.Context, f kafkaio.Fetch) {
	if f.Err != nil {
		o.step(ctx, partition.Failed{Effect: partition.StartFetch{}, Class: readFailure(f.Err), Err: f.Err})
		return
	}
	crashpoint.At("processor.fetched")
	o.step(ctx, partition.Fetched{Records: o.decode(f.Records), From: f.From, Next: f.Next, End: f.HighWatermark})
}

func (o *Owner) acknowledge(ctx context.Context, seen *[2]int64) {
	for i := range o.acked {
		if n := o.acked[i].Load(); n > seen[i] {
			seen[i] = n
			o.step(ctx, partition.Acked{Output: partition.Output(i), Seq: n})
		}
	}
	if f := o.broken.Load(); f != nil {
		o.step(ctx, *f)
	}
}

// step gives one input to the machine and carries out what it answers. Somebody who was held
// up, as by a machine that slept, has to hear of that before anything else.
func (o *Owner) step(ctx context.Context, in partition.Input) {
	at := now()
	if o.heard > 0 && at-o.heard > 2*longestWait.Milliseconds() {
		o.heard = at
		o.step(ctx, partition.Wake{Now: at})
	}
	o.heard = at
	if o.end != nil {
		return
	}
	for _, e := range o.machine.Step(in) {
		o.carryOut(ctx, e)
	}
	position, logTime, settled := o.machine.Position()
	o.position.Store(position)
	o.settled.Store(settled)
	o.logTime.Store(logTime)
	o.caughtUp.Store(o.machine.CaughtUp())
	o.behind.Store(o.machine.Lag())
	o.pending.Store(int64(o.machine.Pending()))
	if o.machine.Stats != o.counted {
		o.deps.Meters.worked(ctx, o.counted, o.machine.Stats)
		o.counted = o.machine.Stats
	}
	o.spans.forget(position)
}

// Progress is how far an owner is.
type Progress struct {
	Position int64 // next input offset
	Settled  int64 // everything below it is committed
	LogTime  int64 // ms
	Lag      int64 // records between Position and the end of the log
	Pending  int64 // deadlines in memory
	CaughtUp bool  // all that was there at the last fetch is worked off
}

// Progress may be asked for at any time, by anybody.
func (o *Owner) Progress() Progress {
	return Progress{
		Position: o.position.Load(), Settled: o.settled.Load(), LogTime: o.logTime.Load(),
		Lag: o.behind.Load(), Pending: o.pending.Load(), CaughtUp: o.caughtUp.Load(),
	}
}

// Stats tells what the tenure did; to be called after Run has returned.
func (o *Owner) Stats() partition.Stats { return o.machine.Stats }

// answer brings an input to the loop from another goroutine.
func (o *Owner) answer(in partition.Input) {
	select {
	case o.inputs <- in:
	case <-o.done:
	}
}

// poke wakes the loop for new acknowledgements.
func (o *Owner) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// outbox is memory that publishing uses again and again.
type outbox struct {
	records []kafkaio.OutRecord
	bytes   []byte
	ends    []int
}

// decoded is one record of the log with the memory of its event.
type decoded struct {
	events  []event.Event
	records []partition.Record
}

var noID = cohort.ID{Offset: -1}
