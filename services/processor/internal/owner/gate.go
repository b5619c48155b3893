package owner

import (
	"sync/atomic"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// reader is what a gate holds back: a kafkaio.Fetcher.
type reader interface {
	Pause(partition int32)
	Resume(partition int32)
}

// gate is the queue between the fetcher and a machine. It holds the partition back
// before the queue is full, so that one busy owner never stops the delivery to the
// others, and lets it go on when the machine has room again.
type gate struct {
	reader    reader
	partition int32
	queue     chan kafkaio.Fetch
	paused    atomic.Bool
}

func newGate(r reader, partition int32) *gate {
	return &gate{reader: r, partition: partition, queue: make(chan kafkaio.Fetch, fetchesAhead)}
}

// put queues an answer; called by the one who polls the fetcher. What it pauses is
// still to be taken, so that the loop looks at the gate once more afterwards.
func (g *gate) put(f kafkaio.Fetch, done <-chan struct{}) {
	if len(g.queue) >= fetchesAhead/2 {
		g.paused.Store(true)
		g.reader.Pause(g.partition)
	}
	select {
	case g.queue <- f:
	case <-done:
	}
}

// open gives the queue to take from: nil while the machine has its fill. Called by the
// loop before every wait, since a backlog shrinks without anything being taken.
func (g *gate) open(backlog int) <-chan kafkaio.Fetch {
	if backlog > maxBacklog {
		return nil
	}
	if len(g.queue) == 0 && backlog <= maxBacklog/2 && g.paused.Swap(false) {
		g.reader.Resume(g.partition)
	}
	return g.queue
}
