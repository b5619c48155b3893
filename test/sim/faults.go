package main

import (
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// happen does what an item of the plan says.
func (w *world) happen(i *Item) {
	if w.trace != nil {
		w.say("* %s", i)
	}
	p := w.processes[i.Who%processes]
	switch i.Kind {
	case kindInput:
		w.send(i.In)
	case kindKill:
		if p.dead {
			return
		}
		w.count[killed]++
		p.kill()
		w.silent(p)
		w.after(100+i.For, func() { w.restart(p) })
	case kindPause:
		if p.dead || p.paused {
			return
		}
		w.count[paused]++
		p.paused = true
		life := p.life
		w.silent(p)
		w.after(i.For, func() {
			if p.life == life {
				p.resume()
				p.later(w.rng.Int64N(3*second), func() { w.join(p) })
			}
		})
	case kindTroubleKafka:
		w.trouble(p, &p.kafka, i)
		w.silent(p)
	case kindTroubleRedis:
		w.trouble(p, &p.redis, i)
	case kindLie:
		if !p.dead {
			w.count[liedTo]++
			p.later(0, func() { p.adopt(i.Part) })
			w.after(i.For, w.rebalance)
		}
	case kindRebalance:
		w.rebalance()
	case kindElect:
		w.elect(w.topic(i.Who, i.Part), i.For)
	case kindExhaust:
		w.broker.exhaust(i.Part)
	case kindFailover:
		w.failover(i.For)
	case kindFlush:
		w.count[flushedAll]++
		w.flush()
	case kindEvict:
		w.count[evictedKey]++
		w.evict(i.Part)
	case kindBackup:
		w.backup()
	case kindRestore:
		w.restore()
	case kindRefuse:
		refuses := &w.store.refuses
		if i.For%2 == 0 {
			refuses = &w.store.full
		}
		*refuses = true
		w.after(i.For, func() { *refuses = false })
	case kindAway:
		w.store.away = true
		w.after(i.For, func() { w.store.away = false })
	case kindClock:
		w.setClock(p, i.For)
	case kindDeploy:
		w.deploy(catalogueNames[i.Rate%len(catalogueNames)], i.For)
	case kindRetain:
		w.retain(i.Part, i.Rate)
	case kindRecreate:
		w.recreate(i.Part, i.Rate)
	case kindOvertake:
		w.overtake(p, i)
	default:
		w.fail("nobody knows the item %s", i)
	}
}

// overtake holds a process up in the middle of the start of a tenure, while another one begins
// and gets a producer id of its own.
func (w *world) overtake(p *process, i *Item) {
	if p.dead || p.paused || w.healed {
		return
	}
	w.count[overtaken]++
	p.release(i.Part)
	p.later(second, func() {
		p.adopt(i.Part)
		w.after(1+w.rng.Int64N(4), func() { w.happen(&Item{Kind: kindPause, Who: i.Who, For: 5*second + i.For}) })
	})
	w.after(2*second, func() {
		w.broker.exhaust(i.Part)
		next := w.processes[(i.Who+1)%processes]
		next.release(i.Part)
		next.later(second, func() { next.adopt(i.Part) })
	})
	w.after(10*second+i.For, w.rebalance)
}

func (w *world) topic(which, n int) *topic {
	if which == 0 {
		return w.broker.logs[n]
	}
	return w.broker.outputs[n][which-1]
}

func (w *world) restart(p *process) {
	if p.dead {
		p.start()
		w.group.member[p.number] = true
		w.rebalance()
	}
}

// trouble makes a way slow and lossy for a while.
func (w *world) trouble(p *process, l *link, i *Item) {
	if w.healed {
		return
	}
	*l = link{slow: i.For / 8, lossy: i.Rate}
	w.after(i.For, func() {
		*l = link{}
		w.join(p)
	})
}

// setClock moves the clock of a process; its timers run by it.
func (w *world) setClock(p *process, by int64) {
	p.skew += by
	p.skew = min(max(p.skew, -30*minute), 30*minute)
	if by < 0 {
		w.count[clockBack]++
	} else {
		w.count[clockAhead]++
	}
	for _, o := range p.owned {
		if o != nil && o.tenure != nil {
			// A timer was set for a while, not for an instant of the wall clock.
			o.tenure.wake(w.now + w.rng.Int64N(60*second))
		}
	}
}

// deploy starts the processes with another catalogue, one after the other.
func (w *world) deploy(text string, over int64) {
	w.wanted = text
	for n, p := range w.processes {
		w.after(int64(n)*over/processes, func() {
			if p.dead || p.paused {
				return
			}
			p.kill()
			w.after(50+w.rng.Int64N(second), func() { w.restart(p) })
		})
	}
}

// send brings an event of a client into the log. What was not acknowledged is sent again, by
// a client that does not know whether it is there already.
func (w *world) send(in *event.Event) {
	e := *in
	e.EventAt += start
	e.AcceptedAt += start
	n := homeOf(e.Person)
	var again func(left int)
	again = func(left int) {
		t := w.broker.logs[n]
		offset, v := w.appendLog(n, &e, w.token(1))
		if v != appended {
			w.after(50+w.rng.Int64N(500), func() { again(left) })
			return
		}
		if left > 0 && w.rng.IntN(12) == 0 {
			w.count[inputTwice]++
			w.after(w.rng.Int64N(second), func() { again(left - 1) })
		}
		w.whenHigh(t, offset+1, func() {}, func() { w.after(10, func() { again(0) }) })
	}
	again(1)
}

// retain lets retention take the front of a log: up to what every checkpoint has passed, or
// now and then beyond it.
func (w *world) retain(n, rate int) {
	t := w.broker.logs[n]
	safe := t.high
	for _, node := range w.store.nodes {
		c, err := partition.DecodeCheckpoint(node.slots[n].checkpoint)
		if err != nil {
			return // a rebuild needs all of it
		}
		safe = min(safe, c.Offset-1)
	}
	if rate%4 == 0 {
		safe = t.high // an outage was longer than retention
	}
	if safe > t.start {
		w.count[retained]++
		t.start = safe
		w.judge.maimed[n] = true
	}
}

// recreate has a log deleted and created again under its name; or a replica that lacks the newest
// records leads, though they were acknowledged, and others take their offsets.
func (w *world) recreate(n, rate int) {
	old := w.broker.logs[n]
	if old.high == 0 {
		return
	}
	w.count[recreated]++
	fresh := newTopic(old.name)
	fresh.life = old.life + 1
	if keep := old.high - 1 - int64(rate%5); rate%2 == 0 && keep > 0 {
		w.count[truncated]++
		fresh.records, fresh.high = slices.Clone(old.records[:keep]), keep
	}
	w.broker.logs[n] = fresh
	w.judge.lost(n, old)
	old.term++
	waiting := old.waiting
	old.waiting = nil
	for _, f := range waiting {
		f()
	}
}

// heal ends every fault. From here on everything has to come to rest by itself.
func (w *world) heal() {
	if w.failure != nil {
		return
	}
	w.say("* all faults end")
	w.healed = true
	w.store.refuses, w.store.full, w.store.away = false, false, false
	if w.store.split {
		w.unify()
	}
	for _, p := range w.processes {
		p.kafka, p.redis = link{}, link{}
		if p.skew != 0 {
			w.setClock(p, -p.skew)
		}
		if p.dead {
			p.start()
		}
		p.resume()
		w.group.member[p.number] = true
	}
	w.rebalance()
}

// lastWord has something come to every partition, once nothing of the faults is under way any more: an
// owner that has nothing to do does not look at its store.
func (w *world) lastWord() {
	w.until(w.now + 40*second)
	for n := range partitions {
		w.send(&event.Event{
			Kind: event.KindIdentify, ID: "last word", Person: fmt.Sprintf("p%d", n), EventAt: w.now - start, AcceptedAt: w.now - start,
			IDs: event.Identifiers{Email: "last"},
		})
	}
}
