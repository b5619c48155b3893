package census

import (
	"context"
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

// Kept gives the sizes that a checkpoint carries, by cohort; nil = it carries none, as
// those of releases that did not count along.
func Kept(c *partition.Checkpoint) map[string]int64 { return c.Sizes }

// Size is what one partition's checkpoint says.
type Size struct {
	Partition int32
	At        Mark
	Kept      map[string]int64 // nil = not counted along
}

// Mark is a place in a partition's log.
type Mark struct {
	Offset  int64
	LogTime int64
}

func mark(c *partition.Checkpoint) Mark { return Mark{Offset: c.Offset, LogTime: c.LogTime} }

// Sizes reads what all checkpoints say.
//
// Errors: state.ErrNoState, state.ErrUnreadable, those of the store.
func (c *Census) Sizes(ctx context.Context) ([]Size, error) {
	list := make([]Size, c.Reader.Partitions)
	for p := range int32(c.Reader.Partitions) {
		text, err := c.Reader.Store.Checkpoint(ctx, p)
		if err != nil {
			return nil, err
		}
		if text == nil {
			return nil, fmt.Errorf("partition %d: %w", p, state.ErrNoState)
		}
		at, err := partition.DecodeCheckpoint(text)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w: %w", p, state.ErrUnreadable, err)
		}
		list[p] = Size{Partition: p, At: mark(&at), Kept: Kept(&at)}
	}
	return list, nil
}

// Carried says whether every checkpoint carries sizes.
func Carried(list []Size) bool {
	return !slices.ContainsFunc(list, func(s Size) bool { return s.Kept == nil })
}

// Sum adds up what the checkpoints say of a cohort.
func Sum(list []Size, key string) (total int64) {
	for i := range list {
		total += list[i].Kept[key]
	}
	return total
}
