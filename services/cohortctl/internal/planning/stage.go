package planning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/schemas"
)

// inForce is a catalogue as it is in force.
type inForce struct {
	*catalogue.Catalogue
	former []string // cohorts of catalogues before it, as early releases wrote them beside it
}

// stage is one partition, and the change as its owner would make it.
type stage struct {
	partition  int32
	checkpoint partition.Checkpoint
	old        *inForce // nil = the partition has no state
	before     *cohort.Program
	after      *cohort.Program // before itself where nothing changes
	change     partition.Change
	at         int64  // instant of the change
	lag        *int64 // records that are not in the state; nil = not known

	inForce bool // what is planned decides there already
}

// reviews says whether the people of a slice, as it is at a checkpoint, would be looked
// at anew. A sweep that is under way goes on while they are read.
func (s *stage) reviews(c *partition.Checkpoint, slice int) bool {
	if s.inForce {
		return c.Sweep > 0 && slice >= int(c.Sweep)-1
	}
	return len(s.change.Review)+len(s.change.Former) > 0
}

// instant is when the change would be made to people of a checkpoint.
func (s *stage) instant(c *partition.Checkpoint) int64 { return max(s.at, c.LogTime) }

// book finds the catalogues in force. Partitions of one text share what is made of it.
type book struct {
	cfg  *Config
	made map[string]*inForce // by text
}

func newBook(cfg *Config) *book { return &book{cfg: cfg, made: map[string]*inForce{}} }

// stage reads where a partition stands and sets the change up.
func (b *book) stage(ctx context.Context, p int32) (*stage, error) {
	s := &stage{partition: p}
	text, err := b.cfg.Store.Checkpoint(ctx, p)
	if err != nil || text == nil {
		return s, err
	}
	if s.checkpoint, err = partition.DecodeCheckpoint(text); err != nil {
		return nil, fmt.Errorf("%w: bring cohortctl to the processor's release", err)
	}
	if s.old, err = b.find(ctx, p, &s.checkpoint); err != nil {
		return nil, err
	}
	if b.cfg.Log != nil {
		if _, end, err := b.cfg.Log.Offsets(ctx, schemas.EventsTopic, p); err == nil {
			s.lag = new(max(0, end-s.checkpoint.Offset))
		}
	}
	s.at = max(b.cfg.At, s.checkpoint.LogTime)
	was := s.checkpoint.Change
	if len(was.Former) == 0 {
		was.Former = s.old.former
	}
	s.before = was.Apply(s.old.Program)
	if s.inForce = s.checkpoint.Catalogue == b.cfg.Next.Program.Revision(); s.inForce {
		s.after, s.change = s.before, was
		return s, nil
	}
	s.change = partition.Between(s.before, b.cfg.Next.Program, s.at)
	s.after = s.change.Apply(b.cfg.Next.Program)
	return s, nil
}

// find gives the catalogue in force at a checkpoint.
func (b *book) find(ctx context.Context, p int32, c *partition.Checkpoint) (*inForce, error) {
	if len(b.cfg.From) > 0 {
		i := slices.IndexFunc(b.cfg.From, func(given *catalogue.Catalogue) bool { return given.Program.Revision() == c.Catalogue })
		if i < 0 {
			return nil, fmt.Errorf("catalogue %s is in force there, which --from does not give: give the file of that one, or leave --from out and name Kafka", c.Catalogue)
		}
		return b.keep(string(b.cfg.From[i].Text), func() (*inForce, error) { return &inForce{Catalogue: b.cfg.From[i]}, nil })
	}
	if b.cfg.Log == nil {
		return nil, errors.New("nothing says which catalogue is in force: name Kafka with --kafka-brokers, or the catalogue with --from")
	}
	if c.CatalogueAt < 0 {
		return nil, errors.New("no catalogue is in force there yet: wait until the processor has come to the first one in its log")
	}
	where := fmt.Sprintf("offset %d of %s/%d", c.CatalogueAt, schemas.EventsTopic, p)
	records, err := b.cfg.Log.ReadAt(ctx, schemas.EventsTopic, p, []int64{c.CatalogueAt})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue in force at %s: %w", where, err)
	}
	var e event.Event
	if len(records) > 0 {
		if err := b.cfg.Decoder.DecodeEvent(ctx, records[0].Value, &e); err != nil {
			return nil, fmt.Errorf("read the catalogue in force at %s: %w", where, err)
		}
	}
	if e.Kind != event.KindCatalog {
		return nil, fmt.Errorf("the catalogue in force is no longer at %s: retention has taken it, or the topic was created again; give its file with --from", where)
	}
	text := e.Properties.Nested["catalogue"]
	return b.keep(text, func() (*inForce, error) {
		rules, err := catalogue.Load("catalogue in force at "+where, []byte(text))
		if err != nil {
			return nil, fmt.Errorf("%w: bring cohortctl to the processor's release", err)
		}
		return &inForce{Catalogue: rules, former: strings.Fields(e.Properties.Strings["former"])}, nil
	})
}

func (b *book) keep(text string, load func() (*inForce, error)) (*inForce, error) {
	if known := b.made[text]; known != nil {
		return known, nil
	}
	in, err := load()
	if err == nil {
		b.made[text] = in
	}
	return in, err
}
