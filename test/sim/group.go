package main

// group says which process owns which partition. Members learn of it late, and one that
// was expelled not at all until it asks again.
type group struct {
	member     [processes]bool
	owner      [partitions]int
	generation int
}

// rebalance gives the partitions to the members anew.
func (w *world) rebalance() {
	g := &w.group
	g.generation++
	var members []int
	for i := range g.member {
		if g.member[i] {
			members = append(members, i)
		}
	}
	if len(members) == 0 {
		return
	}
	first := w.rng.IntN(len(members))
	for n := range partitions {
		g.owner[n] = members[(first+n)%len(members)]
	}
	generation, owner := g.generation, g.owner
	w.say("* generation %d: members %v own %v", generation, members, owner)
	for _, i := range members {
		p := w.processes[i]
		p.later(w.rng.Int64N(500), func() { p.assigned(generation, owner) })
	}
}

func (p *process) assigned(generation int, owner [partitions]int) {
	if generation <= p.heard {
		return
	}
	p.heard = generation
	for n, i := range owner {
		if i != p.number {
			p.release(n)
		}
	}
	for n, i := range owner {
		if i == p.number {
			p.adopt(n)
		}
	}
}

// silent expels a member that has not been heard of for a session.
func (w *world) silent(p *process) {
	life := p.life
	w.after(session, func() {
		// Whoever was started anew has joined as another member.
		gone := p.dead || p.life == life && (p.paused || p.kafka.lossy > 500)
		if gone && w.group.member[p.number] && !w.healed {
			w.count[expelled]++
			w.group.member[p.number] = false
			w.rebalance()
		}
	})
}

// join makes a process a member (again).
func (w *world) join(p *process) {
	if p.dead || p.paused {
		return
	}
	if !w.group.member[p.number] {
		w.group.member[p.number] = true
		w.rebalance()
	}
}
