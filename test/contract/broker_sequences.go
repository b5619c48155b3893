package contract

import "math"

var sequenceCases = []Case{
	{"a repeat is answered with its offset and is one copy", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 2, "at 0")
		s.put(0, p, 2, 3, "at 2")
		s.put(0, p, 2, 3, "at 2")
		s.put(0, p, 0, 2, "at 0")
		s.put(0, p, 5, 1, "at 5")
		s.read(0, 0, "at 0: v1 v2 v3 v4 v5 v11 high 6")
		s.knows(0, p.ID, "epoch 0, last 5")
	}},
	{"a repeat is recognised among the last five batches", func(s *script) {
		p := s.take(0, "a/0")
		for i := range int32(6) {
			s.send(0, Batch{By: p, Seq: i, Values: s.some(1)}, []string{"at 0", "at 1", "at 2", "at 3", "at 4", "at 5"}[i])
		}
		s.put(0, p, 1, 1, "at 1")
		s.put(0, p, 5, 1, "at 5")
		s.put(0, p, 0, 1, "disorder")
	}},
	{"a repeat is the same batch, not a part of it or more", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 3, "at 0")
		s.put(0, p, 0, 2, "disorder")
		s.put(0, p, 1, 2, "disorder")
		s.put(0, p, 0, 4, "disorder")
		s.put(0, p, 2, 2, "disorder")
		s.put(0, p, 0, 3, "at 0")
	}},
	{"a gap is refused and leaves everything as it is", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		s.put(0, p, 2, 1, "disorder")
		s.put(0, p, 1, 1, "at 1")
		s.read(0, 0, "at 0: v1 v3 high 2")
	}},
	{"a new epoch begins with sequence 0, and knows no repeat of the old one", func(s *script) {
		old := s.take(0, "a/0")
		s.put(0, old, 0, 1, "at 0")
		s.put(0, old, 1, 1, "at 1")
		s.put(0, old, 2, 1, "at 2")
		young := s.take(0, "a/1")
		s.put(0, young, 3, 1, "disorder")
		s.put(0, young, 2, 1, "disorder")
		s.put(0, young, 0, 1, "at 3")
		s.put(0, young, 0, 1, "at 3")
		s.put(0, young, 2, 1, "disorder")
		s.put(0, young, 1, 1, "at 4")
	}},
	{"sequences of two topics are apart", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 2, "at 0")
		s.put(1, p, 0, 1, "at 0")
		s.put(0, p, 2, 1, "at 2")
		s.put(1, p, 2, 1, "disorder")
		s.put(1, p, 1, 1, "at 1")
	}},
	{"two producers write in turn", func(s *script) {
		p, q := s.take(0, "a/0"), s.take(1, "b/0")
		s.put(0, p, 0, 1, "at 0")
		s.put(0, q, 0, 2, "at 1")
		s.put(0, p, 1, 1, "at 3")
		s.put(0, q, 0, 2, "at 1")
		s.put(0, q, 2, 1, "at 4")
	}},
	{"after the greatest sequence comes 0", func(s *script) {
		other, p := s.take(0, "a/0"), s.take(1, "b/0")
		s.put(0, other, 0, 1, "at 0")
		s.put(0, p, math.MaxInt32-1, 1, "at 1")
		if s.as(wrapsEarly) {
			s.put(0, p, math.MaxInt32, 1, "at 2", but(wrapsEarly, "disorder"))
			return
		}
		s.put(0, p, math.MaxInt32, 1, "at 2")
		s.put(0, p, 0, 1, "at 3")
		s.put(0, p, math.MaxInt32, 1, "at 2")
		s.put(0, p, 1, 1, "at 4")
	}},
	{"a batch may go across the greatest sequence", func(s *script) {
		other, p := s.take(0, "a/0"), s.take(1, "b/0")
		s.put(0, other, 0, 1, "at 0")
		s.put(0, p, math.MaxInt32-1, 3, "at 1") // the last one has sequence 0
		s.put(0, p, 1, 1, "at 4", but(wrapsEarly, "disorder"))
	}},
	{"who expired is as one who was never seen", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		young := s.take(0, "a/1")
		s.put(0, young, 0, 1, "at 1")
		if !s.done(s.b.Expire(0, p.ID), but(neverForgets, "cannot")) {
			return
		}
		s.knows(0, p.ID, "nothing")
		s.put(0, p, 1, 1, "at 2") // the old epoch, and any sequence
		s.put(0, young, 0, 1, "at 3")
		s.put(0, p, 2, 1, "fenced")
	}},
	{"who repeats after it expired writes twice", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		if s.b.Expire(0, p.ID) {
			s.put(0, p, 0, 1, "at 1")
		}
	}},
	{"a closed producer expires too", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, with(p, closing), 0, 1, "at 0")
		if s.b.Expire(0, p.ID) {
			s.put(0, p, 7, 1, "at 1")
		}
	}},
	{"a producer expires by the stamps of its newest batch", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		s.send(0, Batch{By: p, Seq: 1, Values: s.some(1), Age: 2 * day}, "at 1")
		s.b.Check(0, p.ID)
		s.knows(0, p.ID, "nothing")
		s.put(0, p, 7, 1, "at 2", but(neverForgets, "disorder"))
	}},
	{"a newer stamp keeps a producer", func(s *script) {
		p := s.take(0, "a/0")
		s.send(0, Batch{By: p, Values: s.some(1), Age: day / 48}, "at 0")
		s.put(0, p, 1, 1, "at 1")
		s.knows(0, p.ID, "epoch 0, last 1")
	}},
}

const day = 24 * 60 * 60 * 1000 // ms; what producer.id.expiration.ms is by itself
