package partition

import (
	"fmt"
	"math"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Config is what a tenure is begun with. Zero values of the numbers take the defaults named.
type Config struct {
	Partition     int32
	Owner         string // name of the process, for the fence record
	CatalogueText string // the catalogue that this owner wants in force
	Revision      string // its fingerprint
	Compile       func(text string) (*cohort.Program, error)
	// Read decodes a record's properties, which are left out of it until some rule asks for
	// them; nil where records come whole.
	Read         func(value []byte, e *event.Event) error
	Ticks        bool  // append tick records by the wall clock (off where time is data)
	CommitEvery  int64 // ms between commits when caught up (100)
	CommitPeople int   // touched people that make a commit due sooner (4,000)
	BehindEvery  int64 // ms between commits while behind the log (2,000)
	BehindPeople int   // touched people that make a commit due while behind (20,000)
	MaxTouched   int   // touched, uncommitted people beyond which no record is taken (50,000)
	Residents    int   // people kept in memory (100,000)
	Horizon      int64 // ms of deadlines kept in memory ahead of log time (6 h)
	Progress     int64 // ms between watermarks while there is progress (1,000)
	Heartbeat    int64 // ms between watermarks while idle (15 min)
	Budget       int   // records per Step (1,024)

	// Slices is how many slices the store keeps people in, SliceOf which one holds a key.
	// 0 = people are not looked at anew when the catalogue changes.
	Slices      int
	SliceOf     func(key string) int
	SweepEvery  int64 // ms between two slices, at least (50)
	SweepPeople int64 // people looked at in a second, at most (2,000): live records share the cores with them
}

func (c Config) withDefaults() Config {
	set := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	count := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.CommitEvery, 100)
	count(&c.CommitPeople, 4_000)
	set(&c.BehindEvery, 2_000)
	count(&c.BehindPeople, 20_000)
	count(&c.MaxTouched, 50_000)
	count(&c.Residents, 100_000)
	set(&c.Horizon, 6*3_600_000)
	set(&c.Progress, 1_000)
	set(&c.Heartbeat, 15*60_000)
	count(&c.Budget, 1_024)
	set(&c.SweepEvery, 50)
	set(&c.SweepPeople, 2_000)
	return c
}

type phase uint8

const (
	idle phase = iota
	takingEpoch
	fencing
	loading
	readingBack
	anchoring
	cataloguing
	running
	ended
)

// Stats counts what a tenure did; the executor turns it into metrics.
type Stats struct {
	Records     int64 // consumed
	Bad         int64 // consumed, undecodable
	Skipped     int64 // consumed, no cohort asks about them
	Transitions int64 // decided and published
	Repeated    int64 // decided again, stood in the output already
	Contrary    int64 // decided again otherwise than what stands in the output: an alarm
	Fired       int64 // deadlines that decided something or were looked at
	Loads       int64 // people loaded
	Commits     int64
	People      int64 // people written by commits
	Merged      int64 // people who became another key
	Forwarded   int64 // records passed on to whom their person has become
	Revived     int64 // aliases that became people again, since their chain ended nowhere
	Erased      int64 // people erased
	Reviewed    int64 // people looked at anew under a changed catalogue
}

// Machine is one tenure. It is used by one goroutine.
type Machine struct {
	cfg     Config
	phase   phase
	now     int64 // owner's wall clock as last told
	effects []Effect

	// identity of the tenure
	producer  Producer
	peeked    [outputs]TailPeeked
	confirmed bool // the epoch was taken after the outputs were looked at
	tenure    int64
	fences    [outputs]int64
	waitFor   int // answers outstanding in this phase

	// position in the log
	program     *cohort.Program
	catalogueAt int64
	changed     Change // what the catalogue in force has changed
	offset      int64  // of the next record to take
	ordinal     int32  // transitions decided for that record so far
	logTime     int64
	end         int64 // offset of the log's end, as last fetched
	next        int64 // offset after the last queued record
	lastOffset  int64 // of the last record taken, or before the checkpoint when none was
	queue       [][]Record
	head        int
	last        Record // last record taken, for the anchor
	taken       bool   // last is set

	// people and deadlines
	people      people
	dirty       []*resident
	timers      timers
	loadedUntil int64   // deadlines before it are in timers
	furthest    int64   // latest bucket that a deadline was ever armed in
	arms        []timer // armed since the last freeze
	stored      map[int64]struct{}
	waiting     Effect   // load outstanding
	passing     [][]byte // checkpoints that were the last since it was asked for
	retries     []Effect // that surely had no effect, to be asked for again
	retryAt     int64

	// people who became others, and a catalogue that has changed
	out        outgoing
	sweep      int    // next slice to look at anew; sweepIdle = none
	swept      int    // slice whose record was asked for last
	sweepAt    int64  // wall time of that
	sweepPause int64  // ms after which one that has not come back is asked for again
	sweepCost  int64  // ms that the last slice is worth
	loaded     *slice // for the sweep record at hand

	// outputs
	sizes     map[string]int64 // members by cohort; nil = not known
	decisions cohort.Decisions
	published [outputs]int64 // publish numbers given out
	acked     [outputs]int64
	highWater [outputs]cohort.ID
	standing  map[cohort.ID]uint64 // digests of transitions that stand in the output
	marked    [outputs]int64       // wall time of the last watermark
	markedAt  [outputs]int64       // offset it told

	// checkpoint
	expect     []byte
	checkpoint Checkpoint
	commit     *freeze
	frozenAt   int64 // wall time of the last freeze
	tick       int64 // stamp of a tick that is on its way
	tickSent   int64
	tickPause  int64 // ms after which one that has not come back is sent again
	appending  bool  // a catalogue record is on its way
	aging      bool  // the record of the catalogue in force is among the older half of the log
	stopping   bool

	Stats Stats
}

