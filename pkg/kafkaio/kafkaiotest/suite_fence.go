package kafkaiotest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

func fenceRecord(text string) kafkaio.OutRecord {
	return kafkaio.OutRecord{Timestamp: 1_700_000_000_000, Key: []byte("fence"), Value: []byte(text)}
}

func (s *suite) epoch(t *testing.T, c *kafkaio.Client, id string) kafkaio.Epoch {
	t.Helper()
	e, err := c.TakeEpoch(within(t), id)
	if err != nil {
		t.Fatalf("take epoch: %v", err)
	}
	return e
}

func writerOf(t *testing.T, c *kafkaio.Client, topic string, e kafkaio.Epoch) *kafkaio.FencedWriter {
	t.Helper()
	w := c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: e})
	t.Cleanup(w.Close)
	return w
}

// appendWait appends and waits for the end.
func appendWait(t *testing.T, w *kafkaio.FencedWriter, recs []kafkaio.OutRecord) (int64, error) {
	t.Helper()
	type end struct {
		offset int64
		err    error
	}
	done := make(chan end, 1)
	w.Append(recs, func(offset int64, err error) { done <- end{offset, err} })
	select {
	case e := <-done:
		return e.offset, e.err
	case <-time.After(patience):
		t.Fatal("an append was never told its end")
		return 0, nil
	}
}

func testFencedAppend(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	e := s.epoch(t, c, unique("txid"))
	w := c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: e, MaxBatchBytes: 2 << 10})
	defer w.Close()
	at, err := w.Fence(within(t), fenceRecord("fence"), nil)
	if err != nil || at != 0 {
		t.Fatalf("fence at %d, error %v, want 0", at, err)
	}
	const calls, each = 400, 5
	var mu sync.Mutex
	var offsets []int64
	all := make(chan struct{})
	for i := range calls {
		w.Append(numbered(fmt.Sprintf("c%d-", i), 0, each), func(last int64, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("append %d: %v", i, err)
			}
			offsets = append(offsets, last)
			if len(offsets) == calls {
				close(all)
			}
		})
	}
	select {
	case <-all:
	case <-time.After(patience):
		t.Fatal("the appends did not end")
	}
	for i, last := range offsets {
		if want := int64(each * (i + 1)); last != want {
			t.Fatalf("call %d ended at offset %d, want %d: callbacks out of order or offsets wrong", i, last, want)
		}
	}
	if n := w.Buffered(); n != 0 {
		t.Errorf("%d bytes are buffered after the end, want 0", n)
	}
	got, err := c.ReadRange(within(t), topic, 0, 0, 1+calls*each)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	for i, r := range got[1:] {
		if want := fmt.Sprintf("c%d-%d", i/each, i%each); string(r.Value) != want {
			t.Fatalf("record %d is %q, want %q", i, r.Value, want)
		}
		if r.ProducerID != e.ProducerID || r.ProducerEpoch != e.Epoch {
			t.Fatalf("record %d carries producer %d/%d, want %+v", i, r.ProducerID, r.ProducerEpoch, e)
		}
	}
}

