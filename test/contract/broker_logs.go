package contract

import "fmt"

var logCases = []Case{
	{"a reader gets what stands from its offset on, and nothing at the end", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 2, "at 0")
		s.put(0, p, 2, 3, "at 2")
		s.read(0, 0, "at 0: v1 v2 v3 v4 v5 high 5")
		s.read(0, 3, "at 3: v4 v5 high 5") // inside of a batch
		s.read(0, 5, "high 5")
		s.put(0, p, 5, 1, "at 5")
		s.read(0, 5, "at 5: v6 high 6")
	}},
	{"an offset beyond the end is out of range", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		s.read(0, 2, "out of range")
	}},
	{"a topic without records has an end", func(s *script) {
		s.read(0, 0, "high 0")
		s.read(0, 1, "out of range")
	}},
	{"an offset that retention has taken is out of range", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 2, "at 0")
		s.put(0, p, 2, 2, "at 2")
		s.b.Retain(0, 3)
		s.read(0, 0, "out of range")
		s.read(0, 2, "out of range")
		s.read(0, 3, "at 3: v4 high 4")
	}},
	{"a log that retention has emptied goes on where it was, and remembers", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 2, "at 0")
		s.b.Retain(0, 2)
		s.read(0, 1, "out of range")
		s.read(0, 2, "high 2")
		s.knows(0, p.ID, "epoch 0, last 1")
		s.put(0, p, 0, 2, "at 0") // a repeat of what is gone
		s.put(0, p, 3, 1, "disorder")
		s.put(0, p, 2, 1, "at 2")
		young := s.take(0, "a/1")
		s.put(0, young, 0, 1, "at 3")
		s.b.Retain(0, 4)
		s.put(0, p, 3, 1, "fenced")
	}},
	{"a topic that was created again knows nobody", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 3, "at 0")
		young := s.take(0, "a/1")
		s.put(0, young, 0, 1, "at 3")
		s.b.Recreate(0)
		s.knows(0, p.ID, "nothing")
		s.read(0, 0, "high 0")
		s.read(0, 4, "out of range")
		s.put(0, p, 0, 1, "at 0", but(fencesAtOnce, "fenced"))
		if !s.as(fencesAtOnce) {
			s.put(0, young, 0, 1, "at 1")
			s.put(0, p, 1, 1, "fenced")
		}
	}},
	{"a record of a log that is sent again is one record", func(s *script) {
		s.log(0, 0, "at 0")
		s.log(1, 0, "at 1")
		s.log(0, 0, "at 0")
		s.log(0, 1, "at 2")
		s.log(1, 0, "at 1")
		s.log(0, 0, "at 0")
	}},
	{"a record of a log that comes very late is written at most once", func(s *script) {
		for i := range 7 {
			s.log(0, i, fmt.Sprintf("at %d", i))
		}
		s.log(0, 2, "at 2")
		s.log(0, 1, "disorder", but(remembersMore, "at 1"))
		s.log(0, 7, "at 7")
	}},
	{"the next record may be further on", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		if !s.done(s.b.Hole(0), but(noHoles, "cannot")) {
			return
		}
		s.read(0, 1, "high 2")
		s.put(0, p, 1, 2, "at 2")
		s.read(0, 0, "at 0: v1 at 2: v2 v3 high 4")
		s.read(0, 1, "at 2: v2 v3 high 4")
	}},
}

// longCases take a while on the real broker.
var longCases = []Case{
	usedUp,
	{"the next leader refuses old epochs and recognises the newest batch", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		young := s.take(0, "a/1")
		for i := range int32(3) {
			s.send(0, Batch{By: young, Seq: i, Values: s.some(1)}, []string{"at 1", "at 2", "at 3"}[i])
		}
		s.b.Restart(true)
		s.put(0, p, 1, 1, "fenced")
		s.put(0, young, 2, 1, "at 3")
		s.put(0, young, 1, 1, "disorder", but(remembersElections, "at 2"), but(remembersRestarts, "at 2"))
		s.put(0, young, 4, 1, "disorder")
		s.put(0, young, 3, 1, "at 4")
		s.read(0, 0, "at 0: v1 v2 v3 v4 v9 high 5")
		s.take(0, "a/2")
	}},
}

var restartCases = []Case{
	{"a leader that was killed refuses old epochs and recognises the newest batch", func(s *script) {
		p := s.take(0, "a/0")
		s.put(0, p, 0, 1, "at 0")
		young := s.take(0, "a/1")
		s.put(0, young, 0, 2, "at 1")
		s.b.Restart(false)
		s.put(0, p, 1, 1, "fenced")
		s.put(0, young, 0, 2, "at 1")
		s.put(0, young, 2, 1, "at 3")
		s.take(0, "a/2")
	}},
}
