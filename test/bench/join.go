package main

import (
	"sync"
	"time"
)

// join finds the number of what a record speaks of, where it names only an id that
// another record or answer ties to the number, before or after it.
type join struct {
	found *arrivals

	mu     sync.Mutex
	number map[string]int       // by id
	early  map[string]time.Time // seen before their number was known
}

func newJoin(n int) *join {
	return &join{found: newArrivals(n), number: map[string]int{}, early: map[string]time.Time{}}
}

// names ties an id to a number.
func (j *join) names(id string, number int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number[id] = number
	if at, ok := j.early[id]; ok {
		j.found.see(number, at)
		delete(j.early, id)
	}
}

// sees notes when something with that id came.
func (j *join) sees(id string, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if number, ok := j.number[id]; ok {
		j.found.see(number, now)
	} else if _, ok := j.early[id]; !ok {
		j.early[id] = now
	}
}
