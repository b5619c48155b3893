package main

import (
	"bytes"
	"math"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// judge holds what readers see to the fold of the log, the moment they can see it.
type judge struct {
	w       *world
	folds   [partitions]*fold
	seenOut [partitions]int             // transitions that readers have seen
	errands [partitions]int             // errands that have been found
	arrived [partitions]map[string]bool // records of the logs, by name
	last    [partitions]cohort.ID       // newest profile
	version map[string]int64            // by person
	maimed  [partitions]bool            // retention has taken the front of the log
	gone    [partitions]bool            // the log was created again
	shared  [partitions]int64           // records that the new log took over from the old one
	excused [partitions]bool            // and the store with it: nothing could know
	ended   [partitions]*partition.End  // final
	tenures int
}

func newJudge(w *world) *judge {
	j := &judge{w: w, version: map[string]int64{}}
	for n := range partitions {
		j.folds[n] = newFold(w.broker.logs[n], n)
		j.arrived[n] = map[string]bool{}
		j.last[n] = noID
	}
	return j
}

// seen looks at what a topic has shown to its readers just now.
func (j *judge) seen(t *topic, from int64) {
	for n := range partitions {
		switch t {
		case j.w.broker.logs[n]:
			for i := from; i < t.high; i++ {
				r := &t.records[i]
				if r.event.AcceptedAt > r.at+stampSlack {
					j.w.count[stampClamped]++
				}
				j.w.told[string(r.value)] = r.event
				name := errandName(r.event)
				if j.arrived[n][name] && r.event.Own() {
					j.w.count[forwardTwice]++
				}
				j.arrived[n][name] = true
			}
			return
		case j.w.broker.outputs[n][partition.Transitions]:
			for i := from; i < t.high && j.w.failure == nil; i++ {
				j.transition(n, &t.records[i])
			}
			return
		case j.w.broker.outputs[n][partition.Profiles]:
			for i := from; i < t.high && j.w.failure == nil; i++ {
				if p := t.records[i].profile; p != nil {
					if p.ID.Less(j.last[n]) {
						j.w.fail("partition %d: the state of %s of %v comes after %v", n, p.Person, p.ID, j.last[n])
					}
					j.last[n] = p.ID
				}
			}
			return
		}
	}
}

func (j *judge) transition(n int, r *record) {
	f := j.folds[n]
	if j.excused[n] {
		return // log and store are both others: nothing here could know
	}
	if r.mark != nil {
		j.told(n, r.mark.Processed, 0, "a watermark")
		return
	}
	f.through(r.tr.ID.Offset + 1)
	k := j.seenOut[n]
	j.seenOut[n]++
	switch {
	case k > 0 && !f.told[k-1].ID.Less(r.tr.ID):
		j.w.fail("partition %d: duplicate: %s comes after %v", n, show(r.tr), f.told[k-1].ID)
	case k >= len(f.told):
		j.w.fail("partition %d: invented: %s", n, show(r.tr))
	case f.told[k].ID.Less(r.tr.ID):
		j.w.fail("partition %d: lost: %s; %s came", n, show(&f.told[k]), show(r.tr))
	case !equal(&f.told[k], r.tr):
		j.w.fail("partition %d: contradictory: %s stands there, the log says %s", n, show(r.tr), show(&f.told[k]))
	}
	if r.tr.Op == cohort.OpErased {
		return
	}
	if r.tr.Version != j.version[r.tr.Person]+1 {
		j.w.fail("partition %d: gap: %s goes from version %d to %d", n, r.tr.Person, j.version[r.tr.Person], r.tr.Version)
	}
	j.version[r.tr.Person] = r.tr.Version
}

// told: whoever says that all below a position is done has to be right.
func (j *judge) told(n int, offset int64, ordinal int32, who string) {
	if j.excused[n] {
		return
	}
	f := j.folds[n]
	f.through(offset)
	k := j.seenOut[n]
	at := cohort.ID{Partition: int32(n), Offset: offset, Ordinal: ordinal}
	if k < len(f.told) && f.told[k].ID.Less(at) {
		j.w.fail("partition %d: %s tells of offset %d, and %s is not acknowledged", n, who, offset, show(&f.told[k]))
		return
	}
	for ; j.errands[n] < len(f.errands) && f.errands[j.errands[n]].cause < offset; j.errands[n]++ {
		e := &f.errands[j.errands[n]]
		if !j.arrived[e.home][e.name] && !j.gone[e.home] {
			j.w.fail("partition %d: %s tells of offset %d, and record %q has not been passed on to partition %d", n, who, offset, e.name, e.home)
			return
		}
	}
}

// committed looks at a checkpoint in the instant in which it takes effect.
func (j *judge) committed(n int, e *partition.Commit) {
	if e.Checkpoint.Ordinal > 0 {
		j.w.count[halfWay]++
	}
	j.told(n, e.Checkpoint.Offset, e.Checkpoint.Ordinal, "a checkpoint")
}

// stats counts what a tenure did, and looks for what must never be.
func (j *judge) stats(t *tenure) {
	s, n, c := t.machine.Stats, t.own.number, &j.w.count
	if s == t.seen {
		return
	}
	if s.Contrary > 0 && !j.gone[n] {
		j.w.fail("partition %d: %d decisions contradict what was published", n, s.Contrary)
	}
	if s.Bad > 0 {
		j.w.fail("partition %d: %d records could not be taken in", n, s.Bad)
	}
	c[repeated] += s.Repeated - t.seen.Repeated
	c[evicted] += s.Loads - t.seen.Loads
	c[absorbed] += s.Merged - t.seen.Merged
	c[revived] += s.Revived - t.seen.Revived
	c[erasedSome] += s.Erased - t.seen.Erased
	t.seen = s
}

// loaded remembers from where a tenure goes on. Without log and checkpoint nothing could know that they
// were others.
func (j *judge) loaded(t *tenure, checkpoint []byte) {
	t.from, t.blank, t.ruled = 0, checkpoint == nil, math.MaxInt64
	if checkpoint == nil {
		return
	}
	if c, err := partition.DecodeCheckpoint(checkpoint); err == nil {
		t.from = max(c.Offset-1, 0)
		if c.Catalogue != catalogues[t.text].Revision() {
			t.ruled = c.CatalogueAt // without that record it cannot know what decides, and says so
		}
	}
}

// anchored looks at the log that a tenure is shown. Where its checkpoint is lost too, another log
// shows by nothing but that it is shorter than what was published from the one before.
func (j *judge) anchored(t *tenure, end int64) {
	n := t.own.number
	shared := t.blank || t.from < j.shared[n] // what its checkpoint knows is the same in both logs
	if k := j.seenOut[n]; shared && j.gone[n] && (k == 0 || j.folds[n].told[k-1].ID.Offset < end) {
		j.excused[n] = true
	}
}

// tenureEnded: a partition may stop for a person only where its log is not what it was.
func (j *judge) tenureEnded(o *ownership, t *tenure, end partition.End) {
	j.tenures++
	if !end.Final {
		return
	}
	j.ended[o.number] = &end
	passed := min(t.from, t.ruled, o.position) < j.w.broker.logs[o.number].start
	if end.Class != partition.Lost || !passed && !j.gone[o.number] {
		j.w.fail("partition %d stopped for a person: %v: %s", o.number, end.Class, end.Reason)
	}
}

// lost: the log of a partition is another one from here on.
func (j *judge) lost(n int, old *topic) {
	j.gone[n], j.shared[n] = true, j.w.broker.logs[n].high
	j.arrived[n] = map[string]bool{}
}

func equal(a, b *cohort.Transition) bool {
	if len(a.Contacts) != len(b.Contacts) {
		return false
	}
	for i := range a.Contacts {
		if !bytes.Equal(a.Contacts[i], b.Contacts[i]) {
			return false
		}
	}
	return a.ID == b.ID && a.Op == b.Op && a.Person == b.Person && a.Cohort == b.Cohort && a.Catalogue == b.Catalogue &&
		a.EffectiveAt == b.EffectiveAt && a.DecidedAt == b.DecidedAt && a.ValidUntil == b.ValidUntil && a.Reason == b.Reason &&
		a.Elapsed == b.Elapsed && a.Version == b.Version && a.SourceID == b.SourceID && a.SourceAt == b.SourceAt &&
		a.AcceptedAt == b.AcceptedAt && a.WarmingUntil == b.WarmingUntil
}
