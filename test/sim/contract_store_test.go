package main

import (
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/test/contract"
)

// simStore is the simulated store as the contract sees it.
type simStore struct {
	w     *world
	route int
}

func newSimStore() *simStore { return &simStore{w: newWorld(&Plan{}, nil)} }

func (s *simStore) Part() contract.Part { return contract.Simulated }

// pass lets what is under way reach the replica.
func (s *simStore) pass() { s.w.until(s.w.now + 10) }

func (s *simStore) Commit(p int, c partition.Commit) contract.Verdict {
	if s.w.store.away {
		return contract.Unavailable
	}
	switch s.w.store.takes(s.route, p, c.Expect, false) {
	case partition.Conflict:
		return contract.Conflict
	case partition.Refused:
		return contract.Refused
	default:
		s.w.write(s.route, p, func(to *slot) { to.apply(&c) })
		s.pass()
		return contract.Done
	}
}

func (s *simStore) load(p int, e partition.Effect) (partition.Input, contract.Verdict) {
	switch {
	case s.w.store.away:
		return nil, contract.Unavailable
	case s.w.store.full:
		return nil, contract.Refused
	}
	return s.w.load(s.w.store.nodes[s.route].slots[p], e), contract.Done
}

func (s *simStore) People(p int, keys []string) (checkpoint []byte, blobs [][]byte, v contract.Verdict) {
	in, v := s.load(p, partition.LoadPeople{Keys: keys})
	if v != contract.Done {
		return nil, nil, v
	}
	l := in.(partition.PeopleLoaded)
	return l.Checkpoint, l.Blobs, v
}

func (s *simStore) Deadlines(p int, first int64, count int) (checkpoint []byte, entries [][]byte, v contract.Verdict) {
	in, v := s.load(p, partition.LoadDeadlines{First: first, Count: count})
	if v != contract.Done {
		return nil, nil, v
	}
	l := in.(partition.DeadlinesLoaded)
	return l.Checkpoint, l.Buckets, v
}

func (s *simStore) Everybody(p int) (checkpoints [][]byte, all map[string][]byte) {
	all = map[string][]byte{}
	for n := range sliceCount {
		in, _ := s.load(p, partition.LoadSlice{Slice: n})
		l := in.(partition.SliceLoaded)
		checkpoints = append(checkpoints, l.Checkpoint)
		for i, key := range l.Keys {
			all[key] = l.Blobs[i]
		}
	}
	return checkpoints, all
}

func (s *simStore) Lose(p int, what, _ string) bool {
	if what != "checkpoint" {
		return false
	}
	s.w.evict(p)
	return true
}

func (s *simStore) Flush() { s.w.flush() }

func (s *simStore) Backup() { s.w.backup() }

func (s *simStore) Restore() { s.w.restore() }

func (s *simStore) Refuse(reason string) bool {
	s.w.store.full, s.w.store.refuses = reason == contract.NoMemory, reason == contract.NoReplicas
	return true
}

func (s *simStore) Away(away bool) { s.w.store.away = away }

func (s *simStore) Fall() bool {
	s.w.store.lag, s.w.store.lastAt = hour, s.w.now+hour
	return true
}

func (s *simStore) Failover() {
	s.w.failover(hour)
	s.route = s.w.store.primary
}

func (s *simStore) Ask(old bool) {
	s.route = s.w.store.primary
	if old {
		s.route = 1 - s.route
	}
}

func (s *simStore) Unify() { s.w.unify() }
