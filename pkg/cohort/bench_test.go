package cohort

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// shop is a stream as a shop sends it: views, some carts, few orders, over many
// people that come back, some seconds late.
type shop struct {
	head event.Event

	program *Program
	names   []string
	who     []int
	at      []int64
	blobs   [][]byte
}

func newShop(tb testing.TB, events, people int) *shop {
	tb.Helper()
	s := &shop{program: compile(tb, standard())}
	r := rand.New(rand.NewPCG(1, 2))
	at := int64(1_750_000_000_000)
	for range events {
		at += r.Int64N(2 * 4 * day * int64(1) / int64(people) * 2 / 4)
		name := "view"
		switch n := r.IntN(100); {
		case n < 6:
			name = "order"
		case n < 24:
			name = "cart"
		}
		s.names = append(s.names, name)
		s.who = append(s.who, r.IntN(people))
		s.at = append(s.at, at)
	}
	s.blobs = make([][]byte, people)
	return s
}

// BenchmarkApply takes events in as an owner does whose people are all in the
// store: match, decode, apply, next deadline, encode. Deadlines of a person that
// passed since are fired before.
// event gives the head of one event, in memory that the next call uses again.
func (s *shop) event(i int) *event.Event {
	s.head.Kind, s.head.Name, s.head.Source = event.KindTrack, s.names[i], event.SourcePipelines
	return &s.head
}

func BenchmarkApply(b *testing.B) {
	const events, people = 200_000, 4_000
	s := newShop(b, events, people)
	g := s.program
	var p Person
	var out Decisions
	transitions, fired := 0, 0
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		i := n % events
		if i == 0 {
			clear(s.blobs)
		}
		who := s.who[i]
		if err := g.Decode("person", s.blobs[who], &p); err != nil {
			b.Fatal(err)
		}
		out.Reset()
		for p.Armed != 0 && p.Armed < s.at[i] {
			at := p.Armed
			if g.NextDeadline(&p) <= at {
				g.Fire(&p, at, s.at[i], &out)
				fired++
			}
			if p.Armed = g.NextDeadline(&p); p.Armed == Never {
				p.Armed = 0
			}
		}
		o := Observation{
			Patterns: g.Match(s.event(i)),
			At:       s.at[i] - int64(i%7)*100, Offset: int64(i), ID: "01J9ZK3V7Q8W6X5Y4T3S2R1Q0P", AcceptedAt: s.at[i],
		}
		g.Apply(&p, &o, s.at[i], &out)
		if next := g.NextDeadline(&p); next != Never && (p.Armed == 0 || next < p.Armed) {
			p.Armed = next
		}
		s.blobs[who] = g.Append(s.blobs[who][:0], &p)
		transitions += len(out.List)
	}
	b.StopTimer()
	b.ReportMetric(float64(transitions)/float64(b.N), "transitions/op")
	b.ReportMetric(float64(fired)/float64(b.N), "fired/op")
	s.sizes(b)
}

// BenchmarkResident is the same with everybody in memory, as in a running tenure.
func BenchmarkResident(b *testing.B) {
	const events, people = 200_000, 4_000
	s := newShop(b, events, people)
	g := s.program
	persons := make([]Person, people)
	var out Decisions
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		i := n % events
		if i == 0 {
			for k := range persons {
				if err := g.Decode("person", nil, &persons[k]); err != nil {
					b.Fatal(err)
				}
			}
		}
		p := &persons[s.who[i]]
		out.Reset()
		for p.Armed != 0 && p.Armed < s.at[i] {
			at := p.Armed
			if g.NextDeadline(p) <= at {
				g.Fire(p, at, s.at[i], &out)
			}
			if p.Armed = g.NextDeadline(p); p.Armed == Never {
				p.Armed = 0
			}
		}
		o := Observation{
			Patterns: g.Match(s.event(i)),
			At:       s.at[i] - int64(i%7)*100, Offset: int64(i), ID: "01J9ZK3V7Q8W6X5Y4T3S2R1Q0P", AcceptedAt: s.at[i],
		}
		g.Apply(p, &o, s.at[i], &out)
		if next := g.NextDeadline(p); next != Never && (p.Armed == 0 || next < p.Armed) {
			p.Armed = next
		}
	}
}

func (s *shop) sizes(b *testing.B) {
	b.Helper()
	var sizes []int
	for _, blob := range s.blobs {
		if len(blob) > 0 {
			sizes = append(sizes, len(blob))
		}
	}
	slices.Sort(sizes)
	b.ReportMetric(float64(sizes[len(sizes)/2]), "B/person-p50")
	b.ReportMetric(float64(sizes[len(sizes)-1]), "B/person-max")
}

// One cart, one order, three views and two stays take at most 88 bytes in the store, contacts aside.
func TestAppend_IsSmall(t *testing.T) {
	f := newFold(t, compile(t, standard()))
	at := int64(1_750_000_000_000)
	f.offset = 1_000_000_000
	for i, role := range []string{"order", "view", "view", "view", "cart"} {
		at += 9*minute + 123
		f.offset += 200_000
		f.event("p", role, id(i), at, at)
	}
	p := f.people["p"]
	size := len(f.program.Append(nil, p))
	t.Logf("%d bytes", size)
	if len(p.stays) != 2 || size > 88 {
		t.Errorf("%d bytes with %d stays", size, len(p.stays))
	}
}
