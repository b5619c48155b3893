package contract

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
)

// Faults are what a test does to the servers behind a Redis. Those that are nil cannot be done.
type Faults struct {
	Away     func(away bool)
	Refuse   func(reason string)
	Fall     func()
	Failover func()
	Unify    func()
}

// Redis is pkg/redisstate on a server, and on its replica if there is one.
type Redis struct {
	t      testing.TB
	part   Part
	stores [2]*redisstate.Store // primary and replica
	raw    [2]*redis.Client
	route  int
	leads  int
	faults Faults
	copied []kept
}

// kept is one key of a copy.
type kept struct {
	key    string
	text   string
	fields map[string]string
}

// NewRedis empties the server and opens it. replica is "" when there is none.
func NewRedis(t testing.TB, part Part, primary, replica string, faults Faults) *Redis {
	t.Helper()
	r := &Redis{t: t, part: part, faults: faults}
	for i, addr := range []string{primary, replica} {
		if addr == "" {
			continue
		}
		s, err := redisstate.Open(redisstate.Config{URL: "redis://" + addr, Embedded: part == Embedded}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		r.stores[i], r.raw[i] = s, redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() {
			_ = s.Close()
			_ = r.raw[i].Close()
		})
	}
	r.Flush()
	return r
}

func verdict(err error) Verdict {
	var refused *redisstate.RefusedError
	switch {
	case err == nil:
		return Done
	case errors.Is(err, redisstate.ErrConflict):
		return Conflict
	case errors.As(err, &refused):
		return Refused
	case errors.Is(err, redisstate.ErrUnavailable):
		return Unavailable
	default:
		return Verdict(err.Error())
	}
}

// Part says which one this is.
func (r *Redis) Part() Part { return r.part }

func (r *Redis) store() *redisstate.Store { return r.stores[r.route] }

// Commit carries an effect out as an owner does.
func (r *Redis) Commit(p int, c partition.Commit) Verdict {
	commit := redisstate.Commit{Expect: c.Expect, Next: c.Next, DropBuckets: c.Drop}
	for _, person := range c.People {
		commit.People = append(commit.People, redisstate.Person(person))
	}
	for _, bucket := range c.Deadlines {
		commit.Deadlines = append(commit.Deadlines, redisstate.Bucket(bucket))
	}
	return verdict(r.store().Commit(context.Background(), int32(p), commit))
}

// People loads people.
func (r *Redis) People(p int, keys []string) (checkpoint []byte, blobs [][]byte, v Verdict) {
	checkpoint, blobs, err := r.store().LoadPeople(context.Background(), int32(p), keys)
	return checkpoint, blobs, verdict(err)
}

// Deadlines loads buckets.
func (r *Redis) Deadlines(p int, first int64, count int) (checkpoint []byte, entries [][]byte, v Verdict) {
	ids := make([]int64, count)
	for i := range ids {
		ids[i] = first + int64(i)
	}
	checkpoint, entries, err := r.store().LoadDeadlines(context.Background(), int32(p), ids)
	return checkpoint, entries, verdict(err)
}

// Everybody loads all slices.
func (r *Redis) Everybody(p int) (checkpoints [][]byte, all map[string][]byte) {
	r.t.Helper()
	all = map[string][]byte{}
	for slice := range redisstate.Slices() {
		checkpoint, keys, blobs, err := r.store().LoadSlice(context.Background(), int32(p), slice)
		if err != nil {
			r.t.Fatal(err)
		}
		checkpoints = append(checkpoints, checkpoint)
		for i, key := range keys {
			all[key] = blobs[i]
		}
	}
	return checkpoints, all
}

// Lose removes one key, or one person of a hash.
func (r *Redis) Lose(p int, what, key string) bool {
	r.t.Helper()
	ctx, prefix, raw := context.Background(), "{p"+strconv.Itoa(p)+"}:", r.raw[r.leads]
	var n int64
	var err error
	switch what {
	case aCheckpoint:
		n, err = raw.Del(ctx, prefix+"c").Result()
	case aBucket:
		n, err = raw.Del(ctx, prefix+"d:"+key).Result()
	default:
		for hash := range redisstate.Slices() {
			if n, err = raw.HDel(ctx, prefix+"s:"+hex2(hash), key).Result(); n > 0 || err != nil {
				break
			}
		}
	}
	if err != nil || n != 1 {
		r.t.Fatalf("lose the %s %s: %d keys, %v", what, key, n, err)
	}
	return true
}

func hex2(n int) string {
	return strconv.FormatInt(int64(n)/16, 16) + strconv.FormatInt(int64(n)%16, 16)
}
