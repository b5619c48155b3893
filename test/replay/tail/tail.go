// Package tail reads whole topics, all partitions of them: to their present end,
// or on and on as records come. It keeps no position and joins no group.
package tail

import (
	"context"
	"fmt"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// From says where reading begins.
type From int

// The two ends of a topic.
const (
	Oldest From = iota
	Newest
)

// Tail follows one topic from fixed positions.
type Tail struct {
	client *kafkaio.Client
	topic  string
	start  []int64 // by partition
}

// Open fixes the positions: after it has returned, every record written to the
// topic will be read by Run, whenever that is called.
func Open(ctx context.Context, c *kafkaio.Client, topic string, partitions int, from From) (*Tail, error) {
	t := &Tail{client: c, topic: topic, start: make([]int64, partitions)}
	for p := range partitions {
		oldest, end, err := c.Offsets(ctx, topic, int32(p))
		if err != nil {
			return nil, fmt.Errorf("follow %s, partition %d: %w", topic, p, err)
		}
		t.start[p] = oldest
		if from == Newest {
			t.start[p] = end
		}
	}
	return t, nil
}

// Run hands every record to handle, those of a partition in order, until ctx ends
// (then it returns nil) or until handle or the broker fails. It is called once.
func (t *Tail) Run(ctx context.Context, handle func(*kafkaio.Record) error) error {
	f := t.client.NewFetcher(kafkaio.FetcherConfig{Topic: t.topic})
	defer f.Close()
	for p, offset := range t.start {
		f.Assign(int32(p), offset)
	}
	for {
		fetches, err := f.Poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("follow %s: %w", t.topic, err)
		}
		for i := range fetches {
			for j := range fetches[i].Records {
				if err := handle(&fetches[i].Records[j]); err != nil {
					return err
				}
			}
			if err := fetches[i].Err; err != nil {
				return fmt.Errorf("follow %s, partition %d from %d: %w", t.topic, fetches[i].Partition, fetches[i].Next, err)
			}
		}
	}
}

// Read returns all records that a topic holds now, partition by partition, each in order.
func Read(ctx context.Context, c *kafkaio.Client, topic string, partitions int) ([]kafkaio.Record, error) {
	var all []kafkaio.Record
	for p := range partitions {
		start, end, err := c.Offsets(ctx, topic, int32(p))
		if err != nil {
			return nil, fmt.Errorf("read %s, partition %d: %w", topic, p, err)
		}
		records, err := c.ReadRange(ctx, topic, int32(p), start, end)
		if err != nil {
			return nil, fmt.Errorf("read %s, partition %d from %d to %d: %w", topic, p, start, end, err)
		}
		all = append(all, records...)
	}
	return all, nil
}