func testFencedLostAnswer(t *testing.T, s *suite) {
	line := NewLine()
	c := s.open(t, over(line))
	topic := topicOf(t, c, 1)
	w := writerOf(t, c, topic, s.epoch(t, c, unique("txid")))
	line.LoseProduceAnswers(1)
	if at, err := w.Fence(within(t), fenceRecord("fence"), nil); err != nil || at != 0 {
		t.Fatalf("fence at %d, error %v", at, err)
	}
	want := []string{"fence"}
	for i := range 5 {
		line.LoseProduceAnswers(i % 3)
		last, err := appendWait(t, w, numbered(fmt.Sprintf("r%d-", i), 0, 2))
		if err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
		want = append(want, fmt.Sprintf("r%d-0", i), fmt.Sprintf("r%d-1", i))
		if last != int64(len(want)-1) {
			t.Errorf("append %d ended at %d, want %d", i, last, len(want)-1)
		}
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	if diff := cmp.Diff(want, values(readUntil(t, c, topic, 0, 0, end))); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func testZombie(t *testing.T, s *suite) {
	old, young := s.open(t), s.open(t)
	topic := topicOf(t, old, 1)
	id := unique("txid")
	first := s.epoch(t, old, id)
	zombie := writerOf(t, old, topic, first)
	if _, err := zombie.Fence(within(t), fenceRecord("fence-1"), nil); err != nil {
		t.Fatalf("fence 1: %v", err)
	}
	// The old owner writes without pause while the new one takes over.
	stopped := make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			done := make(chan error, 1)
			zombie.Append(numbered(fmt.Sprintf("old%d-", i), 0, 1), func(_ int64, err error) { done <- err })
			if err := <-done; err != nil {
				stopped <- err
				return
			}
		}
	}()
	second := s.epoch(t, young, id)
	if second.ProducerID != first.ProducerID || second.Epoch <= first.Epoch {
		t.Fatalf("epochs %+v then %+v: want the same producer and a greater epoch", first, second)
	}
	w := writerOf(t, young, topic, second)
	at, err := w.Fence(within(t), fenceRecord("fence-2"), &first)
	if err != nil {
		t.Fatalf("fence 2: %v", err)
	}
	for i := range 20 {
		if _, err := appendWait(t, w, numbered(fmt.Sprintf("new%d-", i), 0, 1)); err != nil {
			t.Fatalf("the new owner: %v", err)
		}
	}
	select {
	case err := <-stopped:
		if !errors.Is(err, kafkaio.ErrFenced) {
			t.Errorf("the old owner ended with %v, want ErrFenced", err)
		}
	case <-time.After(patience):
		t.Fatal("the old owner writes on")
	}
	if _, err := appendWait(t, zombie, numbered("late", 0, 1)); !errors.Is(err, kafkaio.ErrFenced) {
		t.Errorf("a later append of the old owner gives %v, want ErrFenced", err)
	}
	_, end, err := young.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	for _, r := range readUntil(t, young, topic, 0, at, end) {
		if r.ProducerEpoch != second.Epoch {
			t.Errorf("offset %d, behind the fence at %d, is of epoch %d: %q", r.Offset, at, r.ProducerEpoch, r.Value)
		}
	}
}

