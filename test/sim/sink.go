package main

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// sink reads the transitions of one partition and keeps the newest of each person. It dies now
// and then and goes on from the position that it had kept: what it tells again is told in order.
type sink struct {
	w      *world
	number int
	next   int64
	kept   int64 // position after a crash
	newest map[string]int64
	acted  map[string]int64 // version of the last thing done for a person
}

func newSink(w *world, n int) *sink {
	return &sink{w: w, number: n, newest: map[string]int64{}, acted: map[string]int64{}}
}

func (s *sink) pause() int64 { return second + s.w.rng.Int64N(20*minute) }

func (s *sink) read() {
	if s.w.rng.IntN(6) == 0 && !s.w.healed && s.next > s.kept {
		s.w.count[sinkRepeated]++
		s.next = s.kept
		s.newest = map[string]int64{}
	}
	s.take()
	if s.w.rng.IntN(3) == 0 {
		s.kept = s.next
	}
	if !s.w.healed {
		s.w.after(s.pause(), s.read)
	}
}

func (s *sink) take() {
	t := s.w.broker.outputs[s.number][partition.Transitions]
	for ; s.next < t.high; s.next++ {
		tr := t.records[s.next].tr
		if tr == nil || tr.Op == cohort.OpErased {
			continue
		}
		had, known := s.newest[tr.Person]
		if known && tr.Version > had+1 && !s.w.judge.excused[s.number] {
			s.w.fail("partition %d: the sink misses version %d of %s", s.number, had+1, tr.Person)
		}
		if tr.Version > had {
			s.newest[tr.Person] = tr.Version
			s.acted[tr.Person] = tr.Version
		}
	}
}

// finish: in the end the last thing done for everybody is the newest that there is.
func (s *sink) finish() {
	s.take()
	for key, version := range s.w.judge.version {
		if homeOf(key) == s.number && s.acted[key] != version {
			s.w.fail("partition %d: the sink acted on version %d of %s, the newest is %d", s.number, s.acted[key], key, version)
		}
	}
}
