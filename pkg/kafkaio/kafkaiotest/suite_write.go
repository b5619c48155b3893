package kafkaiotest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

func testProducerBatches(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 4)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	var recs []kafkaio.OutRecord
	for i := range 500 {
		recs = append(recs, kafkaio.OutRecord{Partition: int32(i % 4), Timestamp: 1, Value: fmt.Appendf(nil, "%d", i)})
	}
	if err := p.Produce(within(t), recs); err != nil {
		t.Fatalf("produce: %v", err)
	}
	// Concurrent callers keep their own order.
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for w := range errs {
		wg.Go(func() {
			for i := range 50 {
				rec := kafkaio.OutRecord{Partition: 0, Timestamp: 1, Key: []byte{byte(w)}, Value: fmt.Appendf(nil, "%d", i)}
				errs[w] = errors.Join(errs[w], p.Produce(within(t), []kafkaio.OutRecord{rec}))
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("produce: %v", err)
	}
	got := readUntil(t, c, topic, 0, 0, 125+8*50)
	for i := range 125 {
		if want := fmt.Sprint(4 * i); string(got[i].Value) != want {
			t.Fatalf("record %d is %q, want %q", i, got[i].Value, want)
		}
	}
	seen := make([]int, 8)
	for _, r := range got[125:] {
		w := r.Key[0]
		if want := fmt.Sprint(seen[w]); string(r.Value) != want {
			t.Fatalf("caller %d: got %q, want %q", w, r.Value, want)
		}
		seen[w]++
	}
	if err := p.Produce(within(t), []kafkaio.OutRecord{{Partition: 4}}); err == nil {
		t.Error("a partition that does not exist was accepted")
	}
	if err := p.Produce(within(t), []kafkaio.OutRecord{{Value: make([]byte, 1<<20)}}); !errors.Is(err, kafkaio.ErrTooLarge) {
		t.Errorf("a record beyond the batch limit gives %v, want ErrTooLarge", err)
	}
}

func testProducerLostAnswer(t *testing.T, s *suite) {
	line := NewLine()
	c := s.open(t, over(line))
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic})
	var want []string
	for round := range 6 {
		if round%2 == 1 {
			line.LoseProduceAnswers(2)
		}
		recs := numbered(fmt.Sprintf("r%d-", round), 0, 3)
		if err := p.Produce(within(t), recs); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		for _, r := range recs {
			want = append(want, string(r.Value))
		}
	}
	if n := len(line.lost); n != 6 {
		t.Fatalf("%d answers were lost, want 6: the test did not test", n)
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	if diff := cmp.Diff(want, values(readUntil(t, c, topic, 0, 0, end))); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

func testBackpressure(t *testing.T, s *suite) {
	line := NewLine()
	c := s.open(t, over(line))
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, MaxBufferedBytes: 10_000})
	if err := p.Produce(within(t), numbered("warm", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	release := line.HoldProduceAnswers()
	defer release()
	big := []kafkaio.OutRecord{{Timestamp: 1, Value: make([]byte, 3000)}}
	for i := range 3 {
		// The call is taken and its caller leaves: its bytes stay outstanding.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := p.Produce(ctx, big); !errors.Is(err, kafkaio.ErrAmbiguous) {
			t.Fatalf("call %d with its answer held back gives %v, want ErrAmbiguous", i, err)
		}
		cancel()
	}
	begin := time.Now()
	if err := p.Produce(within(t), big); !errors.Is(err, kafkaio.ErrBackpressure) {
		t.Fatalf("with 9,000 of 10,000 bytes outstanding: %v, want ErrBackpressure", err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("back-pressure took %v, want it at once", took)
	}
	if err := p.Ready(); err != nil {
		t.Errorf("back-pressure is no outage, but Ready says %v", err)
	}
	release()
	err := kafkaio.ErrBackpressure
	for deadline := time.Now().Add(patience); errors.Is(err, kafkaio.ErrBackpressure) && time.Now().Before(deadline); {
		err = p.Produce(within(t), big)
	}
	if err != nil {
		t.Errorf("after the answers: %v", err)
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil || end != 5 {
		t.Errorf("the log ends at %d, error %v, want 5: what was taken is written, what was refused is not", end, err)
	}
}

func testUnavailable(t *testing.T, s *suite) {
	line := NewLine()
	c := s.open(t, over(line))
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, Timeout: 2 * time.Second})
	if err := p.Produce(within(t), numbered("before", 0, 1)); err != nil {
		t.Fatalf("produce: %v", err)
	}
	line.Cut()
	if err := p.Produce(within(t), numbered("during", 0, 1)); !errors.Is(err, kafkaio.ErrUnavailable) && !errors.Is(err, kafkaio.ErrAmbiguous) {
		t.Fatalf("produce over a cut line gives %v", err)
	}
	for deadline := time.Now().Add(patience); p.Ready() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the producer does not notice that the cluster is away")
		}
		_ = p.Produce(within(t), numbered("during", 0, 1)) // makes it look
	}
	begin := time.Now()
	for range 100 {
		if err := p.Produce(within(t), numbered("away", 0, 1)); !errors.Is(err, kafkaio.ErrUnavailable) {
			t.Fatalf("while away: %v, want ErrUnavailable", err)
		}
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("100 refusals took %v, want them at once", took)
	}
	line.Mend()
	// It recovers by itself: nobody produces meanwhile.
	for deadline := time.Now().Add(patience); p.Ready() != nil; {
		if time.Now().After(deadline) {
			t.Fatalf("no recovery: %v", p.Ready())
		}
		pause(t)
	}
	if err := p.Produce(within(t), numbered("after", 0, 1)); err != nil {
		t.Fatalf("after recovery: %v", err)
	}
	_, end, err := c.Offsets(within(t), topic, 0)
	if err != nil {
		t.Fatalf("offsets: %v", err)
	}
	got := values(readUntil(t, c, topic, 0, 0, end))
	if slices.Contains(got, "away0") || got[0] != "before0" || got[len(got)-1] != "after0" {
		t.Errorf("the log holds %q", got)
	}
}

// pause yields between two looks at a condition.
func pause(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
