package main

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// start is the true time at which every run begins, ms since 1970.
const start = 1_700_000_000_000

// world is one run: everything that is not the code under test.
type world struct {
	plan      *Plan
	rng       *rand.Rand
	now       int64 // true time, ms
	schedule  schedule
	broker    *broker
	store     *store
	processes [processes]*process
	group     group
	judge     *judge
	sinks     [partitions]*sink
	wanted    string // catalogue of processes that start
	healed    bool

	told         map[string]*event.Event // by the value of their record
	values       uint64
	tokens       uint64
	slowReplicas int64
	count        counts
	failure      error
	trace        func(line string)
	steps        int
}

func newWorld(p *Plan, trace func(string)) *world {
	w := &world{
		plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x72756e)), now: start, broker: newBroker(), store: newStore(),
		wanted: catalogueNames[p.Seed%2], told: map[string]*event.Event{}, slowReplicas: p.Knobs.Slow, trace: trace,
	}
	w.judge = newJudge(w)
	for i := range w.processes {
		w.processes[i] = &process{world: w, number: i}
		w.processes[i].start()
		w.group.member[i] = true
	}
	for n := range w.sinks {
		w.sinks[n] = newSink(w, n)
	}
	return w
}

func (w *world) at(at int64, do func()) { w.schedule.add(max(at, w.now), do) }

func (w *world) after(delay int64, do func()) { w.schedule.add(w.now+delay, do) }

// fail ends the run with what was found; the first finding counts.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf("%.3fs: %w", float64(w.now-start)/1000, fmt.Errorf(format, args...))
		w.say("FAILURE %v", w.failure)
	}
}

func (w *world) say(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%10.3f ", float64(w.now-start)/1000) + fmt.Sprintf(format, args...))
	}
}

const maxSteps = 400_000 // things that may happen in one run

// until lets everything happen up to a true time.
func (w *world) until(at int64) {
	for w.failure == nil && len(w.schedule.heap) > 0 && w.schedule.heap[0].at <= at {
		if w.steps++; w.steps > maxSteps {
			w.fail("it does not come to rest: more than %d steps", maxSteps)
			return
		}
		var do func()
		w.now, do = w.schedule.next()
		do()
	}
	w.now = max(w.now, at)
}

// play is Run of a plan that may make the code under test panic.
func play(p *Plan, trace func(line string)) (r Report) {
	defer func() {
		if v := recover(); v != nil {
			r.Err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return Run(p, trace)
}

// Report is what a run has found.
type Report struct {
	Err   error
	Count counts
	Steps int
}

// Run plays a plan. trace may be nil.
func Run(p *Plan, trace func(line string)) Report {
	w := newWorld(p, trace)
	w.rebalance()
	last := int64(0)
	for i := range p.Items {
		item := &p.Items[i]
		last = max(last, item.At)
		w.at(start+item.At, func() { w.happen(item) })
	}
	for _, s := range w.sinks {
		w.after(s.pause(), s.read)
	}
	w.until(start + last + 2*second)
	w.heal()
	w.lastWord()
	w.settle(20 * minute)
	if p.Knobs.Long && w.failure == nil {
		if p.Seed%2 == 0 {
			// Everybody is started anew, and nothing else comes: windows run out all the same.
			w.count[quietRestart]++
			w.deploy(w.wanted, second)
		}
		w.until(w.now + 3*hour + 10*minute)
		w.settle(5 * minute)
		w.judge.windows()
	}
	w.judge.all()
	return Report{Err: w.failure, Count: w.count, Steps: w.steps}
}
