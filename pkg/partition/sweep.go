package partition

import (
	"slices"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

const (
	sweepIdle = -1 // Machine.sweep: nothing is to be looked at anew
	sweepLag  = 64 // records behind which a sweep waits: live records come first
)

// slice is everybody of one slice, as the store has them at a checkpoint.
type slice struct {
	number     int
	checkpoint []byte
	keys       []string
	blobs      [][]byte
}

// sweepName names the record with which a slice of people is looked at anew under a catalogue.
func (m *Machine) sweepName(number int) string {
	return m.program.Revision() + "/" + strconv.Itoa(number)
}

// warmedRecord in the place of a number: cohorts that were warming are known in full.
const warmedRecord = "warmed"

// sweepDue gives the record of a sweep that may be appended; empty = none.
func (m *Machine) sweepDue() string {
	if m.now < m.sweepNext() || m.stopping || m.waiting != nil || m.Lag() > sweepLag {
		return ""
	}
	if m.sweep != sweepIdle {
		return m.sweepName(m.sweep)
	}
	return m.program.Revision() + "/" + warmedRecord
}

// sweepNext is the wall time at which a record of a sweep may be due; Never = there is none.
func (m *Machine) sweepNext() int64 {
	at := m.sweepAt + max(m.cfg.SweepEvery, m.sweepCost)
	if m.swept == m.sweep {
		at = m.sweepAt + m.sweepPause // it may have got lost
	}
	if m.sweep != sweepIdle {
		return at
	}
	soonest := cohort.Never
	if m.cfg.Slices > 0 {
		for _, until := range m.changed.Warming {
			soonest = min(soonest, until)
		}
	}
	switch {
	case soonest >= cohort.Forever:
		return cohort.Never
	case m.cfg.Ticks:
		return max(at, soonest)
	case soonest <= m.logTime:
		return at // time is data, and it is there
	default:
		return cohort.Never
	}
}

// warmed takes the record in that says that cohorts may have become known in full:
// whoever is in them is told anew, slice by slice.
func (m *Machine) warmed(logTime int64) {
	change, any := m.changed.warm(logTime)
	if !any || m.sweep != sweepIdle {
		return
	}
	m.changed = change
	m.program = change.Apply(m.program)
	m.sweep, m.swept = 0, sweepIdle-1
}

// takeSweep decides anew about everybody of the slice that a sweep record names, in
// the order of keys. Which people that are follows from the log: all who were known before
// this record, in memory or in the store. False = the slice has to be loaded first.
func (m *Machine) takeSweep(r *Record, logTime int64) bool {
	if r.Event.Name == m.program.Revision()+"/"+warmedRecord {
		m.warmed(logTime)
		return true
	}
	if m.sweep == sweepIdle || r.Event.Name != m.sweepName(m.sweep) {
		return true // of an owner that asked twice, or of another catalogue
	}
	if m.nobodyStored() {
		m.loaded = &slice{number: m.sweep}
	}
	if m.loaded == nil || m.loaded.number != m.sweep || !m.current(m.loaded.checkpoint) {
		m.loaded = nil
		m.wait(LoadSlice{Slice: m.sweep})
		return false
	}
	keys := slices.Clone(m.loaded.keys)
	stored := make(map[string][]byte, len(keys))
	for i, key := range m.loaded.keys {
		stored[key] = m.loaded.blobs[i]
	}
	for _, p := range m.people.ring {
		if p.slice == m.sweep {
			if _, ok := stored[p.person.Key]; !ok {
				keys = append(keys, p.person.Key)
			}
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if m.people.byKey[key] == nil {
			m.admit([]string{key}, [][]byte{stored[key]})
			if m.phase != running {
				return false
			}
		}
		m.review(m.people.byKey[key], r.Offset, logTime)
	}
	m.Stats.Reviewed += int64(len(keys))
	m.sweepCost = int64(len(keys)) * 1_000 / m.cfg.SweepPeople
	m.loaded = nil
	if m.sweep++; m.sweep == m.cfg.Slices {
		m.sweep, m.changed = sweepIdle, m.changed.swept()
		m.program = m.changed.Apply(m.program)
	}
	return true
}

func (m *Machine) review(p *resident, offset, logTime int64) {
	from := len(m.decisions.List)
	changed := m.program.Review(&p.person, logTime, &m.decisions)
	next := m.program.NextDeadline(&p.person)
	if changed || next != cohort.Never && (p.person.Armed == 0 || max(next, logTime) < p.person.Armed) {
		m.touch(p, logTime)
	}
	m.number(p, from, offset)
}

func (m *Machine) sliceLoaded(in SliceLoaded) {
	e, ok := m.waiting.(LoadSlice)
	if !ok || m.phase != running {
		return
	}
	m.waiting = nil
	switch {
	case m.current(in.Checkpoint):
		m.loaded = &slice{number: e.Slice, checkpoint: in.Checkpoint, keys: in.Keys, blobs: in.Blobs}
	case m.known(in.Checkpoint):
		// A commit has passed this load: what it wrote may be missing, and be evicted by now.
		m.wait(e)
	default:
		m.endTenure(Conflict, "a slice of people was read under another checkpoint")
	}
}
