// Package planning tells beforehand what another catalogue would change for the people of
// a running flow: who would enter and leave which cohort, and what each destination would
// be sent for it. It decides with the core's own change of catalogues, over the state as
// it stands, and only reads.
//
//	checkpoints, catalogues in force ─► stage, one for each partition
//	people, slice by slice           ─► foresee ─► tally ─► Plan
package planning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// ErrMoved means: while people were looked at, another catalogue came into force.
var ErrMoved = errors.New("another catalogue came into force meanwhile: plan again")

// Store is where people are kept; *redisstate.Store is one.
type Store interface {
	Checkpoint(ctx context.Context, partition int32) ([]byte, error)
	LoadSlice(ctx context.Context, partition int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error)
}

// Log reads the log of events; *kafkaio.Client is one.
type Log interface {
	ReadAt(ctx context.Context, topic string, partition int32, offsets []int64) ([]kafkaio.Record, error)
	Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error)
}

// Decoder reads events of every version of their schema.
type Decoder interface {
	DecodeEvent(ctx context.Context, b []byte, e *event.Event) error
}

// Config says what is planned, and on what.
type Config struct {
	Next       *catalogue.Catalogue
	From       []*catalogue.Catalogue // taken for the ones in force, by their revisions; empty = they are read from the log
	Store      Store
	Slices     int // of every partition in the store
	Log        Log // nil = nothing is known of the log; From has to say what is in force
	Decoder    Decoder
	Partitions int

	// At is the instant of the change, in ms: where log time lies behind it, deadlines
	// until then are worked off first. 0 = log time, for flows in which time is data.
	At int64

	AtOnce   int // slices looked at side by side
	Rate     int // people read in a second; 0 = as fast as it goes
	Examples int // person keys kept for each cohort and direction
	Progress func(Progress)
}

// Progress is how far a plan is.
type Progress struct {
	People       int64
	Slices, Of   int
	Elapsed, Eta time.Duration // Eta is 0 until it can be told
}

// Make plans. The error wraps ErrMoved, says what is wrong with a setting or the state,
// or is that of the store or the log.
func Make(ctx context.Context, cfg Config) (*Plan, error) {
	b := newBook(&cfg)
	var stages []*stage
	for p := range int32(cfg.Partitions) {
		s, err := b.stage(ctx, p)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", p, err)
		}
		stages = append(stages, s)
	}
	beyond, err := cfg.Store.Checkpoint(ctx, int32(cfg.Partitions))
	if err != nil {
		return nil, err
	}
	if beyond != nil {
		return nil, fmt.Errorf("there is state of a partition %d: give --partitions the number that the topics have, which is more than %d", cfg.Partitions, cfg.Partitions)
	}
	lists := listsOf(stages, cfg.Next)
	total, err := walk(ctx, &cfg, stages, lists)
	if err != nil {
		return nil, err
	}
	return made(&cfg, stages, lists, total), nil
}

// olds lists the different catalogues in force, the one that most partitions have first.
func olds(stages []*stage) (list []*inForce) {
	count := map[*inForce]int{}
	for _, s := range stages {
		if s.old == nil {
			continue
		}
		if count[s.old]++; count[s.old] == 1 {
			list = append(list, s.old)
		}
	}
	slices.SortStableFunc(list, func(a, b *inForce) int { return count[b] - count[a] })
	return list
}
