package partition

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// The world of these tests: a log, a broker that fences as Apache Kafka does, a store
// that compares and sets, and owners that die, are held up and fence each other.

const minute = int64(60_000)

func testProgram(t testing.TB) *cohort.Program {
	t.Helper()
	g, err := cohort.Compile(cohort.Spec{
		Events: []cohort.Pattern{
			{Key: "view", Names: []string{"view"}}, {Key: "cart", Names: []string{"cart"}}, {Key: "order", Names: []string{"order"}},
		},
		Cohorts: []cohort.Definition{
			{Key: "abandoner", Enter: &cohort.Condition{All: []cohort.Condition{
				{Quiet: &cohort.Quiet{Event: "cart", For: 5 * minute, NoneOf: []string{"order"}}},
				{Did: &cohort.Did{Event: "cart", Within: 60 * minute, NoneOf: []string{"order"}}},
			}}, Stay: &cohort.Condition{Did: &cohort.Did{Event: "cart", Within: 60 * minute, NoneOf: []string{"order"}}}},
			{Key: "buyer", When: &cohort.Condition{Did: &cohort.Did{Event: "order", Within: 90 * minute}}},
			{Key: "intent", When: &cohort.Condition{Did: &cohort.Did{Event: "view", AtLeast: 2, Within: 30 * minute}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// changedProgram has one cohort more, one less and one otherwise; how long intent lasts
// tells two of them apart.
func changedProgram(t testing.TB, intent int64) *cohort.Program {
	t.Helper()
	g, err := cohort.Compile(cohort.Spec{
		Events: []cohort.Pattern{
			{Key: "view", Names: []string{"view"}}, {Key: "cart", Names: []string{"cart"}}, {Key: "order", Names: []string{"order"}},
		},
		Cohorts: []cohort.Definition{
			{Key: "buyer", When: &cohort.Condition{Did: &cohort.Did{Event: "order", Within: 40 * minute}}},
			{Key: "intent", When: &cohort.Condition{Did: &cohort.Did{Event: "view", AtLeast: 2, Within: intent}}},
			{Key: "keen", When: &cohort.Condition{Did: &cohort.Did{Event: "view", AtLeast: 3, Within: 45 * minute}}},
			{Key: "gone", When: &cohort.Condition{Silent: &cohort.Silent{Event: "view", For: 50 * minute}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const testSlices = 3

func testSlice(key string) int { return int(key[len(key)-1]) % testSlices }

func (w *world) catalogueAt(offset int64) CatalogueRead {
	e := w.log[offset].Event
	return CatalogueRead{Offset: offset, Text: e.Properties.Nested["catalogue"]}
}

type written struct {
	producer Producer
	tr       *cohort.Transition
	profile  *cohort.Profile
	mark     *cohort.Watermark
}

type topic struct {
	records []written
	newest  map[int64]int16 // producer id -> newest epoch that has written
}

func (o *topic) append(w written) bool {
	if w.producer.Epoch < o.newest[w.producer.ID] {
		return false
	}
	o.newest[w.producer.ID] = w.producer.Epoch
	o.records = append(o.records, w)
	return true
}

type store struct {
	checkpoint []byte
	people     map[string][]byte
	buckets    map[int64][]byte
}

func (s *store) clone() *store {
	return &store{checkpoint: bytes.Clone(s.checkpoint), people: maps.Clone(s.people), buckets: maps.Clone(s.buckets)}
}

type world struct {
	t       testing.TB
	r       *rand.Rand
	log     []Record
	epoch   int16
	outputs [outputs]topic
	store   *store
	past    []*store
	now     int64
	rules   *cohort.Program            // the first in force
	all     map[string]*cohort.Program // by text
	wanted  string                     // by those who begin now
	faults  bool
	// Erasures, and keys that change hands, part what links have joined.
	forgetful bool
	count     map[string]int
}

func newWorld(t testing.TB, seed uint64) *world {
	t.Helper()
	all := map[string]*cohort.Program{"rules": testProgram(t), "changed": changedProgram(t, 30*minute), "again": changedProgram(t, 20*minute)}
	w := &world{
		t: t, all: all, wanted: "rules", r: rand.New(rand.NewPCG(seed, 1)), rules: all["rules"], now: 1_000 * minute, count: map[string]int{},
		store: &store{people: map[string][]byte{}, buckets: map[int64][]byte{}}, faults: true,
		forgetful: seed%2 == 0,
	}
	for o := range w.outputs {
		w.outputs[o].newest = map[int64]int16{}
	}
	return w
}

func (w *world) add(e *event.Event, stamp int64) {
	w.log = append(w.log, Record{
		Offset: int64(len(w.log)), Stamp: stamp, Event: e,
		Key: []byte(e.Person), Value: fmt.Appendf(nil, "%s %d", e.ID, stamp),
	})
}

// live writes a history of a few people, with ties, late events and redeliveries.
func (w *world) live(n int) {
	at := w.now
	for range n {
		at += w.r.Int64N(8) * minute / 2
		name := []string{"view", "view", "cart", "cart", "order", "other"}[w.r.IntN(6)]
		e := &event.Event{
			Kind: event.KindTrack, Name: name, ID: fmt.Sprintf("e%d", len(w.log)),
			Person: fmt.Sprintf("p%d", w.r.IntN(5)), EventAt: at - w.r.Int64N(3)*minute*w.r.Int64N(2), AcceptedAt: at,
		}
		if len(w.log) > 1 && w.r.IntN(10) == 0 {
			again := *w.log[1+w.r.IntN(len(w.log)-1)].Event
			again.AcceptedAt = at
			e = &again
		}
		if w.r.IntN(8) == 0 {
			e = w.aboutIdentity(at)
		}
		w.add(e, at)
	}
	w.now = at
}

// aboutIdentity makes a record that says who somebody is, or that they want to be forgotten.
func (w *world) aboutIdentity(at int64) *event.Event {
	e := &event.Event{ID: fmt.Sprintf("e%d", len(w.log)), Person: fmt.Sprintf("p%d", w.r.IntN(5)), EventAt: at, AcceptedAt: at}
	kind := w.r.IntN(6)
	if !w.forgetful {
		kind += 3
	}
	switch kind {
	case 0:
		e.Kind, e.Name = event.KindErase, event.NameDelete
	case 1:
		e.Kind, e.Name = event.KindErase, event.NameSuppress
	case 2:
		e.Kind = event.KindUnerase
	default:
		// Any to any: chains and circles too.
		e.Kind, e.Name = event.KindMerge, []string{event.NameLink, event.NameMerge}[w.r.IntN(2)]
		if w.forgetful && w.r.IntN(3) == 0 {
			e.Name = event.NameRelink
		}
		e.Properties.Strings = map[string]string{event.PropertyInto: fmt.Sprintf("p%d", w.r.IntN(5))}
	}
	return e
}

func (w *world) catalogue(text string) {
	w.add(&event.Event{
		Kind: event.KindCatalog, Name: w.all[text].Revision(), ID: "catalogue",
		Properties: event.Properties{Nested: map[string]string{"catalogue": text}},
	}, 0)
}

// owner executes one machine's effects, some of them later.
type owner struct {
	w        *world
	m        *Machine
	producer Producer
	later    []func()
	dead     bool
	end      End
	final    *End // set when it needs a person
	position int64
	st       *store
}

func (w *world) begin() *owner {
	o := &owner{w: w, st: w.store}
	o.m = New(Config{
		Owner: "test", Revision: w.all[w.wanted].Revision(), CatalogueText: w.wanted, Ticks: true,
		Compile: func(text string) (*cohort.Program, error) { return w.all[text], nil },
		Slices:  testSlices, SliceOf: testSlice, SweepEvery: 5,
		CommitEvery: 100, CommitPeople: 3, BehindEvery: 100, BehindPeople: 3, MaxTouched: 4, Residents: 2, Budget: 1 + w.r.IntN(4), Horizon: 30 * minute,
	})
	o.step(Begin{Now: w.now})
	return o
}

func (o *owner) step(in Input) {
	if o.dead {
		return
	}
	for _, e := range slices.Clone(o.m.Step(in)) {
		o.carryOut(e)
	}
}

// maybe runs f now or later, or lets it get lost or answers nothing, as faults go.
func (o *owner) maybe(e Effect, f func() Input) {
	run := func() {
		// Carried out now, answered later: other answers come between.
		in := f()
		o.later = append(o.later, func() { o.step(in) })
	}
	if !o.w.faults {
		o.later = append(o.later, run)
		return
	}
	switch o.w.r.IntN(40) {
	case 0: // done, answer lost: all an owner can know is that it does not know
		o.w.count["answer lost"]++
		o.later = append(o.later, func() { f(); o.step(Failed{Effect: e, Class: Ambiguous}) })
	case 1: // not sent
		o.w.count["not sent"]++
		o.later = append(o.later, func() { o.step(Failed{Effect: e, Class: NotSent}) })
	default:
		o.later = append(o.later, run)
	}
}

func (o *owner) carryOut(e Effect) {
	w := o.w
	switch e := e.(type) {
	case TakeEpoch:
		o.maybe(e, func() Input {
			w.epoch++
			o.producer = Producer{ID: 7, Epoch: w.epoch}
			return EpochTaken{ProducerID: 7, Epoch: w.epoch}
		})
	case PeekTail:
		o.maybe(e, func() Input {
			out := TailPeeked{Output: e.Output, Empty: true, Last: cohort.ID{Offset: -1}}
			for _, x := range w.outputs[e.Output].records {
				out.Empty, out.ProducerID, out.Epoch = false, x.producer.ID, x.producer.Epoch
				out.Last = highest(out.Last, x)
				if x.mark != nil {
					out.Tenure = max(out.Tenure, x.mark.Tenure)
				}
			}
			return out
		})
	case WriteFence:
		mark := e.Record
		o.maybe(e, func() Input {
			if !w.outputs[e.Output].append(written{producer: o.producer, mark: &mark}) {
				return Failed{Effect: e, Class: Fenced}
			}
			return FenceWritten{Output: e.Output, Offset: int64(len(w.outputs[e.Output].records)) - 1}
		})
	case LoadCheckpoint:
		o.maybe(e, func() Input { return CheckpointLoaded{Bytes: bytes.Clone(o.st.checkpoint)} })
	case ReadTail:
		o.maybe(e, func() Input {
			out := TailRead{Output: e.Output, Last: cohort.ID{Offset: -1}, Published: map[cohort.ID]uint64{}}
			for _, x := range w.outputs[e.Output].records[:e.Below] {
				out.Last = highest(out.Last, x)
				if x.mark != nil {
					out.Processed = max(out.Processed, x.mark.Processed)
				}
				if x.tr != nil && x.tr.ID.Offset >= e.From {
					out.Published[x.tr.ID] = Digest(x.tr)
				}
			}
			return out
		})
	case ReadAnchor:
		o.maybe(e, func() Input {
			out := AnchorRead{End: int64(len(w.log))}
			if e.Offset >= 0 && e.Offset < out.End {
				r := w.log[e.Offset]
				out.Found = true
				out.ID, out.Sum = Anchor(r.Event.ID, r.Key, r.Value)
			}
			return out
		})
	case ReadCatalogue:
		o.maybe(e, func() Input { return w.catalogueAt(e.Offset) })
	case FindCatalogue:
		o.maybe(e, func() Input {
			for _, r := range w.log {
				if r.Event.Kind == event.KindCatalog {
					return w.catalogueAt(r.Offset)
				}
			}
			return CatalogueRead{Offset: -1}
		})
	case AppendCatalogue:
		wanted := o.m.cfg.CatalogueText
		o.maybe(e, func() Input { w.catalogue(wanted); return CatalogueAppended{} })
	case AppendSweep:
		w.count["sweep"]++
		if strings.HasSuffix(e.Name, warmedRecord) {
			w.count["warmed"]++
		}
		o.maybe(e, func() Input {
			w.add(&event.Event{Kind: event.KindSweep, Name: e.Name}, e.Stamp)
			return SweepAppended{}
		})
	case Forward:
		w.count["forward"]++
		events := slices.Clone(e.Events)
		o.maybe(e, func() Input {
			for i := range events {
				w.add(&events[i], events[i].AcceptedAt)
			}
			return Forwarded{Seq: e.Seq}
		})
	case LoadSlice:
		o.maybe(e, func() Input {
			out := SliceLoaded{Checkpoint: bytes.Clone(o.st.checkpoint)}
			for key, blob := range o.st.people {
				if testSlice(key) == e.Slice {
					out.Keys, out.Blobs = append(out.Keys, key), append(out.Blobs, bytes.Clone(blob))
				}
			}
			return out
		})
	case StartFetch:
		o.position = e.Offset
	case LoadPeople:
		o.maybe(e, func() Input {
			out := PeopleLoaded{Checkpoint: bytes.Clone(o.st.checkpoint), Keys: e.Keys}
			for _, k := range e.Keys {
				out.Blobs = append(out.Blobs, bytes.Clone(o.st.people[k]))
			}
			return out
		})
	case LoadDeadlines:
		o.maybe(e, func() Input {
			out := DeadlinesLoaded{Checkpoint: bytes.Clone(o.st.checkpoint), First: e.First}
			for i := range e.Count {
				out.Buckets = append(out.Buckets, bytes.Clone(o.st.buckets[e.First+int64(i)]))
			}
			return out
		})
	case Publish:
		for _, tr := range e.Items {
			tr.Evidence = nil
			if !w.outputs[Transitions].append(written{producer: o.producer, tr: &tr}) {
				o.later = append(o.later, func() { o.step(Failed{Effect: Publish{}, Class: Fenced}) })
				return
			}
		}
		o.maybe(Publish{}, func() Input { return Acked{Output: Transitions, Seq: e.Seq} })
	case PublishProfiles:
		for _, p := range e.Items {
			if !w.outputs[Profiles].append(written{producer: o.producer, profile: &p}) {
				o.later = append(o.later, func() { o.step(Failed{Effect: PublishProfiles{}, Class: Fenced}) })
				return
			}
		}
		o.maybe(PublishProfiles{}, func() Input { return Acked{Output: Profiles, Seq: e.Seq} })
	case PublishWatermark:
		mark := e.Record
		if !w.outputs[e.Output].append(written{producer: o.producer, mark: &mark}) {
			o.later = append(o.later, func() { o.step(Failed{Effect: PublishWatermark{}, Class: Fenced}) })
			return
		}
		o.maybe(PublishWatermark{}, func() Input { return Acked{Output: e.Output, Seq: e.Seq} })
	case Commit:
		o.maybe(e, func() Input {
			s := o.st
			if !bytes.Equal(s.checkpoint, e.Expect) || (s.checkpoint == nil) != (e.Expect == nil) {
				return Failed{Effect: e, Class: Conflict}
			}
			w.past = append(w.past, s.clone())
			if e.Expect == nil {
				s.people, s.buckets = map[string][]byte{}, map[int64][]byte{}
			}
			s.checkpoint = e.Next
			for _, p := range e.People {
				s.people[p.Key] = p.Blob
			}
			for _, b := range e.Deadlines {
				s.buckets[b.ID] = append(bytes.Clone(s.buckets[b.ID]), b.Append...)
			}
			for _, id := range e.Drop {
				delete(s.buckets, id)
			}
			return Committed{}
		})
	case AppendTick:
		w.count["tick"]++
		o.maybe(e, func() Input { w.add(&event.Event{Kind: event.KindTick}, e.Stamp); return TickAppended{} })
	case End:
		o.dead, o.end = true, e
		if e.Final {
			o.final = &e
		}
	default:
		w.t.Fatalf("effect %T is not carried out", e)
	}
}

func highest(last cohort.ID, x written) cohort.ID {
	id := cohort.ID{Offset: -1}
	switch {
	case x.tr != nil:
		id = x.tr.ID
	case x.profile != nil:
		id = x.profile.ID
	case x.mark != nil:
		id = x.mark.Last
	}
	if last.Less(id) {
		return id
	}
	return last
}

// turn lets the owner do one thing.
func (o *owner) turn() {
	w := o.w
	switch k := w.r.IntN(4); {
	case k == 0 && w.faults && w.r.IntN(8) == 0 && len(w.log) > 2:
		// An answer to the fetch of an earlier tenure.
		from := w.r.Int64N(int64(len(w.log) - 1))
		if from != o.position {
			w.count["stale fetch"]++
			o.step(Fetched{Records: slices.Clone(w.log[from:]), From: from, Next: int64(len(w.log)), End: int64(len(w.log))})
		}
	case k == 0 && o.m.Running() && o.m.Backlog() < 20 && o.position < int64(len(w.log)):
		n := min(o.position+1+w.r.Int64N(8), int64(len(w.log)))
		from := o.position
		records := slices.Clone(w.log[from:n])
		o.position = n
		o.step(Fetched{Records: records, From: from, Next: n, End: int64(len(w.log))})
	case k == 1 && o.m.Ready():
		o.step(Continue{Now: w.now})
	case k == 2:
		w.now += w.r.Int64N(400)
		o.step(Wake{Now: w.now})
	case len(o.later) > 0:
		// Answers overtake each other.
		i := w.r.IntN(len(o.later))
		f := o.later[i]
		o.later = slices.Delete(o.later, i, i+1)
		f()
	}
}
