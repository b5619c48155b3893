package main

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// settle lets time go on until every partition has come to rest.
func (w *world) settle(limit int64) {
	end, quiet, untold := w.now+limit, 0, 0
	why := ""
	for w.failure == nil && w.now < end {
		w.until(w.now + second/2)
		if why = w.restless(); why != "" {
			quiet = 0
			if untold++; !strings.HasSuffix(why, untoldPosition) {
				untold = 0
			}
			if untold > 120 { // a minute: the next heartbeat would tell it
				break
			}
			continue
		}
		if quiet++; quiet > 1 {
			return
		}
	}
	w.fail("stuck: %s", why)
}

const untoldPosition = "the watermark has not told the position"

// restless says what is not done yet; empty = nothing.
func (w *world) restless() string {
	for n := range partitions {
		if why := w.restlessAt(n); why != "" {
			return "partition " + string(rune('0'+n)) + ": " + why
		}
	}
	return ""
}

func (w *world) restlessAt(n int) string {
	owner := w.processes[w.group.owner[n]]
	o := owner.owned[n]
	switch {
	case o == nil || o.given:
		return "nobody owns it"
	case o.stopped != nil:
		return "" // judged where it happened
	case w.judge.excused[n]:
		return ""
	case w.judge.gone[n]:
		return "its log was created again, and it goes on"
	case o.tenure == nil || !o.tenure.machine.Running():
		return "no tenure is running"
	}
	log := w.broker.logs[n]
	c, err := partition.DecodeCheckpoint(w.store.nodes[w.store.primary].slots[n].checkpoint)
	switch mark := w.broker.outputs[n][partition.Transitions].lastMark(); {
	case err != nil:
		return "there is no checkpoint"
	case log.high != log.end() || c.Offset != log.end() || c.Ordinal != 0:
		return "the checkpoint is not at the end of the log"
	case c.Sweep != 0:
		return "a sweep is under way"
	case c.Catalogue != catalogues[o.tenure.text].Revision():
		return "another catalogue is in force than its owner wants"
	case mark == nil || mark.Processed != log.end():
		return untoldPosition
	}
	for i := range w.processes {
		if other := w.processes[i].owned[n]; other != nil && other != o {
			return "two processes own it"
		}
	}
	if len(w.store.behind) > 0 {
		return "the replica is behind"
	}
	return ""
}

// all judges what is there at the end.
func (j *judge) all() {
	if j.w.failure != nil {
		return
	}
	for n := range partitions {
		f, c := j.folds[n], &j.w.count
		c[warmedUp] += f.warmed
		c[catalogueChanged] += f.changed
		c[suppressedSome] += f.blocked
		if j.gone[n] || j.ended[n] != nil && j.w.processes[j.w.group.owner[n]].owned[n].stopped != nil {
			continue // it stopped; what it had told was right
		}
		f.through(f.log.high)
		if f.err != nil {
			j.w.fail("partition %d: %w", n, f.err)
		}
		if k := j.seenOut[n]; k < len(f.told) {
			j.w.fail("partition %d: lost: %s", n, show(&f.told[k]))
		}
		j.told(n, f.log.high, 0, "the end")
		j.stored(n, f)
		j.profiles(n, f)
		j.w.sinks[n].finish()
	}
	j.aliases()
	j.ticks()
}

// ticks: while nothing goes wrong one is written when a deadline is due, not to be safe. A few move
// nobody: their deadline is no longer the one that somebody waits for.
func (j *judge) ticks() {
	if !j.w.plan.faultless() {
		return
	}
	written, useless := 0, 0
	for _, f := range j.folds {
		useless += f.useless
		for i := range f.log.records {
			if f.log.records[i].event.Kind == event.KindTick {
				written++
			}
		}
	}
	if useless > 2+written/2 {
		j.w.fail("%d of %d ticks moved nobody", useless, written)
	}
}

