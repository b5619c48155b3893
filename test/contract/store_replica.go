package contract

import (
	"fmt"
	"strings"
)

var replicaCases = []storeCase{
	{"a replica that takes over lacks the newest commits and nothing else", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		if !s.done(s.s.Fall(), but(noReplica, "cannot")) {
			return
		}
		s.commit(0, "c1", "c2", "p0=b p1=b 4+y", Done)
		s.commit(1, "-", "c1", "p0=a", Done)
		s.s.Failover()
		s.people(0, "c1: p0=a p1=- p2=- p6=-")
		s.deadlines(0, "c1: 4=x 5=- 6=-")
		s.everybody(1, "-:")
		s.commit(0, "c2", "c3", "p0=c", Conflict)
		s.commit(0, "c1", "d2", "p2=d", Done)
	}},
	{"in a split both write, and then one is a copy of the other", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a", Done)
		if !s.s.Fall() {
			return
		}
		s.s.Failover()
		s.commit(0, "c1", "d2", "p0=new 4+n", Done)
		s.s.Ask(true)
		s.commit(0, "c1", "c2", "p0=old 4+o", Done)
		s.people(0, "c2: p0=old p1=- p2=- p6=-")
		s.s.Unify()
		s.people(0, "d2: p0=new p1=- p2=- p6=-") // the copy answers who loads
		s.deadlines(0, "d2: 4=n 5=- 6=-")
		s.commit(0, "c2", "c3", "p0=older", Conflict)
		s.commit(0, "d2", "d3", "p0=newer", Refused)
		s.s.Ask(false)
		s.people(0, "d2: p0=new p1=- p2=- p6=-")
		s.commit(0, "d2", "d3", "p0=newer", Done)
	}},
	{"wherever the replica was cut off, it has whole commits", func(s *storeScript) {
		fallen := make(chan bool, 1)
		at := "-"
		for i := range 200 {
			if i == 100 {
				cut := func() { fallen <- s.s.Fall() }
				if s.s.Part() == Real {
					go cut() // so that it comes in the middle of something
				} else {
					cut()
				}
			}
			next := fmt.Sprintf("c%d", i)
			s.commit(0, at, next, fmt.Sprintf("p0=%d p1=%d p2=%d p6=%d 4+%d. ~5", i, i, i, i, i), Done)
			at = next
		}
		if !<-fallen {
			return // noReplica
		}
		s.s.Failover()
		checkpoint, blobs, _ := s.s.People(0, []string{"p0", "p1", "p2", "p6"})
		i := strings.TrimPrefix(string(checkpoint), "c")
		for _, blob := range blobs {
			s.expect(string(blob), i)
		}
		_, entries, _ := s.s.Deadlines(0, 4, 1)
		if !strings.HasSuffix("."+string(entries[0]), "."+i+".") {
			s.t.Fatalf("at c%s the entries are %s", i, entries[0])
		}
	}},
}
