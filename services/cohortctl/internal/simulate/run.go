package simulate

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Options of a run.
type Options struct {
	// Until is the last instant that counts, in ms; cohort.Never = every deadline is
	// worked off.
	Until int64
	// Shards is how many people are played at once; 0 = as many as there are cores.
	Shards int
	// Progress is told now and then how many people are done. It may be called from
	// several goroutines at once.
	Progress func(people int)
}

// turnPeople is how many people a shard takes at a time.
const turnPeople = 512

// Run plays everybody. It may be called again, with other options.
func (h *History) Run(ctx context.Context, o Options) (*Outcome, error) {
	people, places, ends := h.order()
	out := &Outcome{Cohorts: h.program.Cohorts(), people: people, names: h.names}
	out.blocks = make([][][]Row, (len(people)+turnPeople-1)/turnPeople)
	var next, done atomic.Int64
	var failed atomic.Pointer[error]
	var shards sync.WaitGroup
	for range max(1, min(cmp.Or(o.Shards, runtime.GOMAXPROCS(0)), len(out.blocks))) {
		shards.Go(func() {
			p := newPlayer(h, o.Until)
			for failed.Load() == nil && ctx.Err() == nil {
				turn := int(next.Add(1)) - 1
				if turn >= len(out.blocks) {
					return
				}
				from, to := turn*turnPeople, min((turn+1)*turnPeople, len(people))
				begin := 0
				if from > 0 {
					begin = ends[from-1]
				}
				p.begin()
				for rank := from; rank < to; rank++ {
					if err := p.play(uint32(rank), h.names[people[rank]], places[begin:ends[rank]]); err != nil {
						failed.CompareAndSwap(nil, &err)
						return
					}
					begin = ends[rank]
				}
				out.blocks[turn] = p.rows
				if finished := done.Add(int64(to - from)); o.Progress != nil {
					o.Progress(int(finished))
				}
			}
		})
	}
	shards.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return out, ctx.Err()
}

// player plays one person after the other.
type player struct {
	history *History
	until   int64
	person  cohort.Person
	out     cohort.Decisions
	cohorts map[string]int
	moments []moment
	rows    [][]Row // by cohort, of the people of this turn
	rank    uint32
	touched byte
}

func newPlayer(h *History, until int64) *player {
	p := &player{history: h, until: until, cohorts: make(map[string]int)}
	for i, key := range h.program.Cohorts() {
		p.cohorts[key] = i
	}
	return p
}

// begin makes room for a turn, as much as the one before has filled.
func (p *player) begin() {
	rows := make([][]Row, len(p.cohorts))
	for i := range p.rows {
		rows[i] = make([]Row, 0, len(p.rows[i])*5/4)
	}
	p.rows = rows
}

// gather brings the events of a person together, by time, those of one instant by their
// ids, so that the order of rows has no say even where a rule depends on what came first. They lie all over the memory: fetched one after the other without waiting
// they cost a fraction of what they would between decisions.
func (p *player) gather(places []uint32) {
	p.moments = p.moments[:0]
	for _, place := range places {
		p.moments = append(p.moments, *p.history.moment(place))
	}
	for i := range p.moments {
		p.touched ^= p.moments[i].id[0]
	}
	byTime := func(a, b moment) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return strings.Compare(a.id, b.id)
	}
	if !slices.IsSortedFunc(p.moments, byTime) {
		slices.SortStableFunc(p.moments, byTime)
	}
}

// play goes through the events of a person and the deadlines between and after them.
// Those of an instant come after the events of that instant.
func (p *player) play(rank uint32, key string, places []uint32) error {
	h := p.history
	program := h.program
	if err := program.Decode(key, nil, &p.person); err != nil {
		return fmt.Errorf("begin with somebody: %w", err)
	}
	p.rank = rank
	p.gather(places)
	for i := range p.moments {
		m := &p.moments[i]
		if m.at > p.until {
			break
		}
		if err := p.pass(m.at); err != nil {
			return err
		}
		program.Apply(&p.person, &cohort.Observation{
			Patterns: m.patterns, Tells: m.tells, Properties: m.properties,
			At: m.at, Offset: int64(m.place), ID: m.id, AcceptedAt: m.at,
		}, m.at, &p.out)
		p.collect()
	}
	if p.until < cohort.Never {
		return p.pass(p.until + 1)
	}
	return p.pass(cohort.Never)
}

// pass works off the deadlines before an instant.
func (p *player) pass(instant int64) error {
	program := p.history.program
	for due := program.NextDeadline(&p.person); due < instant; {
		program.Fire(&p.person, due, instant, &p.out)
		p.collect()
		next := program.NextDeadline(&p.person)
		if next <= due {
			return fmt.Errorf("a deadline at %s does not pass: this is a fault of the core, please report it with the catalogue", format(due))
		}
		due = next
	}
	return nil
}

// collect takes what was decided over. An entry and an exit of one instant cancel out,
// whichever comes first: a stay of no length is none, and a stay that ends where the
// next begins goes on.
func (p *player) collect() {
	if len(p.out.List) == 0 {
		return
	}
	for i := range p.out.List {
		t := &p.out.List[i]
		c := p.cohorts[t.Cohort]
		rows := p.rows[c]
		if n := len(rows); n > 0 && rows[n-1].person == p.rank && rows[n-1].At == t.EffectiveAt {
			p.rows[c] = rows[:n-1]
			continue
		}
		p.rows[c] = append(rows, Row{At: t.EffectiveAt, person: p.rank, Enter: t.Op == cohort.OpEnter})
	}
	p.out.Reset()
}
