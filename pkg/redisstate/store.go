package redisstate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/redis/go-redis/v9"
)

// subHashes is part of the layout: changing it means rebuilding every partition.
const subHashes = 64

// Store reads and writes the state of partitions. It is safe for concurrent use; the calls of one
// partition are meant to come from its one owner, and the compare-and-set of Commit holds anyway.
type Store struct {
	cfg Config
	log *slog.Logger
	// exactly one of the two is set
	single  *redis.Client
	cluster *redis.ClusterClient

	layouts sync.Map // int32 -> *layout: key names, made once per partition
	scratch sync.Pool
}

// Close ends all connections. Calls under way fail.
func (s *Store) Close() error {
	if s.cluster != nil {
		return s.cluster.Close()
	}
	return s.single.Close()
}

// layout holds the key names of one partition.
type layout struct {
	prefix     string // "{pN}:"
	checkpoint string
	people     [subHashes]string
}

func (s *Store) layout(partition int32) *layout {
	if known, ok := s.layouts.Load(partition); ok {
		return known.(*layout)
	}
	l := &layout{prefix: s.cfg.Prefix + "{p" + strconv.Itoa(int(partition)) + "}:"}
	l.checkpoint = l.prefix + "c"
	for i := range l.people {
		l.people[i] = fmt.Sprintf("%ss:%02x", l.prefix, i)
	}
	made, _ := s.layouts.LoadOrStore(partition, l)
	return made.(*layout)
}

func (l *layout) bucket(id int64) string {
	return l.prefix + "d:" + strconv.FormatInt(id, 10)
}

// subHash says which of the partition's hashes holds a person.
func subHash(key string) int {
	return int(xxhash.Sum64String(key) % subHashes)
}

// node gives the client of the primary that serves the partition. Working on that node directly, and
// not through the cluster client, keeps every redirect and retry in sight of this package.
func (s *Store) node(ctx context.Context, l *layout) (*redis.Client, error) {
	if s.single != nil {
		return s.single, nil
	}
	node, err := s.cluster.MasterForKey(ctx, l.checkpoint)
	if err != nil {
		return nil, unsent(err)
	}
	return node, nil
}

// reroute has the map of slots read again in the background, after a failure that says it may be old.
func (s *Store) reroute(ctx context.Context) {
	if s.cluster != nil {
		s.cluster.ReloadState(ctx)
	}
}

// routed runs step on the partition's node. When the answer is that the slot has moved, it reads the
// map of slots and runs step once more; so step must not have written anything when it says so.
func (s *Store) routed(ctx context.Context, l *layout, step func(*redis.Client) error) error {
	node, err := s.node(ctx, l)
	if err != nil {
		return err
	}
	if err = step(node); err == nil || s.cluster == nil || errors.Is(err, ErrConflict) {
		return err
	}
	var refusal *RefusedError
	if !errors.As(err, &refusal) || refusal.Code != "MOVED" {
		s.reroute(ctx)
		return err
	}
	// ForEachMaster reads the map before it calls anybody; nothing else in the library waits for that.
	if err := s.cluster.ForEachMaster(ctx, func(context.Context, *redis.Client) error { return nil }); err != nil {
		return unsent(err)
	}
	if node, err = s.node(ctx, l); err != nil {
		return err
	}
	return step(node)
}

// Checkpoint reads the checkpoint of a partition, nil when there is none.
func (s *Store) Checkpoint(ctx context.Context, partition int32) ([]byte, error) {
	checkpoint, _, err := s.LoadPeople(ctx, partition, nil)
	return checkpoint, err
}
