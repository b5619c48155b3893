package redisstate

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// leftovers lists the keys that a partition without a checkpoint may have. What they hold is of no known
// offset, and would be taken for the truth beside a new checkpoint: the first commit of a rebuild removes
// them in its own transaction, so it does not matter which node it reaches. The checkpoint is
// watched from before the listing on. Every commit writes it, so that guards the list of buckets too.
func leftovers(ctx context.Context, conn *redis.Conn, l *layout) ([]string, error) {
	if err := conn.Do(ctx, "watch", l.checkpoint).Err(); err != nil {
		return nil, unsent(err)
	}
	keys := append([]string(nil), l.people[:]...)
	scan := conn.Scan(ctx, 0, l.prefix+"d:*", 1000).Iterator()
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil {
		discard(ctx, conn)
		return nil, unsent(err)
	}
	return keys, nil
}
