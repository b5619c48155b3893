package kafkaio

import (
	"errors"
	"testing"
	"time"
)

// ends collects what callbacks are told, in order.
type ends chan error

func (e ends) done(_ int64, err error) { e <- err }

func (e ends) want(t *testing.T, what string, want error) {
	t.Helper()
	select {
	case got := <-e:
		if !errors.Is(got, want) {
			t.Errorf("%s: told %v, want %v", what, got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s: never told its end", what)
	}
}

// held is a writer whose newest acknowledged batch was sealed so long ago. It has no client:
// whatever it sends panics.
func held(since time.Duration) *FencedWriter {
	return &FencedWriter{cfg: FencedConfig{Topic: "x", HeldUp: 30 * time.Minute}, fenced: true, seq: 1, heard: time.Now().Add(-since)}
}

func TestFenced_SendsNothingUnderAFenceThatMayBeForgotten(t *testing.T) {
	w, told := held(31*time.Minute), make(ends, 2)
	w.Append([]OutRecord{{Value: []byte("a")}}, told.done)
	told.want(t, "appended when it woke", ErrAmbiguous)
	if w.Buffered() != 0 {
		t.Errorf("%d bytes are still counted as under way", w.Buffered())
	}
	w.Append([]OutRecord{{Value: []byte("b")}}, told.done)
	told.want(t, "appended after that", ErrAmbiguous)
}

func TestFenced_SendsNothingBehindAnAnswerThatWaitedForItToWake(t *testing.T) {
	w, told := held(0), make(ends, 2)
	first := &fencedBatch{sealed: time.Now().Add(-31 * time.Minute)}
	first.add(&OutRecord{Value: []byte("a")})
	first.spans = []span{{done: told.done}}
	first.job = job{owner: w}
	w.inflight = first
	w.Append([]OutRecord{{Value: []byte("b")}}, told.done) // waits behind it
	if next := w.complete(&first.job); next != nil {
		t.Fatal("what waited is sent")
	}
	w.deliver()
	told.want(t, "the acknowledged batch", nil)
	told.want(t, "the one that waited", ErrAmbiguous)
}

func TestFenced_RepeatsNothingWhenItWakes(t *testing.T) {
	w, told := held(31*time.Minute), make(ends, 1)
	b := &fencedBatch{}
	b.add(&OutRecord{Value: []byte("a")})
	b.spans = []span{{done: told.done}}
	w.inflight = b
	if err := w.stillOpen(); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("it may be repeated: %v", err)
	}
	w.deliver()
	told.want(t, "the batch that was not answered", ErrAmbiguous)
}

func TestFenced_GoesOnAfterAPauseThatNobodyForgetsIn(t *testing.T) {
	w := held(29 * time.Minute)
	b := &fencedBatch{}
	b.add(&OutRecord{Value: []byte("a")})
	w.open = b
	if w.nextLocked() == nil || w.err != nil {
		t.Errorf("nothing is sent: %v", w.err)
	}
}
