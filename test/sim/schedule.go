package main

// schedule is what is still to happen, in the order of time and, within one instant, in the
// order in which it was asked for.
type schedule struct {
	heap  []happening
	asked uint64
}

type happening struct {
	at    int64 // true time, ms
	order uint64
	do    func()
}

func (a *happening) before(b *happening) bool {
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (s *schedule) add(at int64, do func()) {
	s.asked++
	h := append(s.heap, happening{at: at, order: s.asked, do: do})
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
	s.heap = h
}

// next takes what happens first; nil = nothing will.
func (s *schedule) next() (at int64, do func()) {
	h := s.heap
	if len(h) == 0 {
		return 0, nil
	}
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = happening{}
	h = h[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].before(&h[c]) {
			c++
		}
		if !h[c].before(&h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	s.heap = h
	return top.at, top.do
}
