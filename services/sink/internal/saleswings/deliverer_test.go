package saleswings

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink/internal/delivery"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed"
	"github.com/cohortflow/cohortflow/services/sink/internal/feed/feedtest"
	"github.com/cohortflow/cohortflow/services/sink/internal/instruments"
	"github.com/cohortflow/cohortflow/services/sink/internal/receipts"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

// journal keeps what is written and acknowledges at once, unless it is blocked.
type journal struct {
	mu      sync.Mutex
	lines   []string
	texts   []string // messages of the same
	dead    []string
	blocked bool
	waiting []func(error)
}

func (j *journal) Room(context.Context) error { return nil }

func (j *journal) Receipt(_ int32, t *cohort.Transition, o receipts.Outcome, done func(error)) {
	j.mu.Lock()
	j.lines = append(j.lines, fmt.Sprintf("%s %s %d", avrocodec.FormatID(t.ID), o.Outcome, o.Status))
	j.texts = append(j.texts, o.Message)
	j.ack(done)
}

func (j *journal) DeadLetter(_ int32, _ []byte, id string, _ []byte, reason string, _ int, done func(error)) {
	j.mu.Lock()
	j.dead = append(j.dead, id+" "+reason)
	j.ack(done)
}

// ack ends the lock that the caller holds.
func (j *journal) ack(done func(error)) {
	if j.blocked && done != nil {
		j.waiting = append(j.waiting, done)
		done = nil
	}
	j.mu.Unlock()
	if done != nil {
		done(nil)
	}
}

func (j *journal) block() { j.mu.Lock(); j.blocked = true; j.mu.Unlock() }

func (j *journal) release() {
	j.mu.Lock()
	waiting := j.waiting
	j.waiting, j.blocked = nil, false
	j.mu.Unlock()
	for _, done := range waiting {
		done(nil)
	}
}

func (j *journal) receipts() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

var transitionsID = avrocodec.NewEmbedded().ID(schemas.TransitionsSubject)

// rig is a feed of SalesWings over a log in memory. It lives in a synctest bubble.
type rig struct {
	t       *testing.T
	log     *feedtest.Log
	server  *saleswingstest.Server
	journal *journal
	d       *Deliverer
	keys    *seal.Keys
	feed    *feed.Feed
	version map[string]int64
	offset  int64
	stop    func()
}

func newRig(t *testing.T, change func(*Config)) *rig {
	t.Helper()
	keys, err := seal.NewKeys([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, log: feedtest.New(1), server: saleswingstest.New(testKey), journal: &journal{}, keys: keys, version: map[string]int64{}}
	cfg := Config{
		Client: ClientConfig{URL: "https://helium.example", APIKey: testKey, Transport: inProcess{r.server}},
		Gate:   delivery.GateConfig{Rate: 1000, RetryRate: 1000},
	}
	if change != nil {
		change(&cfg)
	}
	decoder, err := avrocodec.NewResolver(avrocodec.NewEmbedded())
	if err != nil {
		t.Fatal(err)
	}
	if r.d, err = New(cfg, Dependencies{
		Topic: "cohort.transitions.v1", Journal: r.journal, Decoder: decoder, Keys: keys,
		Metrics: instruments.New(metricnoop.Meter{}, Destination, Destination),
		Tracer:  tracenoop.NewTracerProvider().Tracer(""), Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	r.start()
	return r
}

func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r.feed = feed.New(feed.Config{Topic: "cohort.transitions.v1", Group: "g"}, r.log, r.log, r.log, r.d.Work, slog.New(slog.DiscardHandler))
	go func() {
		defer close(ended)
		if err := r.feed.Run(ctx); err != nil {
			r.t.Error(err)
		}
	}()
	r.stop = func() { cancel(); <-ended }
}

// change appends a transition of a person and returns its id.
func (r *rig) change(person, cohortKey string, entered bool, edit ...func(*cohort.Transition)) string {
	r.version[person]++
	t := cohort.Transition{
		ID: cohort.ID{Offset: 100 + r.offset}, Op: cohort.OpExit, Person: person, Cohort: cohortKey, Catalogue: "c",
		EffectiveAt: 1_700_000_000_000 + r.offset, DecidedAt: 1_700_000_000_000, Reason: "event", Version: r.version[person], AcceptedAt: 1,
		Contacts: [][]byte{r.keys.Seal(seal.KindCustomerID, person), r.keys.Seal(seal.KindEmail, person+"@example.com")},
	}
	r.offset++
	if entered {
		t.Op = cohort.OpEnter
	}
	for _, e := range edit {
		e(&t)
	}
	r.log.Append(0, person, avrocodec.AppendTransition(nil, transitionsID, &t))
	return avrocodec.FormatID(t.ID)
}

// settled lets time pass until everything appended is done and committed.
func (r *rig) settled(within time.Duration) {
	r.t.Helper()
	_, end, _ := r.log.Offsets(context.Background(), "", 0)
	deadline := time.Now().Add(within)
	for r.log.Committed(0) != end {
		if time.Now().After(deadline) {
			r.t.Fatalf("position %d of %d after %v; receipts %v", r.log.Committed(0), end, within, r.journal.receipts())
		}
		time.Sleep(10 * time.Millisecond) // fake time: the bubble's clock moves at once
	}
}

func (r *rig) sent() []string {
	var out []string
	for _, a := range r.server.Taken() {
		if a.Kind == "Identify" {
			out = append(out, "identify "+a.UserID)
			continue
		}
		out = append(out, fmt.Sprintf("%s %s v%v", a.Data, a.UserID, a.Values["version"]))
	}
	return out
}

func bubble(t *testing.T, change func(*Config), test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change)
		defer func() { r.stop() }()
		test(t, r)
	})
}

