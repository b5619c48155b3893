package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/test/bench/latency"
)

func TestParse_TakesListsAndRefusesNonsense(t *testing.T) {
	o, err := parse([]string{"--run", "silent,ingest", "--rates", "10,20", "--brokers", "a:1,b:2"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{[]string{"silent", "ingest"}, []int{10, 20}, []string{"a:1", "b:2"}}, []any{o.runs, o.rates, o.target.Brokers}); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{200_000, 20_000}, []any{o.sweepPeople, o.explainPeople}); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	if o, err := parse(nil); err != nil || cmp.Diff(usualRuns, o.runs) != "" {
		t.Errorf("without flags: runs %q, %v", o.runs, err)
	}
	if o, err := parse([]string{"--run", strings.Join(allRuns, ",")}); err != nil || len(o.runs) != 8 {
		t.Errorf("all: runs %q, %v", o.runs, err)
	}
	for _, args := range [][]string{{"--run", "speed"}, {"--sweep-people", "2"}, {"--explain-people", "0"}, {"--on", "paper"}, {"--rates", "fast"}, {"--rates", "0"}, {"--batch", "0"}, {"--duration", "1ms"}, {"now"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

func TestBatchBody_IsWhatThePipelinesApiTakes(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_120)
	var got map[string][]map[string]any
	if err := json.Unmarshal(batchBody(
		message{id: "i-1", person: "p", at: at},
		message{id: "r-1", person: "p", at: at, event: "Order Completed"},
		message{id: "u-1", person: "p", at: at, traits: `"unsubscribed":true`},
		message{id: "g-1", person: "d", at: at, event: "Order Completed", email: "g@shop.example"},
	), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string][]map[string]any{"batch": {
		{"type": "identify", "traits": map[string]any{"email": "p@shop.example", "unsubscribed": false}, "messageId": "i-1", "userId": "p", "timestamp": "2023-11-14T22:13:20.120Z"},
		{
			"type": "track", "event": "Order Completed", "messageId": "r-1", "userId": "p", "timestamp": "2023-11-14T22:13:20.120Z",
			"properties": map[string]any{"product_id": "p-17", "category": "shoes", "price": 59.9, "order_id": "o-r-1", "currency": "EUR"},
		},
		{"type": "identify", "traits": map[string]any{"email": "p@shop.example", "unsubscribed": true}, "messageId": "u-1", "userId": "p", "timestamp": "2023-11-14T22:13:20.120Z"},
		{
			"type": "track", "event": "Order Completed", "messageId": "g-1", "anonymousId": "d", "timestamp": "2023-11-14T22:13:20.120Z",
			"context":    map[string]any{"traits": map[string]any{"email": "g@shop.example"}},
			"properties": map[string]any{"product_id": "p-17", "category": "shoes", "price": 59.9, "order_id": "o-g-1", "currency": "EUR"},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestSequence_KnowsItsOwnRunOnly(t *testing.T) {
	if n, ok := sequence("run", numbered("run", 42)); n != 42 || !ok {
		t.Errorf("got %d, %v", n, ok)
	}
	for _, id := range []string{"", "run", "run-", "run-x", "rum-1", "runs-1"} {
		if _, ok := sequence("run", id); ok {
			t.Errorf("%q: taken for one of this run", id)
		}
	}
}

// A pipeline that stalls must not make the generator wait: the stall shows in the
// latency of everything that was due meanwhile.
func TestOpenLoop_CountsAStallForEverythingDue(t *testing.T) {
	const n, every = 40, time.Millisecond
	stall := 60 * time.Millisecond
	start := time.Now().Add(5 * time.Millisecond)
	var took latency.Recorder
	late, err := openLoop(t.Context(), start, every, n, 1, func(ctx context.Context, i int) error {
		if i == 0 {
			select {
			case <-time.After(stall):
			case <-ctx.Done():
			}
		}
		took.Add(time.Since(start.Add(time.Duration(i) * every)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := took.Summary()
	if s.Count != n || late.Count != n {
		t.Errorf("got %d sent and %d due, want %d", s.Count, late.Count, n)
	}
	if least := stall - n/2*every; s.P50 < least {
		t.Errorf("median %s: the stall of %s is hidden; want at least %s", s.P50, stall, least)
	}
}

func TestOpenLoop_EndsWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	_, err := openLoop(t.Context(), time.Now(), time.Hour, 3, 2, func(context.Context, int) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestOpenLoopUntil_AnswersWhatWasDueAndCountsIt(t *testing.T) {
	done := make(chan struct{})
	var sent atomic.Int64
	late, err := openLoopUntil(t.Context(), done, time.Now(), 2*time.Millisecond, 1_000_000, 2, func(_ context.Context, i int) error {
		if sent.Add(1); i == 5 {
			close(done)
		}
		return nil
	})
	if err != nil || int64(late.Count) != sent.Load() || late.Count < 6 || late.Count > 100_000 {
		t.Errorf("got %d due and %d sent, %v", late.Count, sent.Load(), err)
	}
}

func TestPacing_CountsFromIntendedTimesWithoutTheWarmup(t *testing.T) {
	p := pace(options{warmup: time.Second, duration: 2 * time.Second}, 20, 10)
	p.begin()
	if p.things() != 60 || p.counts() != 40 || p.due(2).Sub(p.start) != time.Second {
		t.Fatalf("got %+v", p)
	}
	seen := make([]time.Time, p.things())
	for k := range seen {
		seen[k] = p.due(k / 10).Add(time.Duration(k) * time.Millisecond)
	}
	seen[0], seen[30] = time.Time{}, time.Time{} // the first one does not count
	if q, missing := p.since(seen); missing != 1 || q.Count != 39 || q.Max != 59 {
		t.Errorf("got %+v and %d missing", q, missing)
	}
}

func TestSweep_PutsPurchasesWhereTheyWereDue(t *testing.T) {
	s := newSweep(options{sweepPeople: 9, batch: 1, warmup: time.Second, duration: time.Second, target: target{Partitions: 2}}, 1)
	at := func(seconds int) time.Time { return time.Unix(1000+int64(seconds), 0) }
	s.changed(0, at(10))
	s.changed(1, at(11))
	s.resumed, s.buyers = at(12), 6
	for k, due := range []int{0, 1, 12, 13, 20, 21} {
		s.due[k] = at(due)
		if k != 3 {
			s.told(&avrocodec.Suppression{Op: avrocodec.OpSuppress, SourceID: numbered(s.name, k)}, at(due).Add(time.Duration(k)*time.Second))
		}
	}
	for _, k := range []int{2, 8, 5} {
		s.decided(cohort.OpEnter, &cohort.Transition{Person: numbered(s.name, k), Cohort: cohortAdded}, at(12+k))
	}
	r := sweepResult{People: 9}
	s.count(&r)
	if r.Seconds != 10 || r.Swept != 0.9 || r.Missing != 0 || r.Unsold != 1 || r.Before.Max != 1000 || r.Before.Count != 2 || r.During.Count != 1 || r.During.Max != 2000 || r.After.Count != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestCatalogue_ChangesByOneCohort(t *testing.T) {
	before, err := catalogue.Load("before", []byte(benchCatalogue))
	if err != nil {
		t.Fatal(err)
	}
	after, err := catalogue.Load("after", []byte(changedCatalogue()))
	if err != nil {
		t.Fatal(err)
	}
	if got := before.Program.ChangedUnder(after.Program); !slices.Equal(got, []string{cohortAdded}) {
		t.Errorf("%q change, want only %s", got, cohortAdded)
	}
	if warming := after.Program.WarmingAfter(before.Program, 0); len(warming) > 0 {
		t.Errorf("%v would have to warm", warming)
	}
}

func TestArrivals_KeepTheFirstSightOnly(t *testing.T) {
	a := newArrivals(2)
	first := time.Unix(1, 0)
	a.see(1, first)
	a.see(1, first.Add(time.Second))
	a.see(2, first)
	a.see(-1, first)
	select {
	case <-a.all:
		t.Fatal("complete with one missing")
	default:
	}
	a.see(0, first)
	<-a.all
	if diff := cmp.Diff([]time.Time{first, first}, a.seen()); diff != "" {
		t.Errorf("arrivals (-want +got):\n%s", diff)
	}
}

func TestTakeSuppression_SeesPurchasesOfThisRun(t *testing.T) {
	seen := newArrivals(3)
	var stamped latency.Recorder
	take := func(op, source string) {
		t.Helper()
		value := avrocodec.AppendSuppression(nil, 1, &avrocodec.Suppression{Op: op, SourceID: source, AcceptedAt: 100, EmittedAt: 104})
		if err := takeSuppression(&kafkaio.Record{Value: value}, "run", seen, &stamped); err != nil {
			t.Fatal(err)
		}
	}
	take(avrocodec.OpSuppress, "run-1")
	take(avrocodec.OpRelease, "run-2")
	take(avrocodec.OpSuppress, "other-0")
	for _, value := range [][]byte{nil, avrocodec.AppendSuppressionWatermark(nil, 1, &cohort.Watermark{})} {
		if err := takeSuppression(&kafkaio.Record{Value: value}, "run", seen, &stamped); err != nil {
			t.Error(err)
		}
	}
	for k, at := range seen.seen() {
		if at.IsZero() == (k == 1) {
			t.Errorf("purchase %d: seen at %v", k, at)
		}
	}
	if got := stamped.Summary(); got.Count != 1 || got.Max != 4*time.Millisecond {
		t.Errorf("stamped: got %+v, want one of 4 ms", got)
	}
	if err := takeSuppression(&kafkaio.Record{Value: []byte("x")}, "run", seen, &stamped); err == nil {
		t.Error("broken record: got no error")
	}
}

func TestSilent_JoinsReleasesInEitherOrderAndCounts(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	j := newJoin(3)
	j.names("t0", 0)
	j.sees("t0", at(5))
	j.sees("t1", at(6))
	j.sees("t1", at(7))
	j.names("t1", 1)
	r := silentResult{People: 3}
	r.count([]time.Time{at(0), at(4), at(9)}, []time.Time{at(3), at(2), {}}, j.found.seen())
	if r.Missing != 1 || r.Early != 1 || r.Released != 2 || r.Exit.Max != 3 || r.Release.Max != 5 || r.Release.P50 != 2 {
		t.Errorf("got %+v", r)
	}
}

func TestMeasureIngest_CountsAnswersAfterTheWarmup(t *testing.T) {
	var events atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Batch []struct{ Event string } }
		if key, _, _ := r.BasicAuth(); json.NewDecoder(r.Body).Decode(&body) != nil || key != "k" || r.URL.Path != "/v1/batch" {
			http.Error(w, "{}", http.StatusBadRequest)
		}
		events.Add(int64(len(body.Batch)))
	}))
	defer server.Close()
	o := options{target: target{URL: server.URL, Key: "k", PID: os.Getpid()}, warmup: 20 * time.Millisecond, duration: 150 * time.Millisecond}
	r, err := measureIngest(t.Context(), o, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got := int64(r.Events*o.duration.Seconds() + 0.5); got < 5 || got > events.Load() || r.Answer.Count*5 != int(got) {
		t.Errorf("got %d events counted and %d answers, want no more than the %d taken", got, r.Answer.Count, events.Load())
	}
	o.target.Key = "wrong"
	if _, err := measureIngest(t.Context(), o, 5); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("refused: got %v, want an error with the status", err)
	}
}

func TestResult_PrintsTablesAndWritesJSON(t *testing.T) {
	r := result{
		Machine: machineInfo{Cores: 2, CPU: "c", Load1: "0.10", Go: "go"},
		Sides: []side{{
			On:      "real",
			Latency: []latencyResult{{PerSecond: 1000, Batch: 10, Sent: 5, ToRecord: quantiles{P50: 4.25, P99: 21}, CPU: cpuUse{Pipeline: 0.5, Stores: 0.25, Bench: 0.125, Machine: 1.5}}},
			Silent:  &silentResult{People: 3, Released: 2},
			Ingest:  []ingestResult{{PerRequest: 1, Connections: 8, Requests: 10, Events: 10, CPU: cpuUse{Pipeline: 0.5}}},

			Withdrawal: []withdrawalResult{{PerSecond: 500, Batch: 10, Sent: 70, Missing: 3, ToExit: quantiles{P50: 7.25}, Receipts: true, Untold: 41}},
			Erasure:    &erasureResult{PerSecond: 50, Sent: 150, ToProof: quantiles{P99: 8.75}},
			Identity:   &identityResult{PerSecond: 200, Sent: 600, ToRecord: quantiles{Max: 9.25}},
			Explain:    &explainResult{PerSecond: 200, Sent: 300, People: 30, Errors: 43, Error: "answer 503", Bytes: 4711},
			Sweep:      &sweepResult{People: 900, Enter: 300, Seconds: 4.5, Swept: 200, During: quantiles{Count: 1234, P99: 11.25}},
		}},
	}
	var text strings.Builder
	r.print(&text)
	for _, want := range []string{
		"real, 1000/s by 10, 5 purchases", "4.25", "21.00", "0.62", "real, exit, 3 people", "real, 1 a request, 8 connections", "20",
		"real, 500/s by 10, 70 people, exit", "7.25", "receipt of SalesWings", "41", "50/s, 150 people, proof", "8.75", "200/s, 600 guests, the account's ad record", "9.25",
		"300 questions about 30 people (answer 503)", "43", "4711", "during", "11.25", "1234", "real, 900", "4.50", "200",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back result
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestCPU_SeesWorkOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc on this system")
	}
	m := startCPU(target{PID: os.Getpid(), Stores: []int{os.Getpid()}})
	x := 0
	for begun := time.Now(); time.Since(begun) < 100*time.Millisecond; {
		x++
	}
	use := m.stop()
	if x == 0 || use.Bench <= 0.05 || use.Pipeline <= 0.05 || use.Stores != use.Pipeline || use.Machine <= 0.05 {
		t.Errorf("got %+v after being busy all the time", use)
	}
}
