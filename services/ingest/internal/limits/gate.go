package limits

import (
	"errors"

	"golang.org/x/sync/semaphore"
)

// ErrNoRoom says that all bytes or all slots are taken at the moment.
var ErrNoRoom = errors.New("too much is held at once")

// Gate lets a bounded number of requests be worked on at once, with a bounded number of
// bytes between all that are in. It never makes anybody wait: a queue would only move the
// overload.
type Gate struct {
	slots chan struct{}
	bytes *semaphore.Weighted
}

// NewGate makes a gate for that many requests and bytes.
func NewGate(requests int, bytes int64) *Gate {
	return &Gate{slots: make(chan struct{}, requests), bytes: semaphore.NewWeighted(bytes)}
}

// Full says whether every slot is taken, so that a request can be refused before anything of
// it is read.
func (g *Gate) Full() bool { return len(g.slots) == cap(g.slots) }

// Busy is how many requests are being worked on.
func (g *Gate) Busy() int { return len(g.slots) }

// Place is what one request takes of a gate: bytes as they arrive, and a slot once all of it
// is there. A sender who announces much and sends slowly therefore holds a connection and next
// to nothing else. A place belongs to one goroutine.
type Place struct {
	gate    *Gate
	bytes   int64
	working bool
}

// Enter gives a place that holds nothing yet.
func (g *Gate) Enter() *Place { return &Place{gate: g} }

// Take asks for so many bytes more. ErrNoRoom is the only error. A nil place takes all there is.
func (p *Place) Take(n int64) error {
	if p == nil {
		return nil
	}
	if !p.gate.bytes.TryAcquire(n) {
		return ErrNoRoom
	}
	p.bytes += n
	return nil
}

// Work asks for a slot, once. ErrNoRoom is the only error.
func (p *Place) Work() error {
	if p.working {
		return nil
	}
	select {
	case p.gate.slots <- struct{}{}:
		p.working = true
		return nil
	default:
		return ErrNoRoom
	}
}

// Leave gives everything back.
func (p *Place) Leave() {
	if p.bytes > 0 {
		p.gate.bytes.Release(p.bytes)
		p.bytes = 0
	}
	if p.working {
		<-p.gate.slots
		p.working = false
	}
}
