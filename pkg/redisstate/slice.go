package redisstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Slices is how many slices the people of every partition are kept in: the numbers LoadSlice takes are
// 0 .. Slices()-1. It is part of the layout.
func Slices() int { return subHashes }

// SliceOf says in which slice of its partition a person is kept.
func SliceOf(key string) int { return subHash(key) }

// LoadSlice reads everybody of one slice of a partition and the checkpoint of the same instant, in one
// round trip: a walk over all slices sees every person who is there all the while exactly once, each at
// the checkpoint that came with the slice. keys and blobs belong together by position, in no order;
// nobody there gives none. checkpoint is nil when there is none. All keys and blobs are cut out of one
// answer: whoever keeps a blob for long copies it. Redis is held for about 0.35 us a person, so the
// caller paces a walk over a partition of millions.
//
// Errors: [ErrUnavailable] or [*RefusedError], which may be tried again; a slice that does not exist
// is the caller's mistake.
func (s *Store) LoadSlice(ctx context.Context, partition int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	if slice < 0 || slice >= subHashes {
		return nil, nil, nil, fmt.Errorf("load slice %d of partition %d: there are slices 0 to %d", slice, partition, subHashes-1)
	}
	l := s.layout(partition)
	a, err := s.read(ctx, l, 1<<10, func(pipe redis.Pipeliner) {
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "get", l.checkpoint))
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "hgetall", l.people[slice]))
	})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("load slice %d of partition %d: %w", slice, partition, err)
	}
	checkpoint, keys, blobs, err = everybody(a)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("load slice %d of partition %d: %w", slice, partition, unreadable(err))
	}
	return checkpoint, keys, blobs, nil
}

// everybody takes the answer of LoadSlice apart: the checkpoint, then keys and values in turn.
func everybody(a *answer) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	if err := a.array(2); err != nil {
		return nil, nil, nil, err
	}
	if checkpoint, err = a.bulk(); err != nil {
		return nil, nil, nil, err
	}
	n, err := a.size('*')
	if err != nil {
		return nil, nil, nil, err
	}
	if n%2 != 0 {
		return nil, nil, nil, fmt.Errorf("read answer of redis: a hash of %d elements, want keys and values", n)
	}
	if n > len(a.rest)/minBulk {
		return nil, nil, nil, fmt.Errorf("read answer of redis: a hash of %d elements in %d bytes", n, len(a.rest))
	}
	keys, blobs = make([]string, n/2), make([][]byte, n/2)
	for i := range keys {
		key, err := a.bulk()
		if err != nil {
			return nil, nil, nil, err
		}
		if blobs[i], err = a.bulk(); err != nil {
			return nil, nil, nil, err
		}
		if key == nil || blobs[i] == nil {
			return nil, nil, nil, errors.New("read answer of redis: an absent value inside a hash")
		}
		keys[i] = string(key)
	}
	return checkpoint, keys, blobs, nil
}

// minBulk is the length of the shortest value in an answer, "$0\r\n\r\n".
const minBulk = 6
