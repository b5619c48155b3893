package main

import (
	"bytes"
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// slot is one partition as a Redis has it. Blobs never change once they are there.
type slot struct {
	checkpoint []byte
	people     map[string][]byte
	buckets    map[int64][]byte
}

func newSlot() *slot {
	return &slot{people: map[string][]byte{}, buckets: map[int64][]byte{}}
}

func (s *slot) clone() *slot {
	return &slot{checkpoint: s.checkpoint, people: maps.Clone(s.people), buckets: maps.Clone(s.buckets)}
}

// node is one Redis.
type node struct{ slots [partitions]*slot }

func newNode() *node {
	n := &node{}
	for p := range n.slots {
		n.slots[p] = newSlot()
	}
	return n
}

func (n *node) clone() *node {
	c := &node{}
	for p := range n.slots {
		c.slots[p] = n.slots[p].clone()
	}
	return c
}

// store is a primary with an asynchronous replica. While it is split each of them takes
// writes of whoever still believes in it.
type store struct {
	nodes   [2]*node
	primary int
	split   bool
	behind  []func() // writes on their way to the replica, in order
	lastAt  int64
	copied  *node // a backup
	term    int   // counts failovers
	refuses bool  // writes: read-only, too few replicas
	full    bool  // no memory: what is read in a transaction is refused too
	away    bool  // nobody answers
	lag     int64 // longest way to the replica, ms
}

func newStore() *store { return &store{nodes: [2]*node{newNode(), newNode()}, lag: 5} }

// same compares checkpoints: none is another one than any.
func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// apply does what a commit says. The first one of a rebuild takes the place of whatever is there.
func (s *slot) apply(e *partition.Commit) {
	if e.Expect == nil {
		*s = *newSlot()
	}
	s.checkpoint = e.Next
	for _, p := range e.People {
		s.people[p.Key] = p.Blob
		if p.Blob == nil {
			delete(s.people, p.Key)
		}
	}
	for _, b := range e.Deadlines {
		had := s.buckets[b.ID]
		s.buckets[b.ID] = append(slices.Clip(had), b.Append...)
	}
	for _, id := range e.Drop {
		delete(s.buckets, id)
	}
}

// serves says whether a node writes as a primary. A replica answers those who load.
func (s *store) serves(n int) bool { return n == s.primary || s.split }

// takes says what a node makes of a commit: 0 = it is done. The checkpoint is looked at first.
func (s *store) takes(n, p int, expect []byte, blind bool) partition.Failure {
	switch {
	case !same(s.nodes[n].slots[p].checkpoint, expect) && !blind:
		return partition.Conflict
	case !s.writes(n):
		return partition.Refused
	default:
		return 0
	}
}

// writes says whether a node writes anything.
func (s *store) writes(n int) bool { return s.serves(n) && !s.refuses && !s.full }

// write does something to a partition on a node, and on the replica a little later.
func (w *world) write(n, p int, do func(*slot)) {
	s := w.store
	do(s.nodes[n].slots[p])
	if s.split || n != s.primary {
		return
	}
	term := s.term
	s.behind = append(s.behind, func() { do(s.nodes[1-n].slots[p]) })
	s.lastAt = max(s.lastAt, w.now+w.rng.Int64N(s.lag))
	w.at(s.lastAt, func() {
		if s.term == term && len(s.behind) > 0 {
			s.behind[0]()
			s.behind = s.behind[1:]
		}
	})
}

// failover makes the replica the primary; what had not reached it is lost. For a while the old
// one goes on taking the writes of those who have not heard, and is a replica then, that some still ask.
func (w *world) failover(split int64) {
	s := w.store
	if s.split {
		return
	}
	if len(s.behind) > 0 {
		w.count[suffixLost]++
	}
	s.term++
	s.behind, s.primary, s.split = nil, 1-s.primary, true
	term := s.term
	for _, p := range w.processes {
		w.after(w.rng.Int64N(2*split+1), func() {
			if s.term == term {
				p.route = s.primary
			}
		})
	}
	w.after(split, func() {
		if s.term == term {
			w.unify()
		}
	})
}

// unify ends a split: the old primary becomes a copy of the new one. Connections to it stay, and their
// owners hear of it when a write is refused.
func (w *world) unify() {
	s := w.store
	s.split = false
	s.nodes[1-s.primary] = s.nodes[s.primary].clone()
}

// flush loses everything, on both nodes.
func (w *world) flush() {
	s := w.store
	s.term++
	s.behind, s.split = nil, false
	s.nodes = [2]*node{newNode(), newNode()}
	for _, p := range w.processes {
		p.route = s.primary
	}
}

// evict loses one key, on both nodes: the checkpoint of a partition.
func (w *world) evict(n int) {
	for _, node := range w.store.nodes {
		node.slots[n].checkpoint = nil
	}
}

// backup keeps a copy; restore puts it in the place of what is there.
func (w *world) backup() { w.store.copied = w.store.nodes[w.store.primary].clone() }

func (w *world) restore() {
	s := w.store
	if s.copied == nil {
		return
	}
	w.count[restored]++
	s.term++
	s.behind, s.split = nil, false
	s.nodes = [2]*node{s.copied.clone(), s.copied.clone()}
	for _, p := range w.processes {
		p.route = s.primary
	}
}
