package audit

import "slices"

// history is everything that a person did, whole: nothing is ever dropped from it.
type history struct {
	events map[string][]moment // by event of the catalogue, oldest first
}

type moment struct {
	at int64
	id string
}

// add takes a moment in; false = it was known.
func (h *history) add(event string, m moment) bool {
	if h.events == nil {
		h.events = make(map[string][]moment)
	}
	list := h.events[event]
	i, _ := slices.BinarySearchFunc(list, m.at, func(x moment, at int64) int {
		if x.at < at {
			return -1
		}
		return 1
	})
	for j := i; j < len(list) && list[j].at == m.at; j++ {
		if list[j].id == m.id {
			return false
		}
	}
	h.events[event] = slices.Insert(list, i, m)
	return true
}

// newest gives the time of the n-th newest moment up to t.
func (h *history) newest(event string, n int, t int64) (int64, bool) {
	list := h.events[event]
	i := upTo(list, t) - n
	if i < 0 {
		return 0, false
	}
	return list[i].at, true
}

// upTo counts the moments that are not later than t.
func upTo(list []moment, t int64) int {
	i, _ := slices.BinarySearchFunc(list, t, func(x moment, t int64) int {
		if x.at <= t {
			return -1
		}
		return 1
	})
	return i
}

// instants lists when a rule's answer may change, in (after, until], in order.
func (h *history) instants(r *rule, after, until int64) []int64 {
	var found []int64
	for _, e := range r.events {
		list := h.events[e]
		for _, span := range append([]int64{0}, r.spans...) {
			for i := upTo(list, after-span); i < len(list) && list[i].at+span <= until; i++ {
				found = append(found, list[i].at+span)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// earliest is the time of the oldest moment that a rule asks about.
func (h *history) earliest(r *rule) (at int64, ok bool) {
	for _, e := range r.events {
		if list := h.events[e]; len(list) > 0 && (!ok || list[0].at < at) {
			at, ok = list[0].at, true
		}
	}
	return at, ok
}
