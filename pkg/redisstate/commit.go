package redisstate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
)

// Commit is one atomic step of a partition: from one checkpoint to the next, with everything that
// changed between them.
type Commit struct {
	Expect      []byte // checkpoint that must be stored now; nil: there must be none, and whatever else the partition has goes
	Next        []byte // checkpoint to store; never nil
	People      []Person
	Deadlines   []Bucket
	DropBuckets []int64
}

// Person is a person's new state.
type Person struct {
	Key  string // at most once in a commit
	Blob []byte // nil deletes the person
}

// Bucket adds entries to a deadline bucket, which comes into being when it is not there.
type Bucket struct {
	ID     int64
	Append []byte
}

// state lets a pointer to a blob be an argument: boxing the slice itself would cost 24 bytes a person.
type state []byte

// MarshalBinary is called by go-redis while it writes the command.
func (b *state) MarshalBinary() ([]byte, error) { return *b, nil }

// Commit writes c if the stored checkpoint equals c.Expect, in two round trips, and some more where
// none is expected: what else the partition has is removed in the same step. On nil all of it is
// in Redis' memory, and as durable as the Redis' own persistence (appendfsync everysec: about a
// second). A bucket that is both appended to and dropped ends up dropped. The bytes of c must not
// change during the call. The caller bounds the size: Redis is held for about 2 us a person.
//
// Errors: [ErrConflict], [*RefusedError] and [ErrUnavailable] wrote nothing; after [ErrAmbiguous]
// the caller has to load again to know. Nothing is retried.
func (s *Store) Commit(ctx context.Context, partition int32, c Commit) error {
	if c.Next == nil {
		return fmt.Errorf("commit partition %d: no next checkpoint given", partition)
	}
	if err := s.commit(ctx, s.layout(partition), &c); err != nil {
		return fmt.Errorf("commit partition %d (%d people): %w", partition, len(c.People), err)
	}
	return nil
}

func (s *Store) commit(ctx context.Context, l *layout, c *Commit) error {
	var conn *redis.Conn
	var left []string
	if err := s.routed(ctx, l, func(node *redis.Client) (err error) {
		conn = node.Conn()
		if c.Expect == nil {
			left, err = leftovers(ctx, conn, l)
		}
		if err == nil {
			err = begin(ctx, conn, l, c.Expect)
		}
		if err != nil {
			_ = conn.Close()
		}
		return err
	}); err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	sc := s.borrow()
	defer s.giveBack(sc)
	cmds := append(unlinks(ctx, left), writes(ctx, sc, l, c)...)
	err := finish(ctx, conn, cmds)
	if errors.Is(err, errTorn) {
		s.log.ErrorContext(ctx, "a commit was applied in part; its checkpoint is dropped so that the partition is rebuilt", "key_prefix", l.prefix, "err", err)
		if dropErr := conn.Unlink(ctx, l.checkpoint).Err(); dropErr != nil {
			return errors.Join(err, fmt.Errorf("drop the checkpoint (remove %s by hand before going on): %w", l.checkpoint, dropErr))
		}
	}
	if err != nil && !errors.Is(err, ErrConflict) {
		s.reroute(ctx)
	}
	return err
}

// begin watches the checkpoint, compares it and opens the transaction, before anything is sent to be
// written: a MULTI that is refused after its writes are under way would let them run one by one.
func begin(ctx context.Context, conn *redis.Conn, l *layout, expect []byte) error {
	pipe := conn.Pipeline()
	watch := pipe.Do(ctx, "watch", l.checkpoint)
	get := pipe.Get(ctx, l.checkpoint)
	multi := pipe.Do(ctx, "multi")
	_, execErr := pipe.Exec(ctx)
	for _, cmd := range []redis.Cmder{watch, get, multi} {
		err := cmd.Err()
		if err == nil || errors.Is(err, redis.Nil) {
			continue
		}
		if _, is := answerOf(err); is {
			discard(ctx, conn)
		}
		return unsent(err)
	}
	// A connection that Redis refuses to set up (a wrong password) leaves its commands without an error.
	if execErr != nil && !errors.Is(execErr, redis.Nil) {
		return unsent(execErr)
	}
	var found []byte // nil: there is none; empty: it is empty
	if get.Err() == nil {
		found = []byte(get.Val())
	}
	if (found == nil) != (expect == nil) || !bytes.Equal(found, expect) {
		discard(ctx, conn)
		return fmt.Errorf("%w: found %d bytes, expected %d", ErrConflict, len(found), len(expect))
	}
	if err := ctx.Err(); err != nil {
		discard(ctx, conn)
		return unsent(err)
	}
	return nil
}

// discard leaves the connection without watch and transaction. When it fails, go-redis throws the
// connection away, which has the same effect; the context must not keep it from trying.
func discard(ctx context.Context, conn *redis.Conn) {
	ctx = context.WithoutCancel(ctx)
	_ = conn.Do(ctx, "discard").Err()
	_ = conn.Do(ctx, "unwatch").Err() // DISCARD without MULTI is an error and leaves the watch
}

