// Package evidence turns places in the log into the events that stand there.
package evidence

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// Status says whether an event could be shown.
type Status string

// What became of the look at a place.
const (
	Found     Status = "found"
	Gone      Status = "gone"       // retention has taken it; what it did is still in the state
	Absorbed  Status = "absorbed"   // told under another key, in another partition; the record is the one that joined the two
	Elsewhere Status = "elsewhere"  // something else stands there: the log is not the one that was consumed
	Skipped   Status = "skipped"    // beyond the bound of one answer
	Unread    Status = "unread"     // the log did not answer in time
	Damaged   Status = "unreadable" // written by a newer release, or broken
)

// Event is what is shown of an event: nothing that it says of the person.
type Event struct {
	Status     Status
	ID         string
	Kind       string
	Name       string
	Source     string
	EventAt    int64
	AcceptedAt int64
	Replay     bool
}

// Log reads records of the log.
type Log interface {
	ReadAt(ctx context.Context, topic string, partition int32, offsets []int64) ([]kafkaio.Record, error)
}

// Decoder reads events of every version of their schema.
type Decoder interface {
	DecodeEventHead(ctx context.Context, b []byte, e *event.Event) error
}

// Reader reads events. Both bounds are needed.
type Reader struct {
	Log     Log
	Decoder Decoder
	Most    int // events of one answer; the newest are read
	Beside  int // requests to the log at once, of one answer
}

// Read gives the events at these places of a partition by offset; keys are those that
// the person has and had. What cannot be shown says why; it is never an error, for the
// answer is right without it.
func (r *Reader) Read(ctx context.Context, partition int32, keys []string, places map[int64]cohort.Evidence) map[int64]Event {
	out := make(map[int64]Event, len(places))
	offsets := slices.Sorted(maps.Keys(places))
	if extra := len(offsets) - r.Most; extra > 0 {
		for _, offset := range offsets[:extra] {
			out[offset] = Event{Status: Skipped}
		}
		offsets = offsets[extra:]
	}
	if len(offsets) == 0 {
		return out
	}
	var mu sync.Mutex
	var reading sync.WaitGroup
	for part := range slices.Chunk(offsets, (len(offsets)+r.Beside-1)/r.Beside) {
		reading.Go(func() {
			records, err := r.Log.ReadAt(ctx, schemas.EventsTopic, partition, part)
			missing := Gone
			if err != nil {
				missing = Unread
			}
			mu.Lock()
			defer mu.Unlock()
			for _, offset := range part {
				out[offset] = Event{Status: missing}
			}
			for i := range records {
				offset := records[i].Offset
				out[offset] = r.shown(ctx, &records[i], keys, places[offset])
			}
		})
	}
	reading.Wait()
	return out
}

// shown takes a record apart. What came from another key has its place where the two
// became one.
func (r *Reader) shown(ctx context.Context, record *kafkaio.Record, keys []string, place cohort.Evidence) Event {
	var e event.Event
	if err := r.Decoder.DecodeEventHead(ctx, record.Value, &e); err != nil {
		return Event{Status: Damaged}
	}
	status := Found
	switch {
	case !slices.Contains(keys, e.Person):
		return Event{Status: Elsewhere}
	case e.Kind == event.KindMerge:
		status = Absorbed
	case e.EventAt < place.At: // an event that was ahead of log time counts at log time
		return Event{Status: Elsewhere}
	}
	return Event{
		Status: status, ID: e.ID, Kind: e.Kind.String(), Name: e.Name, Source: e.Source,
		EventAt: e.EventAt, AcceptedAt: e.AcceptedAt, Replay: e.Replay,
	}
}
