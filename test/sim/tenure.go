package main

import (
	"math"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

const (
	stampSlack = 5 * second
	maxBacklog = 24 // records queued in a machine beyond which nothing is fetched
)

// tenure executes one machine, as services/processor/internal/owner does: it begins
// effects, brings answers back, and decides nothing.
type tenure struct {
	own      *ownership
	machine  *partition.Machine
	producer partition.Producer
	writers  [outputs]*writer
	ended    bool
	began    int64
	wakeAt   int64 // true time of the wake that is scheduled
	woken    int64 // by its own clock
	last     int64 // reading of its clock
	heard    int64 // the same at the last step
	back     bool  // the clock was set back
	going    bool  // Continue is scheduled
	seen     partition.Stats
	from     int64  // last record that its checkpoint knows
	blank    bool   // it has no checkpoint
	ruled    int64  // record of the catalogue in force, where it wants another one
	text     string // catalogue that it wants
}

func newTenure(o *ownership) *tenure {
	p, w := o.process, o.process.world
	k := w.plan.Knobs
	t := &tenure{own: o, began: w.now, wakeAt: math.MaxInt64, text: p.wanted}
	t.machine = partition.New(partition.Config{
		Partition: int32(o.number), Owner: processNames[p.number],
		CatalogueText: p.wanted, Revision: catalogues[p.wanted].Revision(), Compile: program, Read: w.read,
		Ticks: true, CommitEvery: k.CommitEvery, CommitPeople: 3, BehindEvery: 2 * k.CommitEvery, BehindPeople: 4,
		MaxTouched: 5, Residents: k.Residents, Horizon: 30 * minute, Budget: k.Budget,
		Slices: sliceCount, SliceOf: sliceOf, SweepEvery: k.SweepEvery,
	})
	o.flying, o.life = false, w.broker.logs[o.number].life
	return t
}

var processNames = [processes]string{"a", "b", "c"}

// drop forgets the tenure, as a process does that ends.
func (t *tenure) drop() { t.ended = true }

// step gives one input to the machine and carries out what it answers.
func (t *tenure) step(in partition.Input) {
	if t.ended || t.own.process.world.failure != nil {
		return
	}
	w := t.own.process.world
	at := t.own.process.clock()
	if t.heard > 0 && at-t.heard > 2*minute {
		t.heard = at
		t.step(partition.Wake{Now: at})
		if t.ended {
			return
		}
	}
	t.heard = at
	if w.trace != nil {
		w.say("%s/%d <- %s", processNames[t.own.process.number], t.own.number, showInput(in))
	}
	for _, e := range t.machine.Step(in) {
		if w.trace != nil {
			w.say("%s/%d -> %s", processNames[t.own.process.number], t.own.number, showEffect(e))
		}
		t.carryOut(e)
	}
	w.judge.stats(t)
	if t.ended {
		return
	}
	t.goOn()
}

// goOn schedules what the machine can do by itself.
func (t *tenure) goOn() {
	o := t.own
	p, w := o.process, o.process.world
	if t.machine.Ready() && !t.going {
		t.going = true
		p.later(0, func() {
			t.going = false
			if !t.ended && t.machine.Ready() {
				t.step(partition.Continue{Now: p.clock()})
			}
		})
	}
	if !o.flying && t.machine.Running() && t.machine.Backlog() < maxBacklog {
		o.poll()
	}
	if t.look(); t.back {
		t.wake(w.now + 1)
	}
	if next := t.machine.NextWake(); next != math.MaxInt64 {
		t.wake(max(next-p.skew, w.now+1))
	}
}

// look reads the clock, as the loop of an owner does whenever it comes round.
func (t *tenure) look() {
	local := t.own.process.clock()
	t.back = t.back || local < t.last
	t.last = local
}

// wake has the machine woken at a true time, or earlier if that is scheduled already.
func (t *tenure) wake(at int64) {
	if at >= t.wakeAt || t.ended {
		return
	}
	t.wakeAt = at
	p := t.own.process
	p.later(at-p.world.now, func() {
		if t.ended || t.wakeAt != at {
			return
		}
		t.wakeAt = math.MaxInt64
		local := p.clock()
		if t.look(); local != t.woken && (t.back || local >= t.machine.NextWake()) {
			t.woken, t.back = local, false
			t.step(partition.Wake{Now: local})
			return
		}
		t.goOn()
	})
}

// read is Config.Read: what decode left out of the event.
func (w *world) read(value []byte, e *event.Event) error {
	e.Properties = w.told[string(value)].Properties
	return nil
}

// decode makes the machine's records of those of the log: properties are left for later.
func (w *world) decode(t *topic, from, to int64) []partition.Record {
	events := make([]event.Event, to-from)
	out := make([]partition.Record, to-from)
	for i := range out {
		r := &t.records[from+int64(i)]
		e := &events[i]
		*e = *r.event
		if e.Kind != event.KindCatalog && e.Kind != event.KindMerge {
			e.Properties = event.Properties{}
		}
		out[i] = partition.Record{
			Offset: from + int64(i), Stamp: partition.Stamp(e.AcceptedAt, r.at, stampSlack), Event: e, Key: []byte(e.Person), Value: r.value,
		}
		out[i].Contacts, out[i].Account = contactsOf(e)
	}
	return out
}

// poll asks for what comes next in the log. The answer goes to whoever has the partition in
// this process by then, as the fetcher of a process is one for all tenures.
func (o *ownership) poll() {
	p, w := o.process, o.process.world
	o.fetch++
	o.flying = true
	number, from := o.fetch, o.position
	t := w.broker.logs[o.number]
	many := int64(1 + w.rng.IntN(8))
	p.ask(&p.kafka, func(r *request) {
		if w.broker.logs[o.number] != t {
			r.reply(func() { o.failed(number) })
			return
		}
		if t.lacks(from) {
			r.reply(func() { o.failed(number) })
			return
		}
		if w.judge.gone[o.number] && o.life != t.life {
			w.judge.excused[o.number] = true // it has grown past the position already: nobody can tell by offsets
		}
		w.whenHigh(t, from+1, func() {
			to := min(from+many, t.high)
			records, end := w.decode(t, from, to), t.high
			r.reply(func() { o.fetched(number, partition.Fetched{Records: records, From: from, Next: to, End: end}) })
		}, r.vanish)
	}, func() { o.again(number) })
}

func (o *ownership) current(number int) bool {
	return o.fetch == number && o.process.owned[o.number] == o && o.tenure != nil
}

func (o *ownership) again(number int) {
	if o.current(number) {
		o.flying = false
		o.tenure.goOn()
	}
}

func (o *ownership) failed(number int) {
	if o.current(number) {
		o.tenure.step(partition.Failed{Effect: partition.StartFetch{}, Class: partition.Lost})
	}
}

func (o *ownership) fetched(number int, in partition.Fetched) {
	if o.tenure == nil || o.process.owned[o.number] != o {
		return
	}
	if o.fetch != number {
		o.process.world.count[staleFetch]++
		o.tenure.step(in)
		return
	}
	o.flying, o.position = false, in.Next
	o.tenure.step(in)
}
