package main

import (
	"github.com/cohortflow/cohortflow/pkg/partition"
)

const (
	session     = 10 * second // without a word the group takes a member's partitions away
	stopTimeout = 10 * second
)

// process is one processor: it owns what the group says, as far as it has heard.
type process struct {
	world  *world
	number int
	life   int // counts starts
	dead   bool
	paused bool
	inbox  []func() // what came while it was paused
	skew   int64    // of its clock, ms
	route  int      // the Redis that it takes for the primary
	kafka  link
	redis  link
	wanted string // catalogue that it was started with
	owned  [partitions]*ownership
	heard  int // newest assignment
}

func (p *process) clock() int64 { return p.world.now + p.skew }

// run does something in the process, if it is the one that began it.
func (p *process) run(life int, do func()) {
	switch {
	case p.life != life || p.dead:
	case p.paused:
		p.inbox = append(p.inbox, do)
	default:
		do()
	}
}

// later does something in the process after a while.
func (p *process) later(delay int64, do func()) {
	life := p.life
	p.world.after(delay, func() { p.run(life, do) })
}

func (p *process) kill() {
	p.dead, p.paused, p.inbox = true, false, nil
	p.life++
	p.owned = [partitions]*ownership{}
}

func (p *process) start() {
	p.dead = false
	p.wanted = p.world.wanted
	p.route = p.world.store.primary
}

func (p *process) resume() {
	if !p.paused {
		return
	}
	p.paused = false
	inbox := p.inbox
	p.inbox = nil
	life := p.life
	for _, do := range inbox {
		p.run(life, do)
	}
}

// ownership is a partition that a process believes to be its own. Tenures follow each other.
type ownership struct {
	process *process
	number  int // of the partition
	tenure  *tenure
	pause   int64
	given   bool           // up, or about to be
	stopped *partition.End // it needs a person

	position int64 // of the fetcher
	fetch    int   // number of the newest fetch
	flying   bool
	life     int // of the log, when the tenure began
}

func (p *process) adopt(number int) {
	if p.owned[number] != nil && !p.owned[number].given {
		return
	}
	o := &ownership{process: p, number: number, pause: 50}
	p.owned[number] = o
	o.begin()
}

// release ends a tenure in good order, within its time.
func (p *process) release(number int) {
	o := p.owned[number]
	if o == nil || o.given {
		return
	}
	o.given = true
	if o.tenure == nil {
		p.owned[number] = nil
		return
	}
	t := o.tenure
	t.step(partition.Stop{Now: p.clock()})
	p.later(stopTimeout, func() {
		t.drop()
		if p.owned[number] == o {
			p.owned[number] = nil
		}
	})
}

func (o *ownership) begin() {
	if o.given || o.process.owned[o.number] != o {
		return
	}
	o.tenure = newTenure(o)
	o.tenure.step(partition.Begin{Now: o.process.clock()})
}

// ended: whatever ended a tenure, the next one begins with nothing in memory.
func (o *ownership) ended(end partition.End) {
	w, t := o.process.world, o.tenure
	o.tenure = nil
	w.judge.tenureEnded(o, t, end)
	switch {
	case end.Final:
		o.stopped = &end
		w.count[stoppedLoudly]++
		return
	case o.given:
		if end.Class == 0 {
			w.count[stoppedInOrder]++
		}
		if o.process.owned[o.number] == o {
			o.process.owned[o.number] = nil
		}
		return
	}
	wait := o.pause/2 + w.rng.Int64N(o.pause)
	if end.Class == partition.Fenced {
		wait += 500
	}
	o.pause = min(2*o.pause, 5*second)
	if w.now-t.began > 10*second {
		o.pause = 50
	}
	o.process.later(wait, o.begin)
}