func TestWork_IntroducesOncePerPersonAndTellsEveryTransition(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		a := r.change("u1", "cart", true)
		r.settled(time.Minute)
		b := r.change("u1", "buyer", true)
		r.change("u2", "cart", true, func(t *cohort.Transition) { t.Contacts = nil })
		r.settled(time.Minute)
		want := []string{"identify u1", "Entered cart u1 v1", "Entered buyer u1 v2", "Entered cart u2 v1"}
		if diff := cmp.Diff(want, r.sent()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if r.server.Count(a) != 1 || r.server.Count(b) != 1 {
			t.Errorf("counts %v", r.server.Counts())
		}
		// A new email is a new introduction.
		r.change("u1", "cart", false, func(tr *cohort.Transition) {
			tr.Contacts = append(tr.Contacts, r.keys.Seal(seal.KindEmail, "new@example.com"))
		})
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{"identify u1", "Left cart u1 v3"}, r.sent()[len(want):]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestWork_SkipsElapsedAndForeignCohorts(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.d.wanted = func(key string) bool { return key != "private" }
		r.change("u1", "private", true)
		id := r.change("u1", "cart", true, func(t *cohort.Transition) { t.Elapsed = true })
		r.log.Append(0, "__watermark__", avrocodec.AppendTransitionWatermark(nil, transitionsID, &cohort.Watermark{Last: cohort.ID{Offset: -1}}))
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{id + " skipped 0"}, r.journal.receipts()); diff != "" || len(r.server.Requests()) != 0 {
			t.Errorf("(-want +got)\n%s%d requests", diff, len(r.server.Requests()))
		}
	})
}

func TestWork_RetriesUntilTaken(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Script(saleswingstest.Status(500), saleswingstest.RateLimited(7*time.Second), saleswingstest.Status(503))
		began := time.Now()
		id := r.change("u1", "cart", true, func(t *cohort.Transition) { t.Contacts = nil })
		r.settled(time.Minute)
		if took := time.Since(began); took < 7*time.Second {
			t.Errorf("taken after %v in spite of Retry-After: 7", took)
		}
		want := []string{id + " retrying 500", id + " retrying 429", id + " retrying 503", id + " delivered 202"}
		if diff := cmp.Diff(want, r.journal.receipts()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

func TestWork_SettlesAPartialFailureItemByItem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		none := func(t *cohort.Transition) { t.Contacts = nil }
		bad := "0-101-0"
		r.server.Always(saleswingstest.FailTransition(400, bad))
		r.server.Script(saleswingstest.FailItems(503, 0))
		a := r.change("u1", "cart", true, none)
		b := r.change("u2", "cart", true, none)
		c := r.change("u3", "cart", true, none)
		r.settled(time.Minute)
		if b != bad {
			t.Fatalf("the test means %s", b)
		}
		if got := r.server.Counts(); got[a] != 1 || got[b] > 1 || got[c] != 1 {
			t.Errorf("counts %v", got)
		}
		r.server.Always(nil)
		for _, line := range r.journal.receipts() {
			if strings.HasPrefix(line, b) && !strings.Contains(line, "dead_letter 400") && !strings.Contains(line, "delivered") {
				t.Errorf("receipt %s", line)
			}
		}
	})
}

