package planning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/schemas"
)

const (
	hour = int64(3_600_000)
	day  = 24 * hour
)

func load(t testing.TB, text string) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// world is the state of a flow of one slice for each partition.
type world struct {
	checkpoints []partition.Checkpoint // Offset 0 = there is none
	people      []map[string][]byte
	fail        []error // of the next loads
	loads       int
	onLoad      func(w *world)
	text        string           // catalogue in the log, at offset 0
	texts       map[int32]string // where a partition has another
}

func (w *world) checkpoint(p int32) []byte {
	if int(p) >= len(w.checkpoints) || w.checkpoints[p].Offset == 0 {
		return nil
	}
	return w.checkpoints[p].Append(nil)
}

func (w *world) Checkpoint(_ context.Context, p int32) ([]byte, error) { return w.checkpoint(p), nil }

func (w *world) LoadSlice(_ context.Context, p int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	w.loads++
	if w.onLoad != nil {
		w.onLoad(w)
	}
	if len(w.fail) > 0 {
		err, w.fail = w.fail[0], w.fail[1:]
		return nil, nil, nil, err
	}
	for key, blob := range w.people[p] {
		if len(key)%2 == slice%2 {
			keys, blobs = append(keys, key), append(blobs, blob)
		}
	}
	return w.checkpoint(p), keys, blobs, nil
}

func (w *world) ReadAt(_ context.Context, _ string, p int32, offsets []int64) ([]kafkaio.Record, error) {
	text := w.text
	if other, ok := w.texts[p]; ok {
		text = other
	}
	if offsets[0] != 0 || text == "" {
		return nil, nil
	}
	v, _ := schemas.Newest(schemas.EventsSubject)
	return []kafkaio.Record{{Value: avrocodec.AppendEvent(nil, v.ID, &event.Event{
		Kind: event.KindCatalog, Properties: event.Properties{Nested: map[string]string{"catalogue": text}},
	})}}, nil
}

func (w *world) Offsets(context.Context, string, int32) (int64, int64, error) { return 0, 12, nil }

// somebody makes the state of a person to whom events happened at the given instants.
func somebody(t testing.TB, c *catalogue.Catalogue, key, name string, instants ...int64) []byte {
	t.Helper()
	var p cohort.Person
	var out cohort.Decisions
	if err := c.Program.Decode(key, nil, &p); err != nil {
		t.Fatal(err)
	}
	for i, at := range instants {
		e := event.Event{Kind: event.KindTrack, Name: name}
		c.Program.Apply(&p, &cohort.Observation{Patterns: c.Program.Match(&e), At: at, AcceptedAt: at, ID: fmt.Sprint(key, i)}, at, &out)
	}
	if p.Armed = c.Program.NextDeadline(&p); p.Armed == cohort.Never {
		p.Armed = 0
	}
	return c.Program.Append(nil, &p)
}

const orders = `version: 1
events: {order: {names: [order]}}
cohorts: [{key: recent, when: {did: {event: order, within: 7d}}}]
audiences: [{key: spare, cohort: recent, mode: exclude, platforms: [meta], reason: RECENT_PURCHASE}]
deliver: {saleswings: {cohorts: [recent]}}
`

// edited has another window.
func edited(within string) string { return strings.Replace(orders, "within: 7d", "within: "+within, 1) }

// flow is two partitions with two people each and one without state; log time is ten days.
func flow(t testing.TB) (*world, Config) {
	t.Helper()
	old := load(t, orders)
	w := &world{text: orders}
	for p := range 2 {
		w.checkpoints = append(w.checkpoints, partition.Checkpoint{Offset: 10, LogTime: 10 * day, Catalogue: old.Program.Revision()})
		a, b := fmt.Sprint("a", p), fmt.Sprint("bb", p)
		w.people = append(w.people, map[string][]byte{a: somebody(t, old, a, "order", 9*day), b: somebody(t, old, b, "order", 5*day)})
	}
	w.checkpoints, w.people = append(w.checkpoints, partition.Checkpoint{}), append(w.people, nil)
	decoder, err := avrocodec.NewResolver(avrocodec.NewEmbedded())
	if err != nil {
		t.Fatal(err)
	}
	return w, Config{Next: load(t, edited("3d")), Store: w, Slices: 2, Log: w, Decoder: decoder, Partitions: 3, AtOnce: 1, Examples: 1}
}