// errTorn is the one case in which Redis applies a transaction in part: a key has a foreign type.
var errTorn = fmt.Errorf("%w: a write of the transaction failed and the others were applied", ErrAmbiguous)

// finish sends the writes and EXEC. From the first byte on only an answer tells what happened. Since
// the first command is a write, go-redis drops the connection when that is answered READONLY: a name
// that moved to a new primary helps only new connections.
func finish(ctx context.Context, conn *redis.Conn, cmds []redis.Cmder) error {
	got := &capture{buf: make([]byte, 0, 16+8*len(cmds))}
	exec := redis.NewRawWriteToCmd(ctx, got, "exec")
	pipe := conn.Pipeline()
	for _, cmd := range cmds {
		_ = pipe.Process(ctx, cmd) // only queues
	}
	_ = pipe.Process(ctx, exec)
	if _, _ = pipe.Exec(ctx); exec.Err() != nil { // EXEC is the last to be answered: its error tells of the whole line
		return fmt.Errorf("%w: %w", ErrAmbiguous, exec.Err())
	}
	a := &answer{rest: got.buf}
	switch err := a.array(len(cmds)); {
	case errors.Is(err, errNil):
		return fmt.Errorf("%w: it changed during the commit", ErrConflict)
	case err != nil:
		return abort(cmds, err)
	}
	for range cmds {
		if err := a.skip(); err != nil {
			return fmt.Errorf("%w: %w", errTorn, err)
		}
	}
	return nil
}

// abort says why EXEC gave no results. What was refused while queueing names the cause; EXEC itself
// only says that something was.
func abort(cmds []redis.Cmder, execErr error) error {
	var refusal *RefusedError
	if !errors.As(execErr, &refusal) {
		return fmt.Errorf("%w: %w", ErrAmbiguous, execErr) // no answer that this package understands
	}
	for _, cmd := range cmds {
		if answer, is := answerOf(cmd.Err()); is {
			return refused(answer)
		}
	}
	return refusal
}

// writes builds the commands of a commit. Their arguments point into c and live in sc.
func writes(ctx context.Context, sc *scratch, l *layout, c *Commit) []redis.Cmder {
	order := sc.group(len(c.People), func(i int) string { return c.People[i].Key })
	sc.reserve(2*len(c.People) + 4*(subHashes+len(c.People)/maxFields))
	cmds := make([]redis.Cmder, 0, 1+2*subHashes+2*(len(c.People)/maxFields)+len(c.Deadlines)+len(c.DropBuckets)/maxFields+1)
	for h := range subHashes {
		for group := order[sc.first[h]:sc.first[h+1]]; len(group) > 0; {
			chunk := group[:min(len(group), maxFields)]
			group = group[len(chunk):]
			cmds = sc.setPeople(ctx, cmds, &l.people[h], c.People, chunk)
			cmds = sc.deletePeople(ctx, cmds, &l.people[h], c.People, chunk)
		}
	}
	for i := range c.Deadlines {
		if b := &c.Deadlines[i]; len(b.Append) > 0 {
			cmds = append(cmds, redis.NewStatusCmd(ctx, "append", l.bucket(b.ID), b.Append))
		}
	}
	if len(c.DropBuckets) > 0 {
		keys := make([]string, len(c.DropBuckets))
		for i, id := range c.DropBuckets {
			keys[i] = l.bucket(id)
		}
		cmds = append(cmds, unlinks(ctx, keys)...)
	}
	return append(cmds, redis.NewStatusCmd(ctx, "set", l.checkpoint, c.Next))
}

// unlinks removes keys, so many at a time; their memory is freed in the background.
func unlinks(ctx context.Context, keys []string) []redis.Cmder {
	var cmds []redis.Cmder
	for chunk := range slices.Chunk(keys, maxFields) {
		cmds = append(cmds, redis.NewStatusCmd(ctx, withKeys("unlink", chunk)...))
	}
	return cmds
}

func (sc *scratch) setPeople(ctx context.Context, cmds []redis.Cmder, key *string, people []Person, chunk []int32) []redis.Cmder {
	from := len(sc.args)
	sc.args = append(sc.args, "hset", key)
	for _, i := range chunk {
		if p := &people[i]; p.Blob != nil {
			sc.args = append(sc.args, &p.Key, (*state)(&p.Blob))
		}
	}
	if len(sc.args) == from+2 {
		sc.args = sc.args[:from]
		return cmds
	}
	return append(cmds, redis.NewStatusCmd(ctx, sc.since(from)...))
}

func (sc *scratch) deletePeople(ctx context.Context, cmds []redis.Cmder, key *string, people []Person, chunk []int32) []redis.Cmder {
	from := len(sc.args)
	sc.args = append(sc.args, "hdel", key)
	for _, i := range chunk {
		if p := &people[i]; p.Blob == nil {
			sc.args = append(sc.args, &p.Key)
		}
	}
	if len(sc.args) == from+2 {
		sc.args = sc.args[:from]
		return cmds
	}
	return append(cmds, redis.NewStatusCmd(ctx, sc.since(from)...))
}
