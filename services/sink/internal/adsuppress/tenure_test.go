package adsuppress

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed/feedtest"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
)

type journal struct {
	mu    sync.Mutex
	full  bool
	lines []string
	texts []string // messages of the same
	dead  []string
}

func (j *journal) Full() bool { j.mu.Lock(); defer j.mu.Unlock(); return j.full }

func (j *journal) Receipt(_ int32, t *cohort.Transition, o receipts.Outcome, _ func(error)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, avrocodec.FormatID(t.ID)+" "+o.Outcome)
	j.texts = append(j.texts, o.Message)
}

func (j *journal) DeadLetter(_ int32, _ []byte, id string, _ []byte, reason string, _ int, _ func(error)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.dead = append(j.dead, id+" "+reason)
}

var testAudiences = []catalogue.Audience{
	{Key: "b_recent", Cohort: "recent", Mode: catalogue.ModeExclude, Platforms: []string{"meta"}, Reason: "RECENT_PURCHASE"},
	{Key: "a_protect", Cohort: "recent", Mode: catalogue.ModeExclude, Platforms: []string{"google", "meta"}, Reason: "CUSTOMER"},
	{Key: "c_recent", Cohort: "recent", Mode: catalogue.ModeExclude, Platforms: []string{"meta"}, Reason: "MANUAL"},
	{Key: "vip", Cohort: "vip", Mode: catalogue.ModeExclude, Platforms: []string{"meta"}, Reason: "CUSTOMER"},
	{Key: "hunt", Cohort: "cart", Mode: catalogue.ModeTarget, Platforms: []string{"meta"}},
}

var transitionsID = avrocodec.NewEmbedded().ID(schemas.TransitionsSubject)

// told is the receipts so far.
func (j *journal) told() []string { j.mu.Lock(); defer j.mu.Unlock(); return slices.Clone(j.lines) }

// last is the message of the newest receipt.
func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.texts) == 0 {
		return ""
	}
	return j.texts[len(j.texts)-1]
}

func (j *journal) buried() []string { j.mu.Lock(); defer j.mu.Unlock(); return slices.Clone(j.dead) }

func (j *journal) fill() { j.mu.Lock(); defer j.mu.Unlock(); j.full = true }

type rig struct {
	t       *testing.T
	input   *feedtest.Log
	output  *cluster
	journal *journal
	keys    *seal.Keys
	s       *Suppressor
	feed    *feed.Feed
	stop    func()
	offset  int64
	version map[string]int64
	want    []string
	retired map[string][]string // audiences that there were, by cohort
	decoder *avrocodec.Resolver
	cfg     Config
}

