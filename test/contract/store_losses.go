package contract

var lossCases = []storeCase{
	{"a lost checkpoint leaves people without one, whose place the next first commit takes", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		s.done(s.s.Lose(0, aCheckpoint, ""))
		s.people(0, "-: p0=a p1=- p2=- p6=-")
		s.deadlines(0, "-: 4=x 5=- 6=-")
		s.everybody(0, "-: p0=a")
		s.commit(0, "c1", "c2", "p0=b", Conflict)
		s.commit(0, "-", "c2", "p1=b 5+y", Done)
		s.people(0, "c2: p0=- p1=b p2=- p6=-")
		s.deadlines(0, "c2: 4=- 5=y 6=-")
	}},
	{"nobody sees that a person or a bucket got lost", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a p1=b 4+x 5+y", Done)
		if !s.done(s.s.Lose(0, aPerson, "p0"), but(losesNoOther, "cannot")) {
			return
		}
		s.people(0, "c1: p0=- p1=b p2=- p6=-")
		s.done(s.s.Lose(0, aBucket, "4"))
		s.deadlines(0, "c1: 4=- 5=y 6=-")
		s.commit(0, "c1", "c2", "", Done)
	}},
	{"everything lost is as nothing ever there", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		s.commit(1, "-", "c1", "p0=a", Done)
		s.s.Flush()
		s.people(0, "-: p0=- p1=- p2=- p6=-")
		s.everybody(1, "-:")
		s.commit(0, "c1", "c2", "p0=b", Conflict)
		s.commit(0, "-", "c1", "p1=b", Done)
	}},
	{"an old copy is whole, and who is ahead of it is refused", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		s.s.Backup()
		s.commit(0, "c1", "c2", "p0=b p1=b 4+y 5+z", Done)
		s.commit(1, "-", "c9", "p2=new", Done)
		s.s.Restore()
		s.people(0, "c1: p0=a p1=- p2=- p6=-")
		s.deadlines(0, "c1: 4=x 5=- 6=-")
		s.everybody(0, "c1: p0=a")
		s.everybody(1, "-:")
		s.commit(0, "c2", "c3", "p0=c", Conflict)
		s.commit(0, "c1", "c2", "p0=b", Done)
	}},
	{"what is refused is not written, and a conflict comes first", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		if !s.done(s.s.Refuse(NoReplicas), but(neverRefuses, "cannot")) {
			return
		}
		s.commit(0, "c1", "c2", "p0=b 4+y", Refused)
		s.commit(0, "-", "c2", "p0=b", Conflict)
		s.commit(1, "-", "c1", "p0=b", Refused)
		s.people(0, "c1: p0=a p1=- p2=- p6=-") // who loads is answered
		s.deadlines(0, "c1: 4=x 5=- 6=-")
		s.s.Refuse("")
		s.commit(0, "c1", "c2", "p0=b 4+y", Done)
		s.deadlines(0, "c2: 4=xy 5=- 6=-")
	}},
	{"without memory nobody is answered: a reader's transaction is refused too", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a", Done)
		s.commit(1, "-", "c1", "p0=a 4+x", Done)
		s.done(s.s.Lose(1, aCheckpoint, ""))
		if !s.s.Refuse(NoMemory) {
			return // neverRefuses
		}
		s.commit(0, "c1", "c2", "p0=b 4+y ~5", Refused)
		s.commit(0, "-", "c2", "p0=b", Conflict)
		s.people(0, "refused")
		s.expect(deadlines(s.s, 0, 4, 1), "refused")
		s.commit(1, "-", "c2", "p0=b", Refused) // so a rebuild does not make room
		s.s.Refuse("")
		s.people(0, "c1: p0=a p1=- p2=- p6=-")
	}},
	{"nobody there writes nothing", func(s *storeScript) {
		s.commit(0, "-", "c1", "p0=a 4+x", Done)
		s.s.Away(true)
		s.commit(0, "c1", "c2", "p0=b", Unavailable)
		s.people(0, "unavailable")
		s.commit(1, "-", "c1", "p0=b", Unavailable)
		s.s.Away(false)
		s.people(0, "c1: p0=a p1=- p2=- p6=-")
		s.deadlines(0, "c1: 4=x 5=- 6=-")
		s.commit(0, "c1", "c2", "p0=b", Done)
	}},
}
