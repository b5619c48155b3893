package partition

import (
	"errors"
	"math"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

const (
	tickPatience = 1_000   // ms after which a tick that has not come back is sent again
	tickLongest  = 10_000  // the same when several have brought log time no further
	heldUp       = 2       // heartbeats without a word after which an owner trusts its fence no more
	heldUpLeast  = 600_000 // ms; the same at least
	loadAhead    = 300_000 // ms before the horizon at which the next deadlines are loaded
)

// setClock takes the owner's wall clock in. When it was set back, what is waited for moves along:
// else nothing would be committed, told or asked for again until it is where it was.
func (m *Machine) setClock(now int64) {
	if back := m.now - now; back > 0 {
		m.frozenAt -= back
		m.retryAt -= back
		m.tickSent -= back
		m.sweepAt -= back
		for o := range outputs {
			m.marked[o] -= back
		}
	}
	if held := now - m.now; m.phase != idle && held > m.cfg.HeldUp() {
		m.endTenure(Ambiguous, "the owner was held up for %d s: the broker may have forgotten who is fenced", held/1000)
	}
	m.now = now
}

// HeldUp is how long an owner may hear nothing before it trusts its fence no more, in ms: its writers
// hold to the same.
func (c Config) HeldUp() int64 {
	return max(heldUp*c.withDefaults().Heartbeat, heldUpLeast)
}

// wake does what is due by the owner's clock: nothing of it decides about a person.
func (m *Machine) wake() {
	if m.phase == ended {
		return
	}
	m.again()
	if m.phase != running {
		return
	}
	m.mark()
	if m.cfg.Ticks && m.CaughtUp() && m.waiting == nil && !m.stopping {
		m.tickIfDue()
	}
	if m.outdated() {
		m.appending = true
		m.do(AppendCatalogue{Stamp: m.stamp()})
	}
	if name := m.sweepDue(); name != "" {
		m.sweepPause = min(2*m.sweepPause, tickLongest)
		if m.swept != m.sweep {
			m.sweepPause = tickPatience
		}
		m.swept, m.sweepAt = m.sweep, m.now
		m.do(AppendSweep{Stamp: m.stamp(), Name: name})
	}
}

// outdated says that another catalogue is in force than this owner wants, or that its record grows old,
// and that nothing stands before its record in the log any more.
func (m *Machine) outdated() bool {
	return !m.appending && !m.stopping && m.CaughtUp() && (m.aging || m.program.Revision() != m.cfg.Revision)
}

// tickIfDue moves log time on when a deadline is past by the wall clock and no
// event has done so. It is never early: an owner that is behind does not tick.
func (m *Machine) tickIfDue() {
	if m.tick != 0 && m.now-m.tickSent < m.tickPause {
		return
	}
	due := len(m.timers) > 0 && m.timers[0].at < m.now
	if m.now+loadAhead > m.loadedUntil && m.loadedUntil != math.MinInt64 {
		if m.extend(m.now + loadAhead) {
			return
		}
	}
	if due && m.now > m.logTime {
		// With a clock that is ahead the log never gets to its stamps: such an owner must not fill it with ticks.
		m.tickPause = min(2*m.tickPause, tickLongest)
		if m.tick == 0 {
			m.tickPause = tickPatience
		}
		m.tick, m.tickSent = m.now, m.now
		m.do(AppendTick{Stamp: m.now})
	}
}

// mark writes watermarks: often while there is progress, seldom while there is none
// (the broker must not forget the epoch of a living owner).
func (m *Machine) mark() {
	for o := range outputs {
		processed := m.settled()
		if o == Profiles {
			processed = m.checkpoint.Offset
		}
		since := m.now - m.marked[o]
		if since < m.cfg.Progress || processed == m.markedAt[o] && since < m.cfg.Heartbeat {
			continue
		}
		m.marked[o], m.markedAt[o] = m.now, processed
		m.published[o]++
		m.do(PublishWatermark{Output: o, Seq: m.published[o], Record: cohort.Watermark{
			Partition: m.cfg.Partition, Processed: processed, LogTime: m.logTime, Last: m.highWater[o],
			Epoch: m.producer.Epoch, Tenure: m.tenure, Owner: m.cfg.Owner, At: m.now,
		}})
	}
}

// again repeats effects that surely had no effect.
func (m *Machine) again() {
	if m.now < m.retryAt {
		return
	}
	for _, e := range m.retries {
		m.do(e)
	}
	clear(m.retries)
	m.retries = m.retries[:0]
}

// later has e asked for again, after a pause: at most one load, one commit, one forwarding and one
// catalogue are ever under way, so the list is short.
func (m *Machine) later(e Effect) {
	m.retries, m.retryAt = append(m.retries, e), m.now+retryEvery
}

// failed judges an effect that did not work. Only what surely had no effect is asked
// for again; any other outcome ends the tenure.
func (m *Machine) failed(in Failed) {
	err := in.Err
	if err == nil {
		err = errors.New("unknown")
	}
	switch in.Effect.(type) {
	case AppendTick, AppendSweep:
		// It may or may not come back; it is harmless twice.
		return
	case ReadCatalogue:
		if in.Class == Lost {
			m.catalogueGone()
			return
		}
	case Forward:
		m.later(in.Effect)
		return
	case AppendCatalogue:
		m.appending = false
		if m.phase == cataloguing {
			m.later(in.Effect)
		}
		return
	case LoadPeople, LoadDeadlines, LoadSlice, Commit:
		if in.Class == NotSent {
			m.later(in.Effect)
			return
		}
	}
	if in.Class == Lost {
		m.finalEnd(in.Class, "partition %d at offset %d: %v: the log was truncated or created again, or retention has passed the position; "+
			"bring the records back, or start the flow afresh on new topics", m.cfg.Partition, m.next, err)
		return
	}
	m.endTenure(in.Class, "%T: %v", in.Effect, err)
}

// finish ends the tenure in good order once everything taken is committed.
func (m *Machine) finish() {
	if !m.stopping || m.phase != running || m.commit != nil || m.ordinal != 0 {
		return
	}
	if m.progressed() {
		return // maybeFreeze has just been refused by a load under way; it comes again
	}
	m.phase = ended
	m.do(End{Reason: "stopped in good order"})
}
