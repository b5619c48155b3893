package state

import (
	"context"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/schemas"
)

// Bounds of the look at where the log ends: it is for information, so it may be a little
// old, and a broker that does not answer must hold nobody up.
const (
	endFresh   = 500 * time.Millisecond
	endWait    = 150 * time.Millisecond
	endBackoff = 2 * time.Second
)

// Offsets asks the broker for both ends of a partition.
type Offsets interface {
	Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error)
}

// Ends tells where the logs of the partitions end, by which lag is told.
type Ends struct {
	log   Offsets
	now   func() time.Time
	slots []endSlot
}

type endSlot struct {
	mu    sync.Mutex
	end   int64
	known bool
	until time.Time // when it is looked at again
}

// NewEnds makes Ends for that many partitions.
func NewEnds(log Offsets, partitions int, now func() time.Time) *Ends {
	return &Ends{log: log, now: now, slots: make([]endSlot, partitions)}
}

// Of gives the next offset that the partition's log will write, not more than half a
// second old; false when the broker does not say.
func (e *Ends) Of(ctx context.Context, partition int32) (int64, bool) {
	s := &e.slots[partition]
	s.mu.Lock()
	if e.now().Before(s.until) {
		defer s.mu.Unlock()
		return s.end, s.known
	}
	// The others are content with what was known, so that one request asks and none waits for it.
	s.until = e.now().Add(endWait)
	s.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, endWait)
	defer cancel()
	_, end, err := e.log.Offsets(ctx, schemas.EventsTopic, partition)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.known, s.until = false, e.now().Add(endBackoff)
		return 0, false
	}
	s.end, s.known, s.until = end, true, e.now().Add(endFresh)
	return s.end, true
}
