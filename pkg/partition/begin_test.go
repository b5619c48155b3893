package partition

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// begun walks a machine through its start up to the answer of ReadAnchor, and gives what it then asks.
func begun(t *testing.T, c *Checkpoint, last cohort.ID, log AnchorRead) []Effect {
	t.Helper()
	program := testProgram(t)
	m := New(Config{
		CatalogueText: "rules", Revision: program.Revision(),
		Compile: func(string) (*cohort.Program, error) { return program, nil },
	})
	return anchored(m, c, last, log)
}

func anchored(m *Machine, c *Checkpoint, last cohort.ID, log AnchorRead) []Effect {
	var checkpoint []byte
	if c != nil {
		checkpoint = c.Append(nil)
	}
	m.Step(Begin{Now: 1})
	m.Step(EpochTaken{ProducerID: 7, Epoch: 1})
	for o := range outputs {
		m.Step(TailPeeked{Output: o, Empty: true, Last: cohort.ID{Offset: -1}})
	}
	for o := range outputs {
		m.Step(FenceWritten{Output: o, Offset: 3})
	}
	m.Step(CheckpointLoaded{Bytes: checkpoint})
	for o := range outputs {
		m.Step(TailRead{Output: o, Last: last})
	}
	return m.Step(log)
}

func stopped(effects []Effect, word string) bool {
	end, ok := effects[len(effects)-1].(End)
	return ok && end.Final && end.Class == Lost && strings.Contains(end.Reason, word)
}

func TestBegin_StopsOverALogShorterThanWhatWasPublished(t *testing.T) {
	got := begun(t, nil, cohort.ID{Offset: 10}, AnchorRead{End: 5})
	if !stopped(got, "created again") {
		t.Fatalf("got %+v", got)
	}
}

// Retention may take the record of a catalogue that has been in force for long.
func TestBegin_GoesOnWhenRetentionHasPassedItsCatalogue(t *testing.T) {
	revision := testProgram(t).Revision()
	log := AnchorRead{Start: 5, End: 10, Found: true}
	known := &Checkpoint{Offset: 10, CatalogueAt: 2, Catalogue: revision}
	got := begun(t, known, cohort.ID{Offset: -1}, log)
	if start, ok := got[len(got)-1].(StartFetch); !ok || start.Offset != 10 {
		t.Fatalf("with the same catalogue: %+v", got)
	}
	other := &Checkpoint{Offset: 10, CatalogueAt: 2, Catalogue: "another"}
	if got := begun(t, other, cohort.ID{Offset: -1}, log); !stopped(got, "revision another") {
		t.Fatalf("with another: %+v", got)
	}
}

// It may also take it after the log was looked at, just before it is read.
func TestBegin_GoesOnWhenRetentionPassesItsCatalogueMeanwhile(t *testing.T) {
	program := testProgram(t)
	for revision, fine := range map[string]bool{program.Revision(): true, "another": false} {
		m := New(Config{
			CatalogueText: "rules", Revision: program.Revision(),
			Compile: func(string) (*cohort.Program, error) { return program, nil },
		})
		known := &Checkpoint{Offset: 10, CatalogueAt: 2, Catalogue: revision}
		asked := anchored(m, known, cohort.ID{Offset: -1}, AnchorRead{End: 10, Found: true})
		got := m.Step(Failed{Effect: asked[len(asked)-1], Class: Lost})
		start, ok := got[len(got)-1].(StartFetch)
		if fine && (!ok || start.Offset != 10 || !m.outdated()) {
			t.Errorf("with the same catalogue: %+v, told anew: %v", got, m.outdated())
		}
		if !fine && !stopped(got, "revision another") {
			t.Errorf("with another: %+v", got)
		}
	}
}

// An owner that was held up after it had taken its epoch must not close the producer of its successor.
func TestBegin_TakesAnotherEpochBeforeItClosesAProducer(t *testing.T) {
	m := New(Config{})
	m.Step(Begin{Now: 1})
	m.Step(EpochTaken{ProducerID: 7, Epoch: 4})
	m.Step(TailPeeked{Output: Profiles, ProducerID: 7, Epoch: 3, Last: cohort.ID{Offset: -1}})
	got := m.Step(TailPeeked{Output: Transitions, ProducerID: 9, Last: cohort.ID{Offset: -1}})
	if _, ok := got[0].(TakeEpoch); !ok || len(got) != 1 {
		t.Fatalf("got %+v, want another epoch", got)
	}
	got = m.Step(EpochTaken{ProducerID: 9, Epoch: 5})
	if len(got) != int(outputs) {
		t.Fatalf("got %+v, want the fences", got)
	}
	for _, e := range got {
		if w, ok := e.(WriteFence); !ok || w.Record.Epoch != 5 {
			t.Fatalf("got %+v", e)
		}
	}
}

// quiet is a settled world in which somebody has put something into the cart, and an owner in office.
func quiet(t *testing.T) (*world, *owner) {
	t.Helper()
	w := newWorld(t, 1)
	w.add(&event.Event{Kind: event.KindTrack, Name: "cart", ID: "e0", Person: "p0", EventAt: w.now, AcceptedAt: w.now}, w.now)
	w.settle(t)
	return w, w.settle(t)
}