func newRig(t *testing.T, output *cluster, change func(*Config)) *rig {
	t.Helper()
	keys, err := seal.NewKeys([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, input: feedtest.New(1), output: output, journal: &journal{}, keys: keys, version: map[string]int64{}, retired: map[string][]string{}}
	if r.decoder, err = avrocodec.NewResolver(avrocodec.NewEmbedded()); err != nil {
		t.Fatal(err)
	}
	r.cfg = Config{Platform: "meta", Owner: "test"}
	if change != nil {
		change(&r.cfg)
	}
	r.deploy(testAudiences)
	r.start()
	return r
}

// deploy has the next start work by a catalogue with these audiences.
func (r *rig) deploy(audiences []catalogue.Audience) {
	r.t.Helper()
	var err error
	r.s, err = New(r.cfg, Dependencies{
		Cluster: r.output, SchemaID: avrocodec.NewEmbedded().ID(schemas.SuppressionFamily), Journal: r.journal, Decoder: r.decoder, Keys: r.keys,
		Catalogue: &catalogue.Catalogue{Audiences: audiences}, Metrics: instruments.New(metricnoop.Meter{}, "ads.meta", "suppressed"),
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r.feed = feed.New(feed.Config{Topic: "t", Group: "g"}, r.input, r.input, r.input, r.s.Work, slog.New(slog.DiscardHandler))
	go func() {
		defer close(ended)
		if err := r.feed.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	r.stop = func() { cancel(); <-ended }
}

// change appends a transition and notes what the output has to say of it.
func (r *rig) change(person, cohortKey string, entered bool, edit ...func(*cohort.Transition)) string {
	r.version[person]++
	t := cohort.Transition{
		ID: cohort.ID{Offset: r.offset / 3, Ordinal: int32(r.offset % 3)}, Op: cohort.OpExit, Person: person, Cohort: cohortKey, Catalogue: "c1",
		EffectiveAt: 1_700_000_000_000 + r.offset, DecidedAt: 1_700_000_000_000, ValidUntil: 1_800_000_000_000, Reason: "event",
		Version: r.version[person], AcceptedAt: 1, SourceID: "e1", Contacts: [][]byte{r.keys.Seal(seal.KindEmail, person+"@example.com")},
	}
	r.offset++
	if entered {
		t.Op = cohort.OpEnter
	}
	for _, e := range edit {
		e(&t)
	}
	r.input.Append(0, person, avrocodec.AppendTransition(nil, transitionsID, &t))
	id := avrocodec.FormatID(t.ID)
	for _, a := range r.s.of(&t) {
		if t.Elapsed || t.Op == cohort.OpErased || t.Op == cohort.OpExit && t.Reason == cohort.ReasonContactsChanged && len(t.Contacts) == 0 {
			break
		}
		op := "RELEASE"
		if entered {
			op = "SUPPRESS"
		}
		r.want = append(r.want, fmt.Sprintf("%s %s %s v%d", id, a.Key, op, t.Version))
		if !entered && (t.Reason == cohort.ReasonErased || t.Reason == cohort.ReasonMerged) {
			r.want = append(r.want, "tombstone "+a.Key)
		}
	}
	if !entered && !t.Elapsed && !t.GoesOn() {
		for _, key := range r.retired[cohortKey] {
			r.want = append(r.want, fmt.Sprintf("%s %s RELEASE v%d", id, key, t.Version), "tombstone "+key)
		}
	}
	return id
}

// swapContacts appends the exit and the entry of a change of contacts; the exit gives up
// the one that there was, or none.
func (r *rig) swapContacts(person, cohortKey string, givesUp bool) {
	r.change(person, cohortKey, false, func(t *cohort.Transition) {
		t.Reason = cohort.ReasonContactsChanged
		if !givesUp {
			t.Contacts = nil
		}
	})
	r.change(person, cohortKey, true, func(t *cohort.Transition) {
		t.Reason = cohort.ReasonContactsChanged
		t.Contacts = [][]byte{r.keys.Seal(seal.KindEmail, "new."+person+"@example.com")}
	})
}

// wrote is what was ever written, watermarks left out.
func (r *rig) wrote() (out []string) {
	for _, rec := range r.output.records() {
		if string(rec.Key) == watermarkKey {
			continue
		}
		if rec.Value == nil {
			out = append(out, "tombstone "+strings.Split(string(rec.Key), "|")[1])
			continue
		}
		s := r.decode(rec.Value)
		out = append(out, fmt.Sprintf("%s %s %s v%d", s.TransitionID, s.Audience, s.Op, s.Version))
	}
	return out
}

func (r *rig) decode(value []byte) (s avrocodec.Suppression) {
	r.t.Helper()
	if _, err := avrocodec.DecodeSuppression(value, &s, nil); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) lastMark() (w cohort.Watermark, at int) {
	r.t.Helper()
	all := r.output.records()
	for i, rec := range slices.Backward(all) {
		if string(rec.Key) == watermarkKey {
			var s avrocodec.Suppression
			if _, err := avrocodec.DecodeSuppression(rec.Value, &s, &w); err != nil {
				r.t.Fatal(err)
			}
			return w, i
		}
	}
	r.t.Fatal("no watermark")
	return w, 0
}

func healthy(seed uint64) *cluster {
	c := newCluster(seed)
	c.heal()
	return c
}

func TestWork_WritesTheStateOfEachAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		id := r.change("u1", "recent", true)
		r.change("u1", "cart", true) // a target list is not our business
		r.change("u1", "recent", false)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		rec := r.output.records()[1]
		got := r.decode(rec.Value)
		emitted := got.EmittedAt
		want := avrocodec.Suppression{
			Op: "SUPPRESS", Tenant: "default", Audience: "a_protect", Platform: "meta", Subject: r.keys.Subject("u1"), Cohort: "recent",
			Catalogue: "c1", Version: 1, EffectiveAt: 1_700_000_000_000, EmittedAt: emitted, ExpiresAt: 1_800_000_000_000, Reason: "CUSTOMER",
			Identifiers: []avrocodec.Identifier{{
				Type: "email", Rule: "META", RulesVersion: 1, Encoding: "hex",
				Value: "7a8c2a0f2e2f5d3a",
			}}, TransitionID: id, SourceID: "e1", AcceptedAt: 1,
		}
		want.Identifiers[0].Value = got.Identifiers[0].Value // the digests have tests of their own
		if len(want.Identifiers[0].Value) != 64 {
			t.Errorf("identifier %+v", got.Identifiers)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if want := "default|a_protect|" + r.keys.Subject("u1"); string(rec.Key) != want || strings.Contains(string(rec.Key), "u1") {
			t.Errorf("key %s, want %s", rec.Key, want)
		}
		if release := r.decode(r.output.records()[4].Value); release.Op != "RELEASE" || release.ExpiresAt != 0 || len(release.Identifiers) != 1 {
			t.Errorf("release %+v", release)
		}
		if diff := cmp.Diff([]string{id + " delivered", "0-0-2 delivered"}, r.journal.told()); diff != "" {
			t.Errorf("receipts (-want +got)\n%s", diff)
		}
	})
}

func TestWork_ReleasesBeforeTheTombstoneWhenAPersonIsErased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.change("u1", "vip", true)
		r.change("u1", "vip", false, func(t *cohort.Transition) { t.Reason = cohort.ReasonErased })
		r.change("u2", "vip", true, func(t *cohort.Transition) { t.Contacts = nil })
		r.change("u2", "vip", false, func(t *cohort.Transition) { t.Contacts = nil })
		r.change("u3", "vip", true, func(t *cohort.Transition) { t.Elapsed = true })
		time.Sleep(time.Minute)
		want := []string{"0-0-0 vip SUPPRESS v1", "0-0-1 vip RELEASE v2", "tombstone vip", "0-0-2 vip SUPPRESS v1", "0-1-0 vip RELEASE v2"}
		if diff := cmp.Diff(want, r.wrote()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if s := r.decode(r.output.records()[2].Value); s.Reason != "ERASURE" || len(s.Identifiers) != 1 {
			t.Errorf("the release of the erased: %+v", s)
		}
		if told := r.journal.told(); told[len(told)-1] != "0-1-1 skipped" {
			t.Errorf("receipts, the elapsed last: %v", told)
		}
	})
}

