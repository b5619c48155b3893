package kafkaiotest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

func testReadAt(t *testing.T, s *suite) {
	c := s.open(t)
	topic := topicOf(t, c, 1)
	p := producerOf(t, c, kafkaio.ProducerConfig{Topic: topic, MaxBatchBytes: 1 << 10})
	want := numbered("v", 0, 3000)
	for part := range slices.Chunk(want, 500) {
		if err := p.Produce(within(t), part); err != nil {
			t.Fatalf("produce: %v", err)
		}
	}
	// Out of order, twice, next to each other, far apart, and some that are not there.
	asked := []int64{2999, 7, 7, 1500, 0, 8, 1501, 640, -3, 3000, 99_999}
	got, err := c.ReadAt(within(t), topic, 0, asked)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	there := []int64{0, 7, 8, 640, 1500, 1501, 2999}
	if len(got) != len(there) {
		t.Fatalf("got %d records, want those at %v", len(got), there)
	}
	for i, at := range there {
		if got[i].Offset != at || string(got[i].Value) != string(want[at].Value) {
			t.Errorf("got %q at offset %d, want %q at %d", got[i].Value, got[i].Offset, want[at].Value, at)
		}
	}
	if got, err := c.ReadAt(within(t), topic, 0, nil); err != nil || len(got) != 0 {
		t.Errorf("no offsets give %d records, error %v", len(got), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.ReadAt(ended, topic, 0, []int64{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gives %v", err)
	}
}