func (o *owner) turns(n int) {
	for range n {
		o.turn()
	}
}

func TestWake_FiresTheDeadlinesOfAQuietLogAfterARestart(t *testing.T) {
	w, o := quiet(t)
	before := len(w.outputs[Transitions].records)
	w.now += 6 * minute
	o.turns(2_000)
	for _, r := range w.outputs[Transitions].records[before:] {
		if r.tr != nil && r.tr.Cohort == "abandoner" && r.tr.Op == cohort.OpEnter {
			return
		}
	}
	t.Fatal("the cart was left five minutes ago, and nobody has noticed")
}

func TestWake_GoesOnWhenTheClockIsSetBack(t *testing.T) {
	w, o := quiet(t)
	w.now += 20 * minute
	o.turns(2_000)
	w.now -= 20 * minute
	w.add(&event.Event{Kind: event.KindTrack, Name: "order", ID: "e1", Person: "p0", EventAt: w.now, AcceptedAt: w.now}, w.now)
	o.turns(2_000)
	if _, _, committed := o.m.Position(); committed != int64(len(w.log)) || o.dead {
		t.Fatalf("committed up to %d of %d, %+v", committed, len(w.log), o.end)
	}
}

// Who sleeps for longer than the broker remembers producers is not fenced any more.
func TestWake_EndsATenureThatWasHeldUp(t *testing.T) {
	w, o := quiet(t)
	o.step(Wake{Now: w.now + 40*minute})
	if !o.dead || o.end.Class != Ambiguous {
		t.Fatalf("got %+v", o.end)
	}
}

// Its epoch is from before, however little it has done under it.
func TestWake_EndsATenureThatWasHeldUpWhileItBegan(t *testing.T) {
	m := New(Config{})
	m.Step(Begin{Now: 1})
	m.Step(EpochTaken{ProducerID: 7, Epoch: 4})
	got := m.Step(Wake{Now: 40 * minute})
	if len(got) != 1 {
		t.Fatalf("got %+v, want its end", got)
	}
	if end, ok := got[0].(End); !ok || end.Class != Ambiguous || end.Final {
		t.Fatalf("got %+v", got)
	}
	if got := m.Step(TailPeeked{Output: Transitions, Empty: true}); got != nil {
		t.Fatalf("and goes on: %+v", got)
	}
}

func TestFetched_TakesWhatIsNewInAnOverlap(t *testing.T) {
	w, o := quiet(t)
	from := int64(len(w.log))
	for range 3 {
		w.add(&event.Event{Kind: event.KindTick}, w.now)
	}
	o.step(Fetched{Records: w.log[from : from+1], From: from, Next: from + 1, End: from + 3})
	o.step(Fetched{Records: w.log[from:], From: from, Next: from + 3, End: from + 3})
	o.position = from + 3
	o.turns(500)
	if at, _, _ := o.m.Position(); at != from+3 {
		t.Fatalf("at offset %d, want %d", at, from+3)
	}
}

// Without a checkpoint nobody knows of which offset the people in the store are, and the next answer may come
// from a node that this owner has never written to: until the first commit is answered nothing is read.
func TestRebuild_ReadsNothingFromAStoreWithoutACheckpoint(t *testing.T) {
	w := newWorld(t, 1)
	w.faults = false
	add := func(name, person string) {
		w.add(&event.Event{Kind: event.KindTrack, Name: name, ID: person, Person: person, EventAt: w.now, AcceptedAt: w.now}, w.now)
	}
	w.catalogue("rules")
	add("order", "p0")
	o := w.begin()
	for o.m.commit == nil || !o.m.commit.asked {
		o.turn()
		if o.dead {
			t.Fatalf("ended: %+v", o.end)
		}
	}
	from := o.position
	o.later = nil  // the commit is not answered
	clock := w.now // the log runs ahead of it
	w.now += 240 * minute
	add("order", "p1")
	w.now += 240 * minute
	add("view", "p0")
	o.position = int64(len(w.log))
	o.step(Fetched{Records: w.log[from:], From: from, Next: o.position, End: o.position})
	for o.m.Ready() {
		o.step(Continue{Now: clock})
	}
	if at, _, _ := o.m.Position(); at != o.position || o.m.waiting != nil {
		t.Fatalf("at offset %d of %d, waits for %T", at, o.position, o.m.waiting)
	}
}

// What was lost together with its checkpoint counts for nothing, and none of it is left.
func TestRebuild_EndsWhereItWasOverAStoreThatLostItsCheckpoint(t *testing.T) {
	w := newWorld(t, 1)
	w.live(40)
	w.settle(t)
	want := w.store.clone()
	w.store.checkpoint = nil
	for _, key := range append(slices.Collect(maps.Keys(w.store.people)), "nobody") {
		w.store.people[key] = []byte("of no known offset")
	}
	for id := range w.store.buckets {
		w.store.buckets[id] = []byte("of no known offset")
	}
	w.settle(t)
	if diff := cmp.Diff(want.people, w.store.people); diff != "" {
		t.Fatalf("people (-before +rebuilt):\n%s", diff)
	}
}
