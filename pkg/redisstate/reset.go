package redisstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Reset removes everything of a partition in one atomic step, for a rebuild: people without their
// checkpoint, or a checkpoint without its people, would both be taken for the truth. Memory is
// freed in the background. Nothing to remove is no error.
//
// Errors: [ErrConflict] when a commit came in between, otherwise those of Commit.
func (s *Store) Reset(ctx context.Context, partition int32) error {
	if err := s.reset(ctx, s.layout(partition)); err != nil {
		return fmt.Errorf("reset partition %d: %w", partition, err)
	}
	return nil
}

func (s *Store) reset(ctx context.Context, l *layout) error {
	var conn *redis.Conn
	// Every commit writes the checkpoint, so watching it guards the list of buckets too.
	if err := s.routed(ctx, l, func(node *redis.Client) error {
		conn = node.Conn()
		if err := conn.Do(ctx, "watch", l.checkpoint).Err(); err != nil {
			_ = conn.Close()
			return unsent(err)
		}
		return nil
	}); err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	keys := []string{l.checkpoint}
	keys = append(keys, l.people[:]...)
	scan := conn.Scan(ctx, 0, l.prefix+"d:*", 1000).Iterator()
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil {
		discard(ctx, conn)
		return unsent(err)
	}
	if err := conn.Do(ctx, "multi").Err(); err != nil {
		discard(ctx, conn)
		return unsent(err)
	}
	err := finish(ctx, conn, unlinks(ctx, keys))
	if err != nil && !errors.Is(err, ErrConflict) {
		s.reroute(ctx)
	}
	return err
}