func TestWork_SendsThePermanentlyRefusedToTheDeadLetters(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		none := func(t *cohort.Transition) { t.Contacts = nil }
		r.server.Always(saleswingstest.RefuseBatchWith("0-102-0")) // as a whole: only halving finds it
		for i := range 6 {
			r.change(fmt.Sprint("u", i), "cart", true, none)
		}
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{"0-102-0 status 400: Bad Request"}, r.journal.dead); diff != "" {
			t.Errorf("dead letters (-want +got)\n%s", diff)
		}
		if got := r.server.Counts(); len(got) != 5 || got["0-102-0"] != 0 {
			t.Errorf("counts %v", got)
		}
	})
}

func TestWork_HoldsEverythingWhileTheKeyIsWrong(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Always(saleswingstest.Status(401))
		id := r.change("u1", "cart", true)
		time.Sleep(24 * 4 * time.Hour)
		if err := r.d.Ready(); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("ready says %v", err)
		}
		if n := len(r.server.Requests()); n > 24*4*60*60/5 {
			t.Errorf("%d requests in four days", n)
		}
		r.server.Always(nil)
		r.settled(5 * time.Minute)
		if len(r.journal.dead) != 0 || r.server.Count(id) != 1 || r.d.Ready() != nil {
			t.Errorf("dead %v, counts %v, ready %v", r.journal.dead, r.server.Counts(), r.d.Ready())
		}
	})
}

func TestWork_JournalsAnAmbiguousAttemptBeforeItRepeats(t *testing.T) {
	for name, fault := range map[string]saleswingstest.Fault{"timeout": saleswingstest.TakeAndHang(), "reset": saleswingstest.TakeAndBreak()} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.server.Script(fault)
				r.journal.block()
				id := r.change("u1", "cart", true, func(t *cohort.Transition) { t.Contacts = nil })
				time.Sleep(30 * time.Second)
				if n := len(r.server.Requests()); n != 1 {
					t.Fatalf("%d requests before the journal kept the first", n)
				}
				if diff := cmp.Diff([]string{id + " ambiguous 0"}, r.journal.receipts()); diff != "" {
					t.Fatalf("(-want +got)\n%s", diff)
				}
				r.journal.release()
				r.settled(time.Minute)
				if r.server.Count(id) != 2 {
					t.Errorf("taken %d times, want 2: at least once, and on record", r.server.Count(id))
				}
			})
		})
	}
}

func TestWork_DoesNotCommitPastWhatIsUndeliveredOrUnjournalled(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		none := func(t *cohort.Transition) { t.Contacts = nil }
		r.server.Always(saleswingstest.FailTransition(500, "0-101-0"))
		r.change("u0", "cart", true, none)
		r.change("u1", "cart", true, none)
		r.change("u2", "cart", true, none)
		time.Sleep(time.Minute)
		if at := r.log.Committed(0); at != 1 {
			t.Errorf("committed %d while offset 1 is undelivered", at)
		}
		r.journal.block()
		r.server.Always(nil)
		time.Sleep(5 * time.Minute)
		if at := r.log.Committed(0); at != 1 || r.server.Count("0-101-0") != 1 {
			t.Errorf("committed %d while the receipt is not kept", at)
		}
		r.journal.release()
		r.settled(time.Minute)
	})
}