func testClosingFence(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	first, second := s.epoch(t, c, unique("txid-a")), s.epoch(t, c, unique("txid-b"))
	if first.ProducerID == second.ProducerID {
		t.Fatalf("two transactional ids share producer %d", first.ProducerID)
	}
	zombie := writerOf(t, c, topic, first)
	if _, err := zombie.Fence(within(t), fenceRecord("fence-1"), nil); err != nil {
		t.Fatalf("fence 1: %v", err)
	}
	tail, err := c.ReadRange(within(t), topic, 0, 0, 1)
	if err != nil {
		t.Fatalf("read the tail: %v", err)
	}
	last := tail[0].Heir()
	w := writerOf(t, c, topic, second)
	at, err := w.Fence(within(t), fenceRecord("fence-2"), &last)
	if err != nil {
		t.Fatalf("fence 2: %v", err)
	}
	if at != 2 {
		t.Errorf("the fence is at offset %d, want 2, behind the closing fence", at)
	}
	if _, err := appendWait(t, zombie, numbered("late", 0, 1)); !errors.Is(err, kafkaio.ErrFenced) {
		t.Errorf("the old producer id writes on: %v, want ErrFenced", err)
	}
	if _, err := appendWait(t, w, numbered("new", 0, 1)); err != nil {
		t.Errorf("the new owner: %v", err)
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	got := values(readUntil(t, c, topic, 0, 0, end))
	if diff := cmp.Diff([]string{"fence-1", "fence-2", "fence-2", "new0"}, got); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

// Three owners in a row have producer ids of their own. The second one closes the first and is held up before its fence.
func testClosingHeldUp(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	var ids [3]kafkaio.Epoch
	for i := range ids {
		ids[i] = s.epoch(t, c, unique("txid"))
	}
	zombie := writerOf(t, c, topic, ids[0])
	if _, err := zombie.Fence(within(t), fenceRecord("fence-0"), nil); err != nil {
		t.Fatalf("fence 0: %v", err)
	}
	closing := fenceRecord("fence-1")
	closing.Headers = []kafkaio.Header{{Key: "x-producer-id", Value: fmt.Append(nil, ids[1].ProducerID)}}
	if _, err := writerOf(t, c, topic, kafkaio.Epoch{ProducerID: ids[0].ProducerID, Epoch: 32767}).Fence(within(t), closing, nil); err != nil {
		t.Fatalf("closing fence 1: %v", err)
	}
	// Somebody who looked at the tail before comes second.
	if _, err := writerOf(t, c, topic, ids[2]).Fence(within(t), fenceRecord("fence-2"), &ids[0]); !errors.Is(err, kafkaio.ErrClosedFor) {
		t.Errorf("the second one to close a producer got %v, want ErrClosedFor", err)
	}
	// Whoever looks after finds the one that was held up.
	tail, err := c.ReadRange(within(t), topic, 0, 1, 2)
	if err != nil {
		t.Fatalf("read the tail: %v", err)
	}
	heir := tail[0].Heir()
	if heir.ProducerID != ids[1].ProducerID {
		t.Fatalf("behind a closing fence for producer %d may write %d", ids[1].ProducerID, heir.ProducerID)
	}
	if _, err := writerOf(t, c, topic, ids[2]).Fence(within(t), fenceRecord("fence-2"), &heir); err != nil {
		t.Fatalf("fence 2: %v", err)
	}
	if _, err := writerOf(t, c, topic, ids[1]).Fence(within(t), fenceRecord("late"), nil); !errors.Is(err, kafkaio.ErrFenced) {
		t.Errorf("the one that was held up got %v for its fence, want ErrFenced", err)
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	got := values(readUntil(t, c, topic, 0, 0, end))
	if diff := cmp.Diff([]string{"fence-0", "fence-1", "fence-2", "fence-2"}, got); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func testFencedStops(t *testing.T, s *suite) {
	line := NewLine()
	c := s.open(t, over(line))
	topic := topicOf(t, c, 1)
	w := c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: s.epoch(t, c, unique("txid")), Timeout: 400 * time.Millisecond})
	defer w.Close()
	if _, err := appendWait(t, w, numbered("early", 0, 1)); err == nil {
		t.Fatal("an append before the fence was accepted")
	}
	w = c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: s.epoch(t, c, unique("txid")), Timeout: 400 * time.Millisecond})
	defer w.Close()
	if _, err := w.Fence(within(t), fenceRecord("fence"), nil); err != nil {
		t.Fatalf("fence: %v", err)
	}
	line.Cut()
	var order []int
	var errs []error
	done := make(chan struct{})
	for i := range 3 {
		w.Append(numbered(fmt.Sprintf("x%d-", i), 0, 1), func(_ int64, err error) {
			order, errs = append(order, i), append(errs, err)
			if len(order) == 3 {
				close(done)
			}
		})
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the appends were never told their end")
	}
	if !slices.Equal(order, []int{0, 1, 2}) {
		t.Errorf("told in the order %v", order)
	}
	for i, err := range errs {
		if !errors.Is(err, kafkaio.ErrUnavailable) && !errors.Is(err, kafkaio.ErrAmbiguous) {
			t.Errorf("append %d: %v, want ErrUnavailable or ErrAmbiguous", i, err)
		}
	}
	line.Mend()
	if _, err := appendWait(t, w, numbered("late", 0, 1)); err == nil || err.Error() != errs[0].Error() {
		t.Errorf("a later append gives %v, want the first error %v", err, errs[0])
	}
	start, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	for _, v := range values(readUntil(t, c, topic, 0, start, end)) {
		if strings.HasPrefix(v, "late") {
			t.Errorf("%q was written after the first error", v)
		}
	}
}
