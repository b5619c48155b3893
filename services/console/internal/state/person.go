package state

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
)

// maxAliases bounds how many keys are followed. The processor refuses loops; a loop met
// here is a defect and must not hold a request.
const maxAliases = 16

var (
	// ErrUnknown means: nothing is kept of this person.
	ErrUnknown = errors.New("nobody is known by this key")
	// ErrNoState means: the partition has no checkpoint. Nothing can be said of its people.
	ErrNoState = errors.New("the partition has no state yet: the processor is building it up from the log, or does not run")
	// ErrAliases means: keys lead to one another without an end.
	ErrAliases = fmt.Errorf("more than %d keys lead to one another: report it as a defect", maxAliases)
	// ErrUnreadable means: the bytes are not of this release.
	ErrUnreadable = errors.New("the state cannot be read by this release: bring console to the processor's release")
)

// Store is where people are kept; see redisstate.Store.
type Store interface {
	LoadPeople(ctx context.Context, partition int32, keys []string) (checkpoint []byte, blobs [][]byte, err error)
	LoadSlice(ctx context.Context, partition int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error)
	Checkpoint(ctx context.Context, partition int32) ([]byte, error)
}

// Book gives the catalogue in force.
type Book interface {
	At(ctx context.Context, p int32, c *partition.Checkpoint) (*rules.Rules, error)
}

// Reader reads people. It is safe for concurrent use.
type Reader struct {
	Store      Store
	Book       Book
	Partitions int
	// Alias tells whom a person has become; nil = nobody ever becomes another.
	Alias func(*cohort.Person) (into string, ok bool)
}

// Person is somebody as of a checkpoint.
type Person struct {
	cohort.Person
	Partition  int32
	Checkpoint partition.Checkpoint
	Rules      *rules.Rules
	Followed   []string // keys that led here, the first one asked for; nil as a rule
}

// PartitionOf says where a person is kept.
func (r *Reader) PartitionOf(key string) int32 { return kafkaio.PartitionFor(key, r.Partitions) }

// Find reads the person that a key stands for now, whoever it was first.
//
// Errors means: ErrUnknown with what it is true as of, ErrNoState, ErrAliases, ErrUnreadable,
// those of the Book and of the Store.
func (r *Reader) Find(ctx context.Context, key string) (*Person, error) {
	var followed []string
	for {
		p, err := r.load(ctx, key)
		if p != nil {
			p.Followed = followed
		}
		if err != nil || r.Alias == nil {
			return p, err
		}
		into, is := r.Alias(&p.Person)
		if !is {
			return p, nil
		}
		if followed = append(followed, key); len(followed) > maxAliases || slices.Contains(followed, into) {
			return nil, ErrAliases
		}
		key = into
	}
}

// load reads one key. With ErrUnknown the person says as of when.
func (r *Reader) load(ctx context.Context, key string) (*Person, error) {
	p := &Person{Partition: r.PartitionOf(key)}
	text, blobs, err := r.Store.LoadPeople(ctx, p.Partition, []string{key})
	if err != nil {
		return nil, err
	}
	if p.Checkpoint, p.Rules, err = r.Opened(ctx, p.Partition, text); err != nil {
		return nil, err
	}
	if err := p.Rules.Program.Decode(key, blobs[0], &p.Person); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if blobs[0] == nil {
		return p, ErrUnknown
	}
	return p, nil
}

// Opened reads a checkpoint and the catalogue in force at it.
func (r *Reader) Opened(ctx context.Context, p int32, text []byte) (partition.Checkpoint, *rules.Rules, error) {
	if text == nil {
		return partition.Checkpoint{}, nil, fmt.Errorf("partition %d: %w", p, ErrNoState)
	}
	c, err := partition.DecodeCheckpoint(text)
	if err != nil {
		return c, nil, fmt.Errorf("partition %d: %w: %w", p, ErrUnreadable, err)
	}
	in, err := r.Book.At(ctx, p, &c)
	return c, in, err
}

// InForce reads the checkpoint of a partition and the catalogue in force at it.
func (r *Reader) InForce(ctx context.Context, p int32) (partition.Checkpoint, *rules.Rules, error) {
	text, err := r.Store.Checkpoint(ctx, p)
	if err != nil {
		return partition.Checkpoint{}, nil, err
	}
	return r.Opened(ctx, p, text)
}
