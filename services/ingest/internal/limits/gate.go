package limits

import (
	"golang.org/x/sync/semaphore"
)

// Gate lets a bounded number of requests in, with a bounded number of bytes between
// them. It never makes anybody wait: a queue would only move the overload.
type Gate struct {
	slots chan struct{}
	bytes *semaphore.Weighted
}

// NewGate makes a gate for that many requests and bytes.
func NewGate(requests int, bytes int64) *Gate {
	return &Gate{slots: make(chan struct{}, requests), bytes: semaphore.NewWeighted(bytes)}
}

// Enter takes a place and that many bytes. ok is false when there is none; else leave
// gives both back.
func (g *Gate) Enter(bytes int64) (leave func(), ok bool) {
	select {
	case g.slots <- struct{}{}:
	default:
		return nil, false
	}
	if !g.bytes.TryAcquire(bytes) {
		<-g.slots
		return nil, false
	}
	return func() {
		g.bytes.Release(bytes)
		<-g.slots
	}, true
}

// Busy is how many requests are inside.
func (g *Gate) Busy() int { return len(g.slots) }
