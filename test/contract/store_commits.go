package contract

var commitCases = []storeCase{
	{"nothing is there at first", func(s *storeScript) {
		s.people(0, "-: p0=- p1=- p2=- p6=-")
		s.deadlines(0, "-: 4=- 5=- 6=-")
		s.everybody(0, "-:")
	}},
	{"the first commit expects nothing", func(s *storeScript) {
		s.commit(0, "c0", "c1", "p0=a 5+x", Conflict)
		s.commit(0, "''", "c1", "p0=a 5+x", Conflict) // empty is something
		s.people(0, "-: p0=- p1=- p2=- p6=-")
		s.commit(0, "-", "c1", "p0=a 5+x", Done)
		s.people(0, "c1: p0=a p1=- p2=- p6=-")
	}},
	{"another expectation writes nothing at all", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a p1=b 4+x 5+y", Done)
		for _, expect := range []string{"-", "''", "c", "c2", "c11"} {
			s.commit(0, expect, "c2", "p0=z p1=- p2=z 4+z 6+z ~5", Conflict)
		}
		s.people(0, "c1: p0=a p1=b p2=- p6=-")
		s.deadlines(0, "c1: 4=x 5=y 6=-")
		s.everybody(0, "c1: p0=a p1=b")
	}},
	{"people, deadlines and checkpoint follow together", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a p1=b p6=c 4+x", Done)
		s.commit(0, "c1", "c2", "p1=bb p2=d 4+y 5+z", Done)
		s.people(0, "c2: p0=a p1=bb p2=d p6=c")
		s.deadlines(0, "c2: 4=xy 5=z 6=-")
		s.everybody(0, "c2: p0=a p1=bb p2=d p6=c")
		s.commit(0, "c1", "c2", "p0=z", Conflict) // a repeat of what was done
		s.people(0, "c2: p0=a p1=bb p2=d p6=c")
	}},
	{"a commit may change nothing but the checkpoint, also to itself", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a", Done)
		s.commit(0, "c1", "c1", "", Done)
		s.commit(0, "c1", "c2", "", Done)
		s.people(0, "c2: p0=a p1=- p2=- p6=-")
	}},
	{"an empty checkpoint is one", func(s *storeScript) {
		s.commit(0, "-", "''", "p0=a", Done)
		s.people(0, "'': p0=a p1=- p2=- p6=-")
		s.commit(0, "-", "c1", "", Conflict)
		s.commit(0, "''", "c1", "", Done)
	}},
	{"nobody is another than somebody without state", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a p1='' p2=b", Done)
		s.commit(0, "c1", "c2", "p0=- p6=- p2=''", Done)
		s.people(0, "c2: p0=- p1='' p2='' p6=-")
		s.everybody(0, "c2: p1='' p2=''")
		s.commit(0, "c2", "c3", "p0=again", Done)
		s.everybody(0, "c3: p0=again p1='' p2=''")
	}},
	{"entries are appended to their bucket, and a bucket is dropped after", func(s *storeScript) {
		s.commit(0, "-", "c1", "4+a 5+b 4+c", Done)
		s.deadlines(0, "c1: 4=ac 5=b 6=-")
		s.commit(0, "c1", "c2", "4+d ~4 ~99", Done)
		s.deadlines(0, "c2: 4=- 5=b 6=-")
		s.commit(0, "c2", "c3", "4+e 6+", Done)
		s.deadlines(0, "c3: 4=e 5=b 6=-")
	}},
	{"partitions are apart, and the first commit of a rebuild leaves the neighbours", func(s *storeScript) {
		for p := range 3 {
			s.commit(p, "-", "c1", "p0=a p1=b 4+x 1000000+y", Done)
		}
		s.done(s.s.Lose(1, aCheckpoint, ""))
		s.commit(1, "c1", "c2", "", Conflict)
		s.commit(1, "-", "c3", "p2=c", Done)
		s.people(1, "c3: p0=- p1=- p2=c p6=-")
		s.deadlines(1, "c3: 4=- 5=- 6=-")
		s.everybody(1, "c3: p2=c")
		s.expect(deadlines(s.s, 1, 1000000, 1), "c3: 1000000=-")
		for _, p := range []int{0, 2} {
			s.people(p, "c1: p0=a p1=b p2=- p6=-")
			s.deadlines(p, "c1: 4=x 5=- 6=-")
		}
	}},
}