func plan(t *testing.T, cfg Config) *Plan {
	t.Helper()
	p, err := Make(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMake_CountsWhoWouldMove(t *testing.T) {
	_, cfg := flow(t)
	got := plan(t, cfg)
	want := []Cohort{{Cohort: "recent", Change: ChangeEdited, Now: 4, Leave: 2, After: 2, Leaving: []string{"bb0"}}}
	if diff := cmp.Diff(want, got.Cohorts); diff != "" {
		t.Errorf("cohorts (-want +got):\n%s", diff)
	}
	if got.People != 4 || got.PeopleMoved != 2 || !got.Decides {
		t.Errorf("got %d people of whom %d move, want 4 and 2", got.People, got.PeopleMoved)
	}
	lists := []List{
		{Destination: "meta", List: "spare", Mode: "exclude", Removes: 2},
		{Destination: "saleswings", List: "recent", Removes: 2},
	}
	if diff := cmp.Diff(lists, got.Lists); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	if d := got.Destinations[1]; d.Requests != 1 || *d.Takes != 50 {
		t.Errorf("SalesWings: got %+v, want one request, which is 50 ms at 20 a second", d)
	}
	if p := got.Partitions; p[2].State != StateNone || p[0].State != StateOther || *p[0].Lag != 2 || p[0].At != 10*day {
		t.Errorf("partitions: %+v, want two behind by 2 records, and one without state", p)
	}
}

// By the wall clock deadlines that are due until then come first: they are no part of the change.
func TestMake_WhatIsDueAnywayIsNotTheChange(t *testing.T) {
	_, cfg := flow(t)
	cfg.At = 12*day + 2 // of the two who ordered on the fifth day the week is over
	got := plan(t, cfg)
	if c := got.Cohorts[0]; c.Now != 2 || c.Leave != 2 || got.Partitions[0].At != cfg.At {
		t.Errorf("got %+v, want two members left, who leave by the change", c)
	}
	cfg.At = 12 * day // at the instant itself the deadline is still open, and the change finds them inside
	if c := plan(t, cfg).Cohorts[0]; c.Now != 4 || c.Leave != 4 {
		t.Errorf("at the instant of a deadline: got %+v, want that the change itself moves all four", c)
	}
}

func TestMake_InForceAlreadyMovesNobodyButBySweep(t *testing.T) {
	w, cfg := flow(t)
	cfg.Next = load(t, orders)
	if got := plan(t, cfg); got.PeopleMoved != 0 || got.Decides || got.Partitions[0].State != StateCurrent {
		t.Errorf("got %d who move, want nobody", got.PeopleMoved)
	}
	// A sweep is under way, and has done the first of two slices: those whom the change
	// takes out are in the second.
	cfg.Next, w.text = load(t, edited("3d")), edited("3d")
	sweep := func(next int32) {
		for p := range w.checkpoints[:2] {
			c := &w.checkpoints[p]
			c.Catalogue, c.Sweep, c.Change = cfg.Next.Program.Revision(), next, partition.Change{Review: []string{"recent"}}
		}
	}
	sweep(2)
	got := plan(t, cfg)
	if got.PeopleMoved != 2 || got.Cohorts[0].Leave != 2 || got.Decides || *got.Partitions[0].Sweep != 1 {
		t.Errorf("during the sweep: got %d who move, want the two that it will take out", got.PeopleMoved)
	}
	// A sweep that tells members once more, since their cohort has warmed, moves nobody.
	sweep(1)
	for p := range w.checkpoints[:2] {
		w.checkpoints[p].Change = partition.Change{Warmed: []string{"recent"}}
	}
	if got = plan(t, cfg); got.PeopleMoved != 0 || got.Cohorts[0].Enter+got.Cohorts[0].Leave > 0 || got.Lists[1].Adds != 4 {
		t.Errorf("members told once more: got %+v and %+v, want that nobody moves and SalesWings is sent all four", got.Cohorts[0], got.Lists[1])
	}
	sweep(0)
	if got = plan(t, cfg); got.PeopleMoved != 0 || got.Partitions[0].Sweep != nil {
		t.Errorf("after it: got %d who move, want nobody", got.PeopleMoved)
	}
}

// While a change goes from partition to partition, each is planned from what is in force there.
func TestMake_PartitionsMayDiffer(t *testing.T) {
	w, cfg := flow(t)
	w.texts = map[int32]string{1: edited("6d")}
	w.checkpoints[1].Catalogue = load(t, edited("6d")).Program.Revision()
	w.checkpoints[1].Sweep = 1
	got := plan(t, cfg)
	want := []InForce{{Catalogue: load(t, orders).Program.Revision(), Partitions: []int32{0}}, {Catalogue: w.checkpoints[1].Catalogue, Partitions: []int32{1}}}
	if diff := cmp.Diff(want, got.InForce); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if c := got.Cohorts[0]; c.Now != 4 || c.Leave != 2 {
		t.Errorf("got %+v, want that both partitions lose one member", c)
	}
	var text strings.Builder
	if err := got.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"(in partition 0) and ", "partition 1: catalogue " + w.checkpoints[1].Catalogue + " is in force there",
		"partition 1: a sweep after an earlier change is under way", "partition 2: no state",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	// Files in place of Kafka: one for each.
	cfg.Log, cfg.From = nil, []*catalogue.Catalogue{load(t, orders), load(t, edited("6d"))}
	if again := plan(t, cfg); again.PeopleMoved != got.PeopleMoved || len(again.InForce) != 2 || again.Partitions[0].Lag != nil {
		t.Errorf("from files: got %+v", again)
	}
}

func TestMake_ErrorsSayWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *Config)
		want   string
	}{
		"lost":      {func(w *world, _ *Config) { w.text = "" }, "give its file with --from"},
		"none":      {func(w *world, _ *Config) { w.checkpoints[1].CatalogueAt = -1 }, "wait until the processor"},
		"newer":     {func(w *world, _ *Config) { w.text = "version: 9" }, "bring cohortctl to the processor's release"},
		"no source": {func(_ *world, c *Config) { c.Log = nil }, "name Kafka with --kafka-brokers"},
		"from":      {func(_ *world, c *Config) { c.From = []*catalogue.Catalogue{c.Next} }, "which --from does not give"},
		"count":     {func(_ *world, c *Config) { c.Partitions = 1 }, "give --partitions the number"},
		"damaged":   {func(w *world, _ *Config) { w.people[0]["a0"] = []byte{99} }, "bring cohortctl to the processor's release"},
		"moved":     {func(w *world, _ *Config) { w.onLoad = func(w *world) { w.checkpoints[1].Catalogue = "another" } }, ErrMoved.Error()},
		"refused":   {func(w *world, _ *Config) { w.fail = []error{errors.New("NOAUTH")} }, "NOAUTH"},
	} {
		w, cfg := flow(t)
		c.change(w, &cfg)
		if _, err := Make(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestMake_WaitsForRedisAndKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, cfg := flow(t)
		w.fail = []error{redisstate.ErrUnavailable, redisstate.ErrUnavailable}
		cfg.Rate = 1 // a person a second
		var told []Progress
		cfg.Progress = func(p Progress) { told = append(told, p) }
		begun := time.Now()
		got := plan(t, cfg)
		// Two pauses of 0.2 and 0.4 s, and a second for each person but those of the last slice.
		if took := time.Since(begun); took != 3600*time.Millisecond || got.People != 4 || w.loads != 6 {
			t.Errorf("took %s for %d people and %d loads, want 3.6s, 4 and 6", took, got.People, w.loads)
		}
		if last := told[len(told)-1]; len(told) != 4 || last.People != 4 || last.Slices != last.Of || last.Eta != 0 {
			t.Errorf("progress: %+v", told)
		}
	})
	w, cfg := flow(t)
	w.fail = slices.Repeat([]error{redisstate.ErrUnavailable}, attempts)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := Make(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the end of the context", err)
	}
}

