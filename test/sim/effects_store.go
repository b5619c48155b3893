package main

import (
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// askStore loads or commits. The node that the process takes for the primary decides.
func (t *tenure) askStore(e partition.Effect) {
	o := t.own
	p, w := o.process, o.process.world
	s := w.store
	commit, isCommit := e.(partition.Commit)
	if isCommit {
		commit.People, commit.Deadlines = slices.Clone(commit.People), slices.Clone(commit.Deadlines)
	}
	done := false
	lost := func() {
		class := partition.NotSent
		if isCommit {
			class = partition.Ambiguous
			w.count[pick(done, commitUnknownDone, commitUnknownNot)]++
		}
		t.answer(partition.Failed{Effect: e, Class: class})
	}
	if s.away {
		w.count[storeAway]++
		p.later(1+w.rng.Int64N(20), func() { t.answer(partition.Failed{Effect: e, Class: partition.NotSent}) })
		return
	}
	p.ask(&p.redis, func(r *request) {
		fail := func(class partition.Failure) { r.reply(func() { t.answer(partition.Failed{Effect: e, Class: class}) }) }
		if s.away {
			p.route = s.primary
			fail(partition.NotSent)
			return
		}
		if !s.serves(p.route) {
			w.count[replicaAsked]++
		}
		kept := s.nodes[p.route].slots[o.number]
		switch e := e.(type) {
		case partition.Commit:
			if class := s.takes(p.route, o.number, e.Expect, w.lacks(noCompare)); class != 0 {
				if class == partition.Conflict {
					w.count[zombieConflict]++
				} else {
					w.count[storeRefused]++
					p.route = s.primary // the connection is given up, and the next one asks anew
				}
				fail(class)
				return
			}
			if s.split && p.route != s.primary {
				w.count[splitWrite]++
			}
			if w.lacks(noAtomic) && w.rng.IntN(16) == 0 {
				people := partition.Commit{Expect: e.Expect, Next: kept.checkpoint, People: commit.People}
				w.write(p.route, o.number, func(s *slot) { s.apply(&people) })
				fail(partition.Ambiguous)
				return
			}
			done = true
			if e.Expect == nil {
				w.count[rebuilt]++
			}
			w.judge.committed(o.number, &commit)
			if commit.Checkpoint.Ordinal > 0 && w.plan.Knobs.DieWithin && !w.healed {
				w.after(w.rng.Int64N(10), func() { w.happen(&Item{Kind: kindKill, Who: p.number}) })
			}
			w.write(p.route, o.number, func(s *slot) { s.apply(&commit) })
			r.reply(func() { t.answer(partition.Committed{}) })
		default:
			if s.full {
				w.count[loadRefused]++
				fail(partition.Refused)
				return
			}
			if _, first := e.(partition.LoadCheckpoint); first {
				w.judge.loaded(t, kept.checkpoint)
			}
			in := w.load(kept, e)
			r.reply(func() { t.answer(in) })
		}
	}, lost)
}

func pick(yes bool, a, b counter) counter {
	if yes {
		return a
	}
	return b
}

// load answers the effects that read.
func (w *world) load(s *slot, e partition.Effect) partition.Input {
	switch e := e.(type) {
	case partition.LoadCheckpoint:
		return partition.CheckpointLoaded{Bytes: s.checkpoint}
	case partition.LoadPeople:
		in := partition.PeopleLoaded{Checkpoint: s.checkpoint, Keys: e.Keys}
		for _, k := range e.Keys {
			in.Blobs = append(in.Blobs, s.people[k])
		}
		return in
	case partition.LoadDeadlines:
		in := partition.DeadlinesLoaded{Checkpoint: s.checkpoint, First: e.First}
		for i := range e.Count {
			in.Buckets = append(in.Buckets, s.buckets[e.First+int64(i)])
		}
		return in
	case partition.LoadSlice:
		in := partition.SliceLoaded{Checkpoint: s.checkpoint}
		keys := slices.Sorted(maps.Keys(s.people))
		w.rng.Shuffle(len(keys), func(a, b int) { keys[a], keys[b] = keys[b], keys[a] })
		for _, k := range keys {
			if sliceOf(k) == e.Slice {
				in.Keys, in.Blobs = append(in.Keys, k), append(in.Blobs, s.people[k])
			}
		}
		return in
	default:
		panic("an effect that nobody carries out")
	}
}
