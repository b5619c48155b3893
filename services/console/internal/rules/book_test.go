package rules

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

func text(window string) string {
	return "version: 1\nevents: {order: {names: [order]}}\ncohorts: [{key: buyers, when: {did: {event: order, within: " + window + "}}}]\n"
}

// log has a catalogue at every offset that texts names, and a tick at all others below 100.
type log struct {
	texts map[int64]string
	takes time.Duration
	err   error
	calls atomic.Int32
}

func (l *log) ReadAt(ctx context.Context, _ string, _ int32, offsets []int64) ([]kafkaio.Record, error) {
	l.calls.Add(1)
	if l.takes > 0 {
		select {
		case <-time.After(l.takes):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if l.err != nil || offsets[0] >= 100 {
		return nil, l.err
	}
	e := event.Event{Kind: event.KindTick, Source: event.SourceOwner}
	if t, ok := l.texts[offsets[0]]; ok {
		e = event.Event{Kind: event.KindCatalog, Source: event.SourceOwner, Properties: event.Properties{Nested: map[string]string{"catalogue": t}}}
	}
	return []kafkaio.Record{{Offset: offsets[0], Value: avrocodec.AppendEvent(nil, 1, &e)}}, nil
}

type decoder struct{}

func (decoder) DecodeEvent(_ context.Context, b []byte, e *event.Event) error {
	return avrocodec.DecodeEvent(b, e)
}

func at(offset int64) *partition.Checkpoint { return &partition.Checkpoint{CatalogueAt: offset} }

func TestBook_ReadsOnceAndSharesWhatIsTheSame(t *testing.T) {
	l := &log{texts: map[int64]string{1: text("7d"), 5: text("7d"), 9: text("8d")}}
	b := NewBook(l, decoder{}, 2)
	want := func(p int32, offset int64, calls int32) *Rules {
		t.Helper()
		r, err := b.At(t.Context(), p, at(offset))
		if err != nil || l.calls.Load() != calls {
			t.Fatalf("partition %d at %d: %v after %d reads, want %d", p, offset, err, l.calls.Load(), calls)
		}
		return r
	}
	first := want(0, 1, 1)
	if again := want(0, 1, 1); again != first {
		t.Error("it was made anew")
	}
	if other := want(1, 5, 2); other != first {
		t.Error("the same text in another partition was made anew")
	}
	next := want(0, 9, 3)
	if next == first || next.Text("buyers") != "when:\n  did:\n    event: order\n    within: 8d" || next.Text("nobody") != "" {
		t.Errorf("after a change: got %q", next.Text("buyers"))
	}
	want(1, 9, 4)
	if len(b.made) != 1 {
		t.Errorf("%d catalogues are kept, want the one that is in force", len(b.made))
	}
}

func TestBook_SaysWhyThereIsNone(t *testing.T) {
	away := errors.New("away")
	l := &log{texts: map[int64]string{1: "version: 99"}}
	b := NewBook(l, decoder{}, 1)
	for offset, want := range map[int64]error{-1: ErrNone, 2: ErrLost, 100: ErrLost, 1: ErrForeign} {
		if _, err := b.At(t.Context(), 0, at(offset)); !errors.Is(err, want) {
			t.Errorf("at %d: got %v, want %v", offset, err, want)
		}
	}
	l.err = away
	if _, err := b.At(t.Context(), 0, at(3)); !errors.Is(err, away) {
		t.Errorf("got %v, want that the log is away", err)
	}
	l.err, l.texts[3] = nil, text("7d")
	if _, err := b.At(t.Context(), 0, at(3)); err != nil {
		t.Errorf("when it is back: %v", err)
	}
}

// One reads the log for all who wait, and who waits is bound by their own time.
func TestBook_OneReadsForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{texts: map[int64]string{1: text("7d")}, takes: time.Second}
		b := NewBook(l, decoder{}, 1)
		var waiting sync.WaitGroup
		for i := range 5 {
			waiting.Go(func() {
				if _, err := b.At(t.Context(), 0, at(1)); err != nil {
					t.Error(fmt.Errorf("%d: %w", i, err))
				}
			})
		}
		synctest.Wait()
		hasty, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := b.At(hasty, 0, at(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the time", err)
		}
		waiting.Wait()
		if n := l.calls.Load(); n != 1 {
			t.Errorf("the log was read %d times, want once", n)
		}
	})
}

func TestRules_PathsAreCohortsThatFactsAloneDoNotDecide(t *testing.T) {
	const text = `version: 1
events: {order: {names: [order]}}
cohorts:
  - {key: plain, when: {did: {event: order, within: 7d}}}
  - {key: dwells, dwell: 1h, when: {did: {event: order, within: 7d}}}
  - {key: sticks, enter: {did: {event: order, within: 1d}}, stay: {did: {event: order, within: 7d}}}
  - {key: strong, when: {did: {event: order, within: 7d}}}
  - {key: weak, when: {did: {event: order, within: 7d}}}
groups: [{key: one, cohorts: [strong, weak]}]
`
	b := NewBook(&log{texts: map[int64]string{0: text}}, decoder{}, 1)
	r, err := b.At(t.Context(), 0, at(0))
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{"plain": false, "dwells": true, "sticks": true, "strong": false, "weak": true} {
		if got := r.Path(key); got != want {
			t.Errorf("%s: got %t, want %t", key, got, want)
		}
	}
}
