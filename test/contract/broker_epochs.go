package contract

const closing = 32767 // the greatest epoch, which shuts a producer id out for good

var epochCases = []Case{
	{"the first epoch of an id is 0, the next one is 1 of the same producer", func(s *script) {
		s.take(0, "a/0")
		s.take(0, "a/1")
		s.take(1, "b/0")
		s.take(0, "a/2")
	}},
	{"an old epoch writes until the new one has written there, partition by partition", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 1, "at 0")
		s.put(1, old, 0, 1, "at 0")
		young := s.take(0, "a/1")
		if s.as(fencesAtOnce) {
			s.put(0, old, 1, 1, "at 1", but(fencesAtOnce, "fenced"))
			s.put(0, young, 0, 1, "at 1")
			s.put(0, old, 1, 1, "fenced")
			return
		}
		s.put(0, old, 1, 1, "at 1")
		s.put(0, young, 0, 1, "at 2")
		s.put(0, old, 2, 1, "fenced")
		s.put(0, old, 0, 1, "fenced") // a first batch too
		s.put(0, old, 1, 1, "fenced") // and a repeat
		s.put(1, old, 1, 1, "at 1")   // there it has not written yet
		s.put(1, young, 0, 1, "at 2")
		s.put(1, old, 2, 1, "fenced")
	}},
	{"epochs may be left out, and what was refused stays out", func(s *script) {
		first := s.take(0, "a/0")
		s.put(0, first, 0, 2, "at 0")
		second, third := s.take(0, "a/1"), s.take(0, "a/2")
		s.put(0, third, 0, 1, "at 2")
		s.put(0, second, 0, 1, "fenced")
		s.put(0, first, 2, 1, "fenced")
		s.read(0, 0, "at 0: v1 v2 v3 high 3")
		s.knows(0, third.ID, "epoch 2, last 0")
	}},
	{"a refused batch of a new epoch shuts nobody out", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 1, "at 0")
		s.put(0, with(old, 5), 3, 1, "disorder") // an epoch begins with sequence 0
		s.put(0, old, 1, 1, "at 1", but(fencesByRefused, "fenced"))
	}},
	{"the closing epoch shuts a producer id out, with what it is not the newest of", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 3, "at 0")
		s.put(0, with(old, closing), 0, 1, "at 3")
		s.put(0, old, 3, 1, "fenced")
		s.put(0, with(old, 7), 0, 1, "fenced")
		s.put(0, with(old, closing-1), 0, 1, "fenced")
		s.put(0, with(old, closing), 1, 1, "at 4")
		s.knows(0, old.ID, "epoch 32767, last 1")
	}},
	{"two that close one id are one record", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 1, "at 0")
		s.put(0, with(old, closing), 0, 1, "at 1")
		s.put(0, with(old, closing), 0, 1, "at 1") // whatever it says
		s.read(0, 0, "at 0: v1 v2 high 2")
	}},
	{"the coordinator does not hear of a closing epoch", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, with(old, closing), 0, 1, "at 0")
		s.take(0, "a/1", but(closesTheID, "b/0"))
	}},
	{"a closing epoch closes one partition", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 1, "at 0")
		s.put(1, old, 0, 1, "at 0")
		s.put(0, with(old, closing), 0, 1, "at 1")
		s.put(1, old, 1, 1, "at 1", but(fencesAtOnce, "fenced"))
	}},
	{"a producer that was never seen is taken as it comes", func(s *script) {
		other := s.take(0, "a/0")
		s.put(0, other, 0, 1, "at 0")
		late := s.take(1, "b/0")
		s.put(0, with(late, 3), 9, 2, "at 1")
		s.put(0, with(late, 3), 11, 1, "at 3")
		s.put(0, with(late, 2), 0, 1, "fenced")
		s.knows(0, late.ID, "epoch 3, last 11")
	}},
	{"a topic that never had a record takes a first batch of any sequence", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 4, 1, "at 0", but(firstIsZero, "disorder"))
	}},
}

var usedUp = Case{"after 32,767 epochs there is another producer, and the old one writes on", func(s *script) {
	first := s.take(0, "a/0")
	s.put(0, first, 0, 1, "at 0")
	last := first
	for last.Epoch < closing-1 {
		next := s.b.TakeEpoch(0)
		if next != with(first, last.Epoch+1) {
			s.t.Fatalf("after %v comes %v", last, next)
		}
		last = next
	}
	young := s.take(0, "b/0")
	s.put(0, young, 0, 1, "at 1")
	if s.as(forgetsUsedUp) {
		s.put(0, first, 5, 1, "disorder", but(forgetsUsedUp, "at 2"))
		return
	}
	s.put(0, first, 5, 1, "disorder")
	s.put(0, first, 1, 1, "at 2")
	s.put(0, with(first, closing), 0, 1, "at 3")
	s.put(0, first, 2, 1, "fenced")
	s.put(0, last, 0, 1, "fenced")
	s.put(0, young, 1, 1, "at 4")
}}
