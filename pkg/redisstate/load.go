package redisstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// sizeGuess is the capacity in bytes taken per expected value; more is appended when it does not do.
const sizeGuess = 160

// LoadPeople reads the states of people and the checkpoint of the same instant, in one round trip.
// blobs has one entry per key, in order: nil for a person that is not there. checkpoint is nil when
// there is none. All blobs are parts of one buffer that is never reused: whoever keeps one of them
// for long copies it.
//
// Errors: [ErrUnavailable] or [*RefusedError]; in both cases it may be tried again.
func (s *Store) LoadPeople(ctx context.Context, partition int32, keys []string) (checkpoint []byte, blobs [][]byte, err error) {
	l := s.layout(partition)
	sc := s.borrow()
	defer s.giveBack(sc)
	order := sc.group(len(keys), func(i int) string { return keys[i] })
	sizes := make([]int, 0, min(len(keys), subHashes+len(keys)/maxFields))
	a, err := s.read(ctx, l, sizeGuess*len(keys), func(pipe redis.Pipeliner) {
		sizes = sizes[:0]
		sc.reserve(len(keys) + 2*(subHashes+len(keys)/maxFields))
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "get", l.checkpoint))
		for h := range subHashes {
			for group := order[sc.first[h]:sc.first[h+1]]; len(group) > 0; {
				chunk := group[:min(len(group), maxFields)]
				group = group[len(chunk):]
				from := len(sc.args)
				sc.args = append(sc.args, "hmget", &l.people[h])
				for _, i := range chunk {
					sc.args = append(sc.args, &keys[i]) // a pointer needs no boxing
				}
				_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, sc.since(from)...))
				sizes = append(sizes, len(chunk))
			}
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load %d people of partition %d: %w", len(keys), partition, err)
	}
	checkpoint, blobs, err = people(a, order, sizes)
	if err != nil {
		return nil, nil, fmt.Errorf("load %d people of partition %d: %w", len(keys), partition, unreadable(err))
	}
	return checkpoint, blobs, nil
}

// people takes a load's answer apart; order and sizes say which value belongs to which key.
func people(a *answer, order []int32, sizes []int) (checkpoint []byte, blobs [][]byte, err error) {
	if err := a.array(1 + len(sizes)); err != nil {
		return nil, nil, err
	}
	if checkpoint, err = a.bulk(); err != nil {
		return nil, nil, err
	}
	blobs = make([][]byte, len(order))
	for _, size := range sizes {
		if err := a.array(size); err != nil {
			return nil, nil, err
		}
		for _, i := range order[:size] {
			if blobs[i], err = a.bulk(); err != nil {
				return nil, nil, err
			}
		}
		order = order[size:]
	}
	return checkpoint, blobs, nil
}

// LoadDeadlines reads deadline buckets and the checkpoint of the same instant, in one round trip.
// entries has one element per bucket, in order: all bytes appended to it so far, nil when it is not
// there. Errors are those of LoadPeople.
func (s *Store) LoadDeadlines(ctx context.Context, partition int32, buckets []int64) (checkpoint []byte, entries [][]byte, err error) {
	l := s.layout(partition)
	names := make([]string, len(buckets))
	order := make([]int32, len(buckets))
	for i, id := range buckets {
		names[i], order[i] = l.bucket(id), int32(i)
	}
	var sizes []int
	a, err := s.read(ctx, l, 1<<10, func(pipe redis.Pipeliner) {
		sizes = sizes[:0]
		_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, "get", l.checkpoint))
		for chunk := range slices.Chunk(names, maxFields) {
			_ = pipe.Process(ctx, redis.NewStatusCmd(ctx, withKeys("mget", chunk)...))
			sizes = append(sizes, len(chunk))
		}
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load %d deadline buckets of partition %d: %w", len(buckets), partition, err)
	}
	checkpoint, entries, err = people(a, order, sizes)
	if err != nil {
		return nil, nil, fmt.Errorf("load %d deadline buckets of partition %d: %w", len(buckets), partition, unreadable(err))
	}
	return checkpoint, entries, nil
}

// read runs the given commands in one transaction on the partition's node and gives the answer of EXEC.
func (s *Store) read(ctx context.Context, l *layout, expected int, queue func(redis.Pipeliner)) (*answer, error) {
	var a *answer
	err := s.routed(ctx, l, func(node *redis.Client) error {
		got := &capture{buf: make([]byte, 0, 256+expected)}
		pipe := node.Pipeline()
		multi := pipe.Do(ctx, "multi")
		queue(pipe)
		_ = pipe.Process(ctx, redis.NewRawWriteToCmd(ctx, got, "exec")) // only queues
		// The first error is the cause: what is refused while queueing makes EXEC refuse too.
		if _, err := pipe.Exec(ctx); err != nil {
			return unsent(cmp.Or(multi.Err(), err))
		}
		a = &answer{rest: got.buf}
		return nil
	})
	return a, err
}

// unreadable classifies a failure to take an answer apart: what is no refusal is a broken answer,
// and that is as good as none.
func unreadable(err error) error {
	if refusal, ok := errors.AsType[*RefusedError](err); ok {
		return refusal
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// withKeys makes the arguments of a command on many keys.
func withKeys(command string, keys []string) []any {
	args := make([]any, 1, 1+len(keys))
	args[0] = command
	for i := range keys {
		args = append(args, &keys[i])
	}
	return args
}
