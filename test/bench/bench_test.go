package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
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
	for _, args := range [][]string{{"--run", "speed"}, {"--on", "paper"}, {"--rates", "fast"}, {"--rates", "0"}, {"--batch", "0"}, {"--duration", "1ms"}, {"now"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

func TestBatchBody_IsWhatThePipelinesApiTakes(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_120)
	var got map[string][]map[string]any
	if err := json.Unmarshal(batchBody(message{id: "i-1", person: "p", at: at}, message{id: "r-1", person: "p", at: at, event: "Order Completed"}), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string][]map[string]any{"batch": {
		{"type": "identify", "traits": map[string]any{"email": "p@shop.example", "unsubscribed": false}, "messageId": "i-1", "userId": "p", "timestamp": "2023-11-14T22:13:20.120Z"},
		{
			"type": "track", "event": "Order Completed", "messageId": "r-1", "userId": "p", "timestamp": "2023-11-14T22:13:20.120Z",
			"properties": map[string]any{"product_id": "p-17", "category": "shoes", "price": 59.9, "order_id": "o-r-1", "currency": "EUR"},
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
	j := releaseJoin{released: newArrivals(3), person: map[string]int{}, early: map[string]time.Time{}}
	j.exit("t0", 0)
	j.release("t0", at(5))
	j.release("t1", at(6))
	j.exit("t1", 1)
	r := silentResult{People: 3}
	r.count([]time.Time{at(0), at(4), at(9)}, []time.Time{at(3), at(2), {}}, j.released.seen())
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
		}},
	}
	var text strings.Builder
	r.print(&text)
	for _, want := range []string{"real, 1000/s by 10, 5 purchases", "4.25", "21.00", "0.62", "real, exit, 3 people", "real, 1 a request, 8 connections", "20"} {
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

// own starts a real pipeline on its embedded parts and returns options that measure it for a second.
func own(t *testing.T) (options, *kafkaio.Client) {
	t.Helper()
	o := options{
		batch: 5, warmup: 200 * time.Millisecond, duration: time.Second, people: 60,
		target: target{Key: "k", Partitions: 3},
	}
	end, err := ownStack(t.Context(), sideEmbedded, &o.target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Error(err)
		}
	})
	client, err := kafkaio.Open(kafkaio.Config{Brokers: o.target.Brokers}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return o, client
}

// slowest, in ms, tells a measured time from a number that is none. It is no goal: a machine may
// stand still for seconds.
const slowest = 60_000

func TestMeasureLatency_FindsTheRecordOfEveryPurchase(t *testing.T) {
	o, client := own(t)
	o.duration, o.profile = 3*time.Second, t.TempDir()
	r, err := measureLatency(t.Context(), o, client, 200)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 600 || r.Missing != 0 || r.ToRecord.Count != 600 || r.ToRecord.P50 <= 0 || r.ToRecord.P50 > slowest || r.ToAnswer.Count != 120 {
		t.Errorf("got %+v, want 600 purchases, each with its record", r)
	}
	if profiles, err := filepath.Glob(filepath.Join(o.profile, "*.pprof")); err != nil || len(profiles) != 1 {
		t.Errorf("got the profiles %q, %v, want one", profiles, err)
	}
}

func TestMeasureSilent_FindsEveryExitAndRelease(t *testing.T) {
	o, client := own(t)
	r, err := measureSilent(t.Context(), o, client)
	if err != nil {
		t.Fatal(err)
	}
	if r.Missing != 0 || r.Early != 0 || r.Released != 60 || r.Exit.Count != 60 || r.Exit.P99 <= 0 || r.Exit.P99 > slowest {
		t.Errorf("got %+v, want 60 exits and releases, none early", r)
	}
}