func TestWork_MarksHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		time.Sleep(time.Second)
		if w, at := r.lastMark(); at != 0 || w.Processed != 0 || w.Last.Offset != -1 || w.Owner != "test" {
			t.Errorf("the fence at %d: %+v", at, w)
		}
		r.change("u1", "vip", true)
		r.change("u1", "cart", true)
		time.Sleep(10 * time.Second)
		if w, _ := r.lastMark(); w.Processed != 2 || w.Last != (cohort.ID{}) {
			t.Errorf("while busy: %+v", w)
		}
		before := len(r.output.records())
		time.Sleep(time.Hour + time.Minute)
		if beats := len(r.output.records()) - before; beats != 4 {
			t.Errorf("%d heartbeats in an hour of silence, want 4", beats)
		}
		if r.input.Committed(0) != 2 {
			t.Errorf("shown position %d", r.input.Committed(0))
		}
		r.change("u1", "cart", false)
		time.Sleep(10 * time.Millisecond)
		r.stop() // in good order: the next one has nothing to read again
		if w, _ := r.lastMark(); w.Processed != 3 {
			t.Errorf("at the end: %+v", w)
		}
		r.start()
	})
}

func TestWork_FillingReceiptsDoNotHoldUpSuppression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.journal.fill()
		r.change("u1", "vip", true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" || len(r.journal.told()) != 0 {
			t.Errorf("(-want +got)\n%s%v", diff, r.journal.told())
		}
	})
}

