package census

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

const text = `version: 1
events: {order: {names: [order]}}
cohorts: [{key: buyers, when: {did: {event: order, within: 7d}}}]
`

// store is one partition; each load of a slice takes a while, and may move the checkpoint.
type store struct {
	blobs map[string][]byte
	takes time.Duration
	moves bool
	err   error

	mu    sync.Mutex
	loads int
}

func (s *store) LoadSlice(_ context.Context, _ int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads++
	for key, blob := range s.blobs {
		if redisstate.SliceOf(key) == slice {
			keys, blobs = append(keys, key), append(blobs, blob)
		}
	}
	at := partition.Checkpoint{Offset: 10, LogTime: 1000}
	if s.moves {
		at.Offset += int64(slice)
	}
	return at.Append(nil), keys, blobs, s.err
}

func (s *store) LoadPeople(context.Context, int32, []string) ([]byte, [][]byte, error) {
	return nil, nil, s.err
}

func (s *store) Checkpoint(context.Context, int32) ([]byte, error) {
	return partition.Checkpoint{Offset: 10, LogTime: 1000}.Append(nil), s.err
}

type book struct{ rules *rules.Rules }

func (b book) At(context.Context, int32, *partition.Checkpoint) (*rules.Rules, error) {
	return b.rules, nil
}

func newCensus(t *testing.T, s *store, buyers, others int) *Census {
	t.Helper()
	c, err := catalogue.Load("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s.blobs = make(map[string][]byte)
	for i := range buyers + others {
		var p cohort.Person
		var out cohort.Decisions
		key := fmt.Sprint("person-", i)
		if err := c.Program.Decode(key, nil, &p); err != nil {
			t.Fatal(err)
		}
		o := cohort.Observation{At: 500, ID: key}
		if i < buyers {
			o.Patterns = c.Program.Match(&event.Event{Kind: event.KindTrack, Name: "order"})
		}
		c.Program.Apply(&p, &o, 500, &out)
		s.blobs[key] = c.Program.Append(nil, &p)
	}
	counting := New(Config{
		Reader: &state.Reader{Store: s, Book: book{&rules.Rules{Catalogue: c}}, Partitions: 1}, Within: time.Minute, Fresh: 10 * time.Second,
	})
	t.Cleanup(counting.Close)
	return counting
}

func TestCount_FindsEverybodyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCensus(t, &store{}, 300, 200)
		got, err := c.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := got.Parts[0]; got.Of("buyers") != 300 || p.People != 500 || !p.Steady || p.From != p.To || p.To != (Mark{Offset: 10, LogTime: 1000}) {
			t.Errorf("got %d buyers, %+v; want 300 of 500 as of one checkpoint", got.Of("buyers"), p)
		}
	})
}

func TestCount_SaysWhereThePartitionMovedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCensus(t, &store{moves: true}, 3, 0)
		got, err := c.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p := got.Parts[0]; p.Steady || p.From.Offset != 10 || p.To.Offset != 73 {
			t.Errorf("got %+v, want it to say from where to where", p)
		}
	})
}

func TestCount_OneForAllWhoAskAndHalfOfTheTimeAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Millisecond}
		c := newCensus(t, s, 1, 0)
		begun := time.Now()
		var asking sync.WaitGroup
		for range 5 {
			asking.Go(func() {
				if _, err := c.Count(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if s.loads != redisstate.Slices() {
			t.Errorf("%d slices were read for 5 who asked at once, want %d", s.loads, redisstate.Slices())
		}
		if took := time.Since(begun); took != 128*time.Millisecond {
			t.Errorf("64 slices of 1 ms took %s, want as long again at rest", took)
		}
		if _, err := c.Count(t.Context()); err != nil || s.loads != redisstate.Slices() {
			t.Errorf("while it is fresh: %d slices were read, error %v", s.loads, err)
		}
		time.Sleep(10 * time.Second)
		if _, err := c.Count(t.Context()); err != nil || s.loads != 2*redisstate.Slices() {
			t.Errorf("later: %d slices were read, error %v", s.loads, err)
		}
	})
}

// Who gives up does not end the count: the next one finds its result.
func TestCount_GoesOnWithoutWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{takes: time.Second}
		c := newCensus(t, s, 1, 0)
		c.Within = time.Hour
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Count(impatient); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the time", err)
		}
		time.Sleep(128 * time.Second)
		if got, err := c.Count(t.Context()); err != nil || got.Of("buyers") != 1 || s.loads != redisstate.Slices() {
			t.Errorf("got %v after %d slices, error %v", got, s.loads, err)
		}
	})
}

func TestCount_AFailureIsToldAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{err: redisstate.ErrUnavailable}
		c := newCensus(t, s, 1, 0)
		if _, err := c.Count(t.Context()); !errors.Is(err, redisstate.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Sizes(t.Context()); !errors.Is(err, redisstate.ErrUnavailable) {
			t.Errorf("sizes: got %v", err)
		}
		s.err = nil
		if got, err := c.Count(t.Context()); err != nil || got.Of("buyers") != 1 {
			t.Errorf("afterwards: got %v, %v", got, err)
		}
	})
}
