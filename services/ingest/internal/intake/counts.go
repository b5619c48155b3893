package intake

import (
	"time"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// spans are the classes that lateness and clocks ahead are counted in: each up to and
// with its bound, the last without one.
//
//nolint:gochecknoglobals // a table
var spans = [...]struct {
	name  string
	bound int64 // ms
}{
	{"1m", int64(time.Minute / time.Millisecond)},
	{"1h", int64(time.Hour / time.Millisecond)},
	{"1d", int64(24 * time.Hour / time.Millisecond)},
	{"30d", int64(30 * 24 * time.Hour / time.Millisecond)},
	{"more", 1<<63 - 1},
}

// counts are what a batch adds to the metrics when it is durable.
type counts struct {
	byKind   [kinds]int64
	links    int64
	replayed int64
	late     [len(spans)]int64 // by how long after they happened they were accepted
	clamped  [len(spans)]int64 // by how far ahead their stamps lay
}

// count takes an event in. ahead is by how much its stamp lay ahead, in ms.
func (c *counts) count(e *event.Event, ahead int64) {
	c.byKind[e.Kind]++
	c.late[span(e.AcceptedAt-e.EventAt)]++
	if e.Clamped {
		c.clamped[span(ahead)]++
	}
	if e.Replay {
		c.replayed++
	}
}

func span(ms int64) int {
	for i := range spans {
		if ms <= spans[i].bound {
			return i
		}
	}
	return len(spans) - 1
}