func TestMake_ListsTellWhoIsLeftOutAndLeftBehind(t *testing.T) {
	_, cfg := flow(t)
	cfg.Next = load(t, strings.NewReplacer(
		"platforms: [meta]", "platforms: [google]", // a platform that is sent to for the first time
		"cohorts: [recent]}}\n", "cohorts: [other]}}\n",
		"cohorts: [{key: recent", "cohorts: [{key: other, when: {member: recent}}, {key: recent",
	).Replace(orders))
	want := []List{
		// Its sink reads the transitions from their start.
		{Destination: "google", List: "spare", Mode: "exclude", Adds: 4},
		{Destination: "meta", List: "spare", Mode: "exclude", Stranded: 4, Dropped: true},
		// The cohort is new, so the sweep lets everybody enter it.
		{Destination: "saleswings", List: "other", Adds: 4},
		{Destination: "saleswings", List: "recent", Stranded: 4, Dropped: true},
	}
	if diff := cmp.Diff(want, plan(t, cfg).Lists); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	// Another audience over a cohort that stays as it is: nobody in it is sent.
	cfg.Next = load(t, strings.Replace(orders, "key: spare", "key: again", 1))
	want = []List{
		{Destination: "meta", List: "again", Mode: "exclude", Missing: 4},
		{Destination: "meta", List: "spare", Mode: "exclude", Leaving: 4, Dropped: true},
		{Destination: "saleswings", List: "recent"},
	}
	got := plan(t, cfg)
	if diff := cmp.Diff(want, got.Lists); diff != "" {
		t.Errorf("another audience (-want +got):\n%s", diff)
	}
	var text strings.Builder
	if err := got.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"decides as what is in force", "meta again: 4 people belong on it", "meta spare: 4 people stay on it", "partition 2: no state"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
}

