package main

// link is the way between one process and Kafka, or Redis.
type link struct {
	slow  int64 // longest additional delay, ms
	lossy int   // messages of a thousand that get lost
}

func (w *world) delay(l *link) int64 {
	d := w.rng.Int64N(3)
	if l.slow > 0 && w.rng.IntN(3) == 0 {
		d += w.rng.Int64N(l.slow)
	}
	return d
}

func (w *world) loses(l *link) bool { return l.lossy > 0 && w.rng.IntN(1000) < l.lossy }

// request is a question on its way. Its answer, or that there is none, comes back once.
type request struct {
	process *process
	life    int
	link    *link
	lost    func()
	late    bool // nobody waits for it any more
}

// ask sends a request; serve runs where it arrives and answers it by r.reply or r.vanish,
// at once or later. lost runs at the process when it cannot know what became of it.
func (p *process) ask(l *link, serve func(r *request), lost func()) {
	w := p.world
	r := &request{process: p, life: p.life, link: l, lost: lost}
	if w.loses(l) {
		w.count[requestLost]++
		r.vanish()
		if w.rng.IntN(3) == 0 {
			// It was only held up, and arrives when its sender has given it up, or has died.
			r.late = true
			w.after(second+w.rng.Int64N(30*second), func() { serve(r) })
		}
		return
	}
	w.after(w.delay(l), func() { serve(r) })
}

func (r *request) reply(answer func()) {
	if r.late {
		return
	}
	w := r.process.world
	if w.loses(r.link) {
		w.count[answerLost]++
		r.vanish()
		return
	}
	w.after(w.delay(r.link), func() { r.process.run(r.life, answer) })
}

// vanish: the connection breaks, or the time is up.
func (r *request) vanish() {
	if r.late {
		return
	}
	w := r.process.world
	patience := 20 + w.rng.Int64N(200)
	if w.rng.IntN(4) == 0 {
		patience = 2 * second
	}
	w.after(patience, func() { r.process.run(r.life, r.lost) })
}
