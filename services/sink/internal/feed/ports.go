package feed

import (
	"context"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Generation is one distribution of the partitions over the members of a group.
type Generation interface {
	Partitions() []int32
	// Done is closed when the distribution has ended.
	Done() <-chan struct{}
	// Commit stores positions: the next offset per partition.
	Commit(ctx context.Context, offsets map[int32]int64) error
}

// Group is this process's membership.
type Group interface {
	// Next waits for the next generation; joining it means having left the last one.
	Next(ctx context.Context) (Generation, error)
	Close()
}

// Fetcher reads assigned partitions; *kafkaio.Fetcher is one.
type Fetcher interface {
	Assign(partition int32, offset int64)
	Revoke(partition int32)
	Pause(partition int32)
	Resume(partition int32)
	Poll(ctx context.Context) ([]kafkaio.Fetch, error)
}

// Positions answers where a partition begins and how far the group has come.
type Positions interface {
	Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error)
	CommittedOffsets(ctx context.Context, group, topic string, partitions []int32) (map[int32]int64, error)
}