// stored holds the store to the fold.
func (j *judge) stored(n int, f *fold) {
	s := j.w.store.nodes[j.w.store.primary].slots[n]
	c, _ := partition.DecodeCheckpoint(s.checkpoint)
	for key, p := range f.people {
		blob := s.people[key]
		if blob == nil {
			if p.Bare() && p.Version == 0 && !p.Suppressed() {
				continue
			}
			blob = f.rules.Append(nil, f.decode(key, nil))
		}
		if want := f.rules.Append(nil, p); !bytes.Equal(f.again(key, blob), want) {
			got := f.decode(key, blob)
			j.w.fail("partition %d: the store has %s at version %d, armed %d, the log says version %d, armed %d, %q", n, key, got.Version, got.Armed, p.Version, p.Armed, p.Into())
			return
		}
		if p.Armed >= c.LogTime && p.Armed != 0 && !holds(s.buckets[floorDiv(p.Armed, hour)], p.Armed, key) {
			j.w.fail("partition %d: the deadline of %s at %d is not in the store", n, key, p.Armed)
			return
		}
	}
	for key := range s.people {
		if f.people[key] == nil {
			j.w.fail("partition %d: the store has %s, the log has not", n, key)
			return
		}
	}
	if c.LogTime != f.logTime {
		j.w.fail("partition %d: log time is %d in the checkpoint, %d by the log", n, c.LogTime, f.logTime)
	}
	zero := func(_ string, v int64) bool { return v == 0 }
	got, want := maps.Clone(c.Sizes), maps.Clone(f.sizes)
	maps.DeleteFunc(got, zero)
	maps.DeleteFunc(want, zero)
	if !maps.Equal(got, want) {
		j.w.fail("partition %d: sizes are %v, the transitions say %v", n, got, want)
	}
}

// again brings what was stored under an earlier catalogue into the form of the one in force.
func (f *fold) again(key string, blob []byte) []byte { return f.rules.Append(nil, f.decode(key, blob)) }

func floorDiv(a, b int64) int64 { return (a - ((a%b)+b)%b) / b }

// holds looks for an entry of a bucket: instant within the hour, then the key.
func holds(bucket []byte, at int64, key string) bool {
	for len(bucket) > 0 {
		in, n := binary.Uvarint(bucket)
		size, m := binary.Uvarint(bucket[n:])
		name := string(bucket[n+m : n+m+int(size)])
		if name == key && floorDiv(at, hour)*hour+int64(in) == at {
			return true
		}
		bucket = bucket[n+m+int(size):]
	}
	return false
}

// profiles holds the state topic to the fold.
func (j *judge) profiles(n int, f *fold) {
	newest := map[string]*cohort.Profile{}
	t := j.w.broker.outputs[n][partition.Profiles]
	for i := range t.records {
		if p := t.records[i].profile; p != nil {
			newest[p.Person] = p
		}
	}
	for key, p := range f.people {
		got, in := newest[key], f.rules.Profile(p)
		if got == nil {
			if p.Version > 0 {
				j.w.fail("partition %d: the state topic does not know %s", n, key)
			}
			continue
		}
		if got.Version != p.Version || len(got.Memberships) != len(in) || got.Deleted && len(in) > 0 {
			j.w.fail("partition %d: the state topic has %s at version %d in %d cohorts, the log at version %d in %d", n, key, got.Version, len(got.Memberships), p.Version, len(in))
			return
		}
		if (p.Into() != "" || p.Bare()) && !got.Deleted {
			j.w.fail("partition %d: %s has become %q or was erased, and the state topic still has them", n, key, p.Into())
			return
		}
		for i := range in { // in whatever order: that of the catalogue may have changed since
			if !slices.ContainsFunc(got.Memberships, func(m cohort.Membership) bool { return m.Cohort == in[i].Cohort && m.EnteredAt == in[i].EnteredAt }) {
				j.w.fail("partition %d: the state topic has %s in %v, the log in %v", n, key, got.Memberships, in)
				return
			}
		}
	}
}

// aliases looks at who has become whom, over all partitions.
func (j *judge) aliases() {
	for n := range partitions {
		if j.gone[n] || j.maimed[n] {
			return
		}
	}
	for n := range partitions {
		for key := range j.folds[n].people {
			at := key
			for steps := 0; ; steps++ {
				p := j.folds[homeOf(at)].people[at]
				if p == nil || p.Into() == "" {
					break
				}
				if at = p.Into(); steps > 10 {
					j.w.fail("the aliases of %s stand in a circle", key)
					return
				}
			}
		}
	}
}

// windows: time has gone on for longer than any window, so none may be open past its end.
func (j *judge) windows() {
	for n := range partitions {
		if f := j.folds[n]; j.w.failure == nil && !j.gone[n] && j.ended[n] == nil {
			f.through(f.log.high)
			for key, p := range f.people {
				if p.Armed != 0 && p.Armed < j.w.now-10*second {
					j.w.fail("partition %d: the deadline of %s passed %d s ago, and nobody noticed", n, key, (j.w.now-p.Armed)/1000)
				}
			}
			for key, until := range f.change.Warming {
				if until < j.w.now-10*second {
					j.w.fail("partition %d: %s has been known in full for %d s, and nobody has been told", n, key, (j.w.now-until)/1000)
				}
			}
		}
	}
}