// New makes a machine; its first input is Begin.
func New(cfg Config) *Machine {
	cfg = cfg.withDefaults()
	return &Machine{
		cfg: cfg, people: newPeople(cfg.Residents), stored: make(map[int64]struct{}),
		highWater: [outputs]cohort.ID{{Offset: -1}, {Offset: -1}}, catalogueAt: -1,
		sweep: sweepIdle, swept: sweepIdle - 1,
	}
}

// Step takes one input and returns what is to be done, in this order. The slice
// and what it refers to are valid until the next Step.
func (m *Machine) Step(in Input) []Effect {
	clear(m.effects)
	m.effects = m.effects[:0]
	m.decisions.Reset()
	if m.phase == ended {
		return nil
	}
	switch in := in.(type) {
	case Begin:
		m.now = in.Now
		m.phase = takingEpoch
		m.do(TakeEpoch{})
	case EpochTaken, TailPeeked, FenceWritten, CheckpointLoaded, TailRead, AnchorRead, CatalogueRead:
		m.start(in)
	case CatalogueAppended:
		m.catalogueAppended()
	case Fetched:
		m.fetched(in)
	case PeopleLoaded:
		m.peopleLoaded(in)
	case DeadlinesLoaded:
		m.deadlinesLoaded(in)
	case SliceLoaded:
		m.sliceLoaded(in)
	case Forwarded:
		m.forwarded(in.Seq)
	case SweepAppended:
	case Acked:
		m.acked[in.Output] = max(m.acked[in.Output], in.Seq)
		m.sendCommit()
	case Committed:
		m.committed()
	case TickAppended:
	case Failed:
		m.failed(in)
	case Wake:
		m.setClock(in.Now)
		m.wake()
	case Continue:
		m.setClock(in.Now)
	case Stop:
		m.setClock(in.Now)
		m.stopping = true
	}
	if m.phase == running {
		m.run()
		m.flush()
		m.dispatch()
		m.maybeFreeze()
		m.finish()
	}
	return m.effects
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) finalEnd(class Failure, format string, args ...any) {
	m.phase = ended
	m.do(End{Class: class, Reason: fmt.Sprintf(format, args...), Final: true})
}

func (m *Machine) endTenure(class Failure, format string, args ...any) {
	m.phase = ended
	m.do(End{Class: class, Reason: fmt.Sprintf(format, args...)})
}

// Running says whether the tenure takes records.
func (m *Machine) Running() bool { return m.phase == running }

// Ready says whether Continue would find something to do at once.
func (m *Machine) Ready() bool {
	return m.phase == running && m.waiting == nil && !m.stopping && m.queued() && !m.full()
}

// Backlog is the number of records queued; the executor stops fetching above its bound.
func (m *Machine) Backlog() int {
	n := -m.head
	for _, b := range m.queue {
		n += len(b)
	}
	return n
}

// Position returns the offset of the next record to take, log time, and the
// offset below which everything is committed.
func (m *Machine) Position() (offset, logTime, committed int64) {
	return m.offset, m.logTime, m.checkpoint.Offset
}

// CaughtUp says that every record that was there at the last fetch is worked off.
func (m *Machine) CaughtUp() bool { return m.phase == running && m.offset >= m.end && !m.queued() }

// Lag is the number of offsets between the next record to take and the end of the
// log as last fetched.
func (m *Machine) Lag() int64 { return max(0, m.end-m.offset) }

// Pending is the number of deadlines in memory.
func (m *Machine) Pending() int { return len(m.timers) }

// NextWake is the wall time at which Wake should be given next.
func (m *Machine) NextWake() int64 {
	at := int64(math.MaxInt64)
	if len(m.retries) > 0 {
		at = min(at, m.retryAt)
	}
	if m.phase != running {
		return at
	}
	if m.outdated() {
		at = m.now
	}
	if m.commit == nil && m.progressed() {
		every, _ := m.commitPace()
		at = min(at, m.frozenAt+every)
	}
	if m.cfg.Ticks && m.waiting == nil && !m.stopping && m.loadedUntil != math.MinInt64 && m.CaughtUp() {
		due := m.loadedUntil - loadAhead
		if len(m.timers) > 0 {
			due = min(due, max(m.timers[0].at, m.logTime)+1)
		}
		if m.tick != 0 {
			due = max(due, m.tickSent+m.tickPause)
		}
		at = min(at, due)
	}
	if !m.stopping && m.waiting == nil && m.Lag() <= sweepLag {
		at = min(at, m.sweepNext())
	}
	if m.settled() > m.markedAt[Transitions] {
		at = min(at, m.marked[Transitions]+m.cfg.Progress)
	}
	return min(at, m.marked[Transitions]+m.cfg.Heartbeat, m.marked[Profiles]+m.cfg.Heartbeat)
}