func TestWork_StopsAtAGapUnlessItIsAccepted(t *testing.T) {
	for _, accept := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, healthy(1), func(c *Config) { c.AcceptGaps = accept })
			defer func() { r.stop() }()
			r.change("u1", "vip", true)
			time.Sleep(time.Minute)
			r.stop()
			for range 5 {
				r.change("u1", "vip", false)
			}
			r.input.Trim(0, 4)
			r.start()
			time.Sleep(time.Minute)
			if accept {
				if n := len(r.wrote()); n != 3 || r.feed.Ready() != nil {
					t.Errorf("%d records, want 3; ready %v", n, r.feed.Ready())
				}
				return
			}
			if err := r.feed.Ready(); err == nil || !strings.Contains(err.Error(), "accept-gaps") || len(r.wrote()) != 1 {
				t.Errorf("ready says %v, %d records", err, len(r.wrote()))
			}
		})
	}
}

func TestWork_AnUnreadableRecordStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, healthy(1), nil)
		defer func() { r.stop() }()
		r.input.Append(0, "u1", []byte{0, 0, 0, 0, byte(transitionsID), 0xff})
		r.change("u1", "vip", true)
		time.Sleep(time.Minute)
		if diff := cmp.Diff(r.want, r.wrote()); diff != "" || len(r.journal.buried()) != 1 {
			t.Errorf("(-want +got)\n%s%v", diff, r.journal.buried())
		}
	})
}

// Whatever is lost, late, repeated, compacted or taken over: every record is written
// once and in order.
func TestWork_WritesEveryRecordOnceInOrderUnderFaults(t *testing.T) {
	runs := uint64(400)
	if testing.Short() {
		runs = 40
	}
	faults := map[string]int{}
	for seed := range runs {
		synctest.Test(t, func(t *testing.T) {
			out := newCluster(seed)
			r := newRig(t, out, func(c *Config) { c.Busy = 50 * time.Millisecond })
			people, cohorts := []string{"u1", "u2", "u3"}, []string{"recent", "vip", "cart"}
			in := map[string]bool{}
			for range 60 {
				person, key := people[out.draw(3)], cohorts[out.draw(3)]
				in[person+key] = !in[person+key]
				r.change(person, key, in[person+key], func(tr *cohort.Transition) {
					if !in[person+key] && out.draw(4) == 0 {
						tr.Reason = []string{cohort.ReasonErased, cohort.ReasonMerged}[out.draw(2)]
					}
				})
				if in[person+key] && out.draw(8) == 0 {
					r.swapContacts(person, key, out.draw(2) == 0)
				}
				switch out.draw(12) {
				case 0:
					r.input.Rebalance(0)
				case 1:
					out.compact()
				case 2:
					r.stop()
					time.Sleep(time.Duration(out.draw(2000)) * time.Millisecond)
					r.start()
				case 3, 4, 5:
					time.Sleep(time.Duration(out.draw(400)) * time.Millisecond)
				}
			}
			time.Sleep(time.Second)
			out.heal()
			time.Sleep(time.Minute)
			r.stop()
			if diff := cmp.Diff(r.want, r.wrote()); diff != "" {
				t.Errorf("seed %d, faults %v: (-want +got)\n%s", seed, out.drawn(), diff)
			}
			for name, n := range out.drawn() {
				faults[name] += n
			}
		})
		if t.Failed() {
			return
		}
	}
	for _, name := range []string{"epoch", "read", "fence lost", "request lost", "answer lost", "request late"} {
		if faults[name] == 0 {
			t.Errorf("no fault %q was drawn: the test does not test", name)
		}
	}
	t.Logf("faults in %d runs: %v", runs, faults)
}