func TestMake_ListsThatAreNoMoreAreEmptied(t *testing.T) {
	_, cfg := flow(t)
	// The cohort goes with its audience: whoever leaves it by that is taken off, while a sink writes for the platform.
	cfg.Next = load(t, strings.NewReplacer("key: recent", "key: newer", "key: spare, cohort: recent", "key: again, cohort: newer", "cohorts: [recent]", "cohorts: [newer]").Replace(orders))
	want := []List{
		{Destination: "meta", List: "again", Mode: "exclude", Adds: 4},
		{Destination: "meta", List: "spare", Mode: "exclude", Removes: 4, Dropped: true},
		{Destination: "saleswings", List: "newer", Adds: 4},
		{Destination: "saleswings", List: "recent", Stranded: 4, Dropped: true},
	}
	if diff := cmp.Diff(want, plan(t, cfg).Lists); diff != "" {
		t.Errorf("cohort and audience (-want +got):\n%s", diff)
	}
	// An expression makes the audience a cohort of its own, which everybody enters by the sweep.
	cfg.Next = load(t, strings.Replace(orders, "key: spare, cohort: recent", "key: again, when: {member: recent}", 1))
	want = []List{
		{Destination: "meta", List: "again", Mode: "exclude", Adds: 4},
		{Destination: "meta", List: "spare", Mode: "exclude", Leaving: 4, Dropped: true},
		{Destination: "saleswings", List: "recent"},
	}
	if diff := cmp.Diff(want, plan(t, cfg).Lists); diff != "" {
		t.Errorf("an expression (-want +got):\n%s", diff)
	}
}

func TestMake_SaysWhatIsNotKnownInFull(t *testing.T) {
	_, cfg := flow(t)
	cfg.Next = load(t, strings.Replace(orders, "cohorts: [{", `cohorts: [{key: twice, when: {did: {event: order, at_least: 2, within: 30d}}}, `+
		`{key: ever, when: {did: {event: order, at_least: 3}}}, {key: gold, when: {attribute: attributes.tier == "gold"}}, {`, 1))
	got := plan(t, cfg)
	want := []Warming{{Cohort: "twice", Until: 40 * day}, {Cohort: "ever", Until: cohort.Forever, Forever: true}}
	if diff := cmp.Diff(want, got.Warming); diff != "" {
		t.Errorf("warming (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Untold{{"gold", []string{"tier"}}}, got.Untold); diff != "" {
		t.Errorf("untold (-want +got):\n%s", diff)
	}
}

func TestDifferences_AreToldInTheWordsOfTheFile(t *testing.T) {
	next := strings.NewReplacer(
		"names: [order]", "names: [order, purchase]", "within: 7d", "within: 9d", "}}}]\naudiences: [{key: spare", "}}, name: Recent}]\naudiences: [{key: guard",
	).Replace(orders)
	want := []Change{
		{Kind: "cohort", Key: "recent", Change: ChangeEdited, Details: []string{"name: Recent (new)", "when.did.within: 7d → 9d"}, Decides: true},
		{Kind: "audience", Key: "guard", Change: ChangeNew, Details: []string{}},
		{Kind: "audience", Key: "spare", Change: ChangeRemoved, Details: []string{}},
		{Kind: "event", Key: "order", Change: ChangeEdited, Details: []string{"names: [order] → [order, purchase]"}},
	}
	if diff := cmp.Diff(want, Differences(load(t, orders), load(t, next))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The event alone is another: the cohort follows it.
	got := Differences(load(t, orders), load(t, strings.Replace(orders, "names: [order]", "names: [bought]", 1)))
	if len(got) != 2 || got[0].Change != ChangeFollows || !got[0].Decides {
		t.Errorf("got %+v, want that the cohort follows its event", got)
	}
	if got := Differences(load(t, orders), load(t, orders)); len(got) > 0 {
		t.Errorf("of one file got %+v", got)
	}
}

func BenchmarkPerson(b *testing.B) {
	_, cfg := flow(b)
	old := &inForce{Catalogue: load(b, orders)}
	s := &stage{old: old, before: old.Program, at: 10 * day}
	s.change = partition.Between(s.before, cfg.Next.Program, s.at)
	s.after = s.change.Apply(cfg.Next.Program)
	blob := somebody(b, old.Catalogue, "a", "order", 4*day, 5*day, 6*day)
	t := newTally(listsOf([]*stage{s}, cfg.Next), 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := t.person(s, "a", blob, s.at, s.at, true); err != nil {
			b.Fatal(err)
		}
	}
}