func TestWork_SupersedesWhatWaitsAndKeepsThePersonsOrder(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Always(saleswingstest.Status(500))
		none := func(t *cohort.Transition) { t.Contacts = nil }
		first := r.change("u1", "cart", true, none)
		r.change("u1", "buyer", true, none)
		time.Sleep(30 * time.Second)
		for i := range 20 {
			r.change("u1", "cart", i%2 == 1, none)
		}
		time.Sleep(30 * time.Second)
		r.server.Always(nil)
		r.settled(5 * time.Minute)
		if diff := cmp.Diff([]string{"Entered buyer u1 v2", "Entered cart u1 v22"}, r.sent()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		superseded := 0
		for _, line := range r.journal.receipts() {
			if strings.Contains(line, " superseded ") {
				superseded++
			}
		}
		if superseded != 20 || r.server.Count(first) != 0 {
			t.Errorf("%d receipts of superseded transitions, want 20", superseded)
		}
	})
}

func TestWork_RepeatsNothingAfterARebalance(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		none := func(t *cohort.Transition) { t.Contacts = nil }
		r.server.Always(saleswingstest.FailTransition(500, "0-100-0")) // keeps the position at the start
		for i := range 30 {
			r.change(fmt.Sprint("u", i), "cart", true, none)
		}
		time.Sleep(time.Minute)
		r.log.Rebalance()
		time.Sleep(time.Minute)
		if r.feed.Ready() != nil {
			t.Errorf("ready: %v", r.feed.Ready())
		}
		r.log.Rebalance(0)
		r.server.Always(nil)
		r.settled(5 * time.Minute)
		for id, n := range r.server.Counts() {
			if n != 1 {
				t.Errorf("%s was taken %d times", id, n)
			}
		}
		if n := len(r.server.Counts()); n != 30 {
			t.Errorf("%d transitions were taken, want 30", n)
		}
	})
}

func TestWork_LetsARequestEndWhenItIsStopped(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.server.Script(func(_ http.ResponseWriter, _ *saleswingstest.Call) bool {
			time.Sleep(time.Second)
			return false
		})
		id := r.change("u1", "cart", true, func(t *cohort.Transition) { t.Contacts = nil })
		time.Sleep(500 * time.Millisecond)
		r.stop()
		if diff := cmp.Diff([]string{id + " delivered 202"}, r.journal.receipts()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if at := r.log.Committed(0); at != 1 {
			t.Errorf("committed %d", at)
		}
		r.start()
	})
}

func TestWork_StopsAtAGapUnlessItIsAccepted(t *testing.T) {
	for _, accept := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.AcceptGaps = accept })
			defer func() { r.stop() }()
			none := func(t *cohort.Transition) { t.Contacts = nil }
			for i := range 5 {
				r.change(fmt.Sprint("u", i), "cart", true, none)
			}
			r.settled(time.Minute)
			r.stop()
			for i := range 5 {
				r.change(fmt.Sprint("v", i), "cart", true, none)
			}
			r.log.Trim(0, 8)
			r.start()
			if accept {
				r.settled(time.Minute)
				if n := len(r.server.Tracks()); n != 7 {
					t.Errorf("%d taken, want 7", n)
				}
				return
			}
			time.Sleep(time.Minute)
			if err := r.feed.Ready(); err == nil || !strings.Contains(err.Error(), "accept-gaps") {
				t.Errorf("ready says %v", err)
			}
			if n := len(r.server.Tracks()); n != 5 {
				t.Errorf("%d taken, want 5", n)
			}
		})
	}
}

func TestWork_GivesUpAfterMaxAge(t *testing.T) {
	bubble(t, func(c *Config) { c.MaxAge = time.Hour }, func(t *testing.T, r *rig) {
		r.server.Always(saleswingstest.Status(500))
		r.change("u1", "cart", true, func(t *cohort.Transition) { t.Contacts = nil })
		r.settled(2 * time.Hour)
		if len(r.journal.dead) != 1 || !strings.Contains(r.journal.dead[0], "given up after 1h0m0s") {
			t.Errorf("dead letters %v", r.journal.dead)
		}
	})
}

func TestWork_PutsAnUnreadableRecordAside(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.log.Append(0, "u1", []byte{0, 0, 0, 0, byte(transitionsID), 0xff})
		id := r.change("u1", "cart", true)
		r.settled(time.Minute)
		if diff := cmp.Diff([]string{" the record cannot be read"}, r.journal.dead); diff != "" || r.server.Count(id) != 1 {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}
