package audit

import (
	"context"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Watch follows the watermarks of the transitions: how far each partition is worked off.
type Watch struct {
	client *kgo.Client
	codec  *codec

	mu        sync.Mutex
	processed map[int32]int64
}

// NewWatch begins with what is written from now on; Run follows it.
func NewWatch(options ...kgo.Opt) (*Watch, error) {
	client, err := kgo.NewClient(append(slices.Clip(options),
		kgo.ConsumeTopics(transitionsTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()))...)
	if err != nil {
		return nil, err
	}
	return &Watch{client: client, codec: newCodec(), processed: make(map[int32]int64)}, nil
}

// Run follows until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	defer w.client.Close()
	for ctx.Err() == nil {
		w.client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var e transitionRecord
			if string(r.Key) != watermarkKey || w.codec.decode(&Record{Topic: r.Topic, Value: r.Value}, &e) != nil || e.Processed == nil {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.processed[r.Partition] = max(w.processed[r.Partition], *e.Processed)
		})
	}
}

// Reached says whether every partition is worked off up to the offset given for it.
func (w *Watch) Reached(offsets []int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, offset := range offsets {
		if w.processed[int32(p)] < offset {
			return false
		}
	}
	return true
}

// Ends gives the offset that the next record of each partition will have.
func Ends(ctx context.Context, client *kgo.Client, topic string) ([]int64, error) {
	n, err := partitionsOf(ctx, client, topic)
	if err != nil {
		return nil, err
	}
	return endsOf(ctx, client, topic, n)
}
