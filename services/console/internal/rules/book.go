// Package rules gives the catalogue that is in force in a partition. It stands as a
// record in the partition's own log, at the offset that the checkpoint names, so that
// what is told about people is told by the rules that decided about them.
package rules

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/schemas"
)

var (
	// ErrNone means: no catalogue is in force yet, since the partition has not come to its first.
	ErrNone = errors.New("no catalogue is in force in the partition yet: the processor has not come to the first one in its log")
	// ErrLost means: the record is not in the log any more.
	ErrLost = errors.New("the catalogue in force is no longer in the log: raise log-retention, and put the catalogue in force anew by a restart of the processor with an edited one")
	// ErrForeign means: this release cannot read the catalogue.
	ErrForeign = errors.New("the catalogue in force cannot be read by this release: bring console to the processor's release")
)

// Log reads records of the log.
type Log interface {
	ReadAt(ctx context.Context, topic string, partition int32, offsets []int64) ([]kafkaio.Record, error)
}

// Decoder reads events of every version of their schema.
type Decoder interface {
	DecodeEvent(ctx context.Context, b []byte, e *event.Event) error
}

// Rules are a catalogue in force. They never change.
type Rules struct {
	*catalogue.Catalogue
	texts map[string]string
	paths map[string]bool
}

// Text is how the catalogue writes the rule of a cohort, as YAML; empty where it cannot
// be told.
func (r *Rules) Text(cohort string) string { return r.texts[cohort] }

// Path says whether membership of a cohort depends on how it came about: then facts
// alone cannot tell who was in it in the past.
func (r *Rules) Path(cohort string) bool { return r.paths[cohort] }

// paths finds the cohorts with hysteresis, with a dwell, and those that stronger ones of
// a group can hold people out of.
func paths(c *catalogue.Catalogue) map[string]bool {
	list := make(map[string]bool)
	for i := range c.Spec.Cohorts {
		if d := &c.Spec.Cohorts[i]; d.Enter != nil || d.Dwell > 0 {
			list[d.Key] = true
		}
	}
	for _, g := range c.Spec.Groups {
		for _, key := range g.Cohorts[1:] {
			list[key] = true
		}
	}
	return list
}

// Book remembers the catalogues in force, one of each partition. Partitions that have the
// same text share what is made of it. It is safe for concurrent use.
type Book struct {
	log     Log
	decoder Decoder
	slots   []slot

	mu   sync.Mutex
	made map[[sha256.Size]byte]*Rules // of the texts in the slots
}

type slot struct {
	turn  chan struct{} // of size 1: who looks the partition's record up
	mu    sync.Mutex
	at    int64
	text  [sha256.Size]byte
	rules *Rules
}

// NewBook makes an empty book for that many partitions.
func NewBook(log Log, decoder Decoder, partitions int) *Book {
	b := &Book{log: log, decoder: decoder, slots: make([]slot, partitions), made: make(map[[sha256.Size]byte]*Rules)}
	for i := range b.slots {
		b.slots[i].turn = make(chan struct{}, 1)
	}
	return b
}

// At gives the catalogue in force at a checkpoint of a partition. Only the first call
// after a change reads the log; meanwhile the others wait for it.
//
// Errors means: ErrNone, ErrLost, ErrForeign, the end of ctx, or those of reading the log.
func (b *Book) At(ctx context.Context, p int32, c *partition.Checkpoint) (*Rules, error) {
	if c.CatalogueAt < 0 {
		return nil, ErrNone
	}
	s := &b.slots[p]
	if r := s.known(c.CatalogueAt); r != nil {
		return r, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if r := s.known(c.CatalogueAt); r != nil {
		return r, nil
	}
	text, err := b.read(ctx, p, c.CatalogueAt)
	if err != nil {
		return nil, fmt.Errorf("catalogue at offset %d of %s/%d: %w", c.CatalogueAt, schemas.EventsTopic, p, err)
	}
	return b.keep(s, c.CatalogueAt, text)
}

func (s *slot) known(at int64) *Rules {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rules == nil || s.at != at {
		return nil
	}
	return s.rules
}

func (b *Book) read(ctx context.Context, p int32, at int64) (string, error) {
	records, err := b.log.ReadAt(ctx, schemas.EventsTopic, p, []int64{at})
	if err != nil {
		return "", err
	}
	if len(records) == 0 {
		return "", ErrLost
	}
	var e event.Event
	if err := b.decoder.DecodeEvent(ctx, records[0].Value, &e); err != nil {
		return "", err
	}
	if e.Kind != event.KindCatalog {
		return "", ErrLost // the topic was made anew
	}
	return e.Properties.Nested["catalogue"], nil
}

// keep compiles a text unless another partition has it, and forgets texts that no
// partition has any more.
func (b *Book) keep(s *slot, at int64, text string) (*Rules, error) {
	sum := sha256.Sum256([]byte(text))
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.made[sum]
	if r == nil {
		c, err := catalogue.Load("catalogue in force", []byte(text))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrForeign, err)
		}
		r = &Rules{Catalogue: c, texts: texts(c), paths: paths(c)}
		b.made[sum] = r
	}
	s.mu.Lock()
	s.at, s.text, s.rules = at, sum, r
	s.mu.Unlock()
	used := make(map[[sha256.Size]byte]bool, len(b.made))
	for i := range b.slots {
		o := &b.slots[i]
		o.mu.Lock()
		used[o.text] = true
		o.mu.Unlock()
	}
	for sum := range b.made {
		if !used[sum] {
			delete(b.made, sum)
		}
	}
	return r, nil
}
