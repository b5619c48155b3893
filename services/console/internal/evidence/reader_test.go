package evidence

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// log is a partition whose records below start are gone.
type log struct {
	start   int64
	records map[int64][]byte
	err     error
	calls   atomic.Int32
}

func (l *log) ReadAt(_ context.Context, _ string, _ int32, offsets []int64) (out []kafkaio.Record, err error) {
	l.calls.Add(1)
	for _, offset := range offsets {
		if value, ok := l.records[offset]; ok && offset >= l.start {
			out = append(out, kafkaio.Record{Offset: offset, Value: value})
		}
	}
	return out, l.err
}

type decoder struct{}

func (decoder) DecodeEventHead(_ context.Context, b []byte, e *event.Event) error {
	return avrocodec.DecodeEventHead(b, e)
}

func told(person string, at int64) []byte {
	return avrocodec.AppendEvent(nil, 1, &event.Event{
		Kind: event.KindTrack, Source: event.SourcePipelines, ID: "m1", Name: "Order Completed", Person: person,
		EventAt: at, AcceptedAt: at + 5, IDs: event.Identifiers{Email: "ada@example.com"},
	})
}

func absorbed(person string, at int64) []byte {
	return avrocodec.AppendEvent(nil, 1, &event.Event{
		Kind: event.KindMerge, Source: event.SourceOwner, ID: "m2", Name: event.NameAbsorb, Person: person, EventAt: at, AcceptedAt: 105,
	})
}

func places(at int64, offsets ...int64) map[int64]cohort.Evidence {
	list := make(map[int64]cohort.Evidence)
	for _, offset := range offsets {
		list[offset] = cohort.Evidence{At: at, Offset: offset}
	}
	return list
}

func TestRead_SaysOfEachPlaceWhatStandsThereOrWhyNot(t *testing.T) {
	l := &log{start: 10, records: map[int64][]byte{
		9: told("ada", 100), 10: told("ada", 100), 11: told("bob", 100), 12: told("ada", 99), 13: []byte("broken"), 14: told("old key", 101), 16: absorbed("ada", 90),
	}}
	r := Reader{Log: l, Decoder: decoder{}, Most: 8, Beside: 2}
	got := r.Read(t.Context(), 3, []string{"ada", "old key"}, places(100, 8, 9, 10, 11, 12, 13, 14, 15, 16))
	found := Event{
		Status: Found, ID: "m1", Kind: "track", Name: "Order Completed", Source: event.SourcePipelines, EventAt: 100, AcceptedAt: 105,
	}
	later := found
	later.EventAt, later.AcceptedAt = 101, 106
	want := map[int64]Event{
		8: {Status: Skipped}, 9: {Status: Gone}, 10: found, 11: {Status: Elsewhere}, 12: {Status: Elsewhere},
		13: {Status: Damaged}, 14: later, 15: {Status: Gone},
		16: {Status: Absorbed, ID: "m2", Kind: "merge", Name: event.NameAbsorb, Source: event.SourceOwner, EventAt: 90, AcceptedAt: 105},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := l.calls.Load(); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestRead_ALogThatIsAwayIsSaid(t *testing.T) {
	l := &log{records: map[int64][]byte{1: told("ada", 100)}, err: errors.New("away")}
	r := Reader{Log: l, Decoder: decoder{}, Most: 10, Beside: 1}
	got := r.Read(t.Context(), 0, []string{"ada"}, places(100, 1, 2))
	if got[1].Status != Found || got[2].Status != Unread {
		t.Errorf("got %v, want what was read, and that the rest was not", got)
	}
	if got := r.Read(t.Context(), 0, nil, nil); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
	if !slices.Equal([]int32{1}, []int32{l.calls.Load()}) {
		t.Errorf("nothing was asked for and %d requests were made", l.calls.Load()-1)
	}
}
