package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/console/internal/auth"
	"github.com/cohortflow/cohortflow/services/console/internal/census"
	"github.com/cohortflow/cohortflow/services/console/internal/evidence"
	"github.com/cohortflow/cohortflow/services/console/internal/receipts"
	"github.com/cohortflow/cohortflow/services/console/internal/rules"
	"github.com/cohortflow/cohortflow/services/console/internal/state"
)

const text = `version: 1
events:
  order:
    names: [order]
    properties: {total: {type: number}}
  view: {names: [view]}
cohorts:
  - key: buyers
    name: Bought in a month
    owner: paid media
    when: {did: {event: order, within: 30d}}
  - key: spenders
    when: {sum: {event: order, property: total, at_least: 200, within: 30d}}
  - key: browsers
    description: Looks, and does not buy.
    dwell: 1h
    when: {all: [{did: {event: view, at_least: 2, within: 1d}}, {not: {did: {event: order, within: 1d}}}]}
  - key: lost
    when: {silent: {event: order, for: 60d}}
groups:
  - {key: worth, cohorts: [spenders, buyers]}
consent: {ads: {attribute: ads_consent}}
audiences:
  - {key: spare, name: Spared, cohort: buyers, mode: exclude, platforms: [meta, x], reason: RECENT_PURCHASE, lawful_basis: legitimate_interest}
  - {key: win, cohort: browsers, mode: target, platforms: [meta], consent: ads}
deliver: {saleswings: {cohorts: [buyers, lost]}}
`

const (
	partitions = 3
	noon       = int64(1_767_268_800_000) // 2026-01-01T12:00:00Z
	minute     = int64(60_000)
	day        = 24 * 60 * minute
)

// world is a flow in memory: the log, the core, and the state that it leaves.
type world struct {
	t        *testing.T
	program  *cohort.Program
	keys     *seal.Keys
	log      [partitions][][]byte
	start    [partitions]int64 // of the log
	states   [partitions]map[string][]byte
	points   [partitions][]byte
	aliases  map[string]string
	away     error // of the store
	logAway  error
	receipts *receipts.Index
	known    receipts.Known
	ended    bool // Ends does not answer
	config   func(*Config)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := catalogue.Load("test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, program: c.Program, keys: keys, aliases: make(map[string]string), receipts: receipts.NewIndex(10, 100),
		known: receipts.Known{Whole: true, CaughtUp: true},
	}
	for p := range w.log {
		w.states[p] = make(map[string][]byte)
		w.append(int32(p), &event.Event{
			Kind: event.KindCatalog, Source: event.SourceOwner, ID: "catalogue", Name: c.Program.Revision(), EventAt: noon, AcceptedAt: noon,
			Properties: event.Properties{Nested: map[string]string{"catalogue": text}},
		})
	}
	return w
}

// append writes a record and moves the checkpoint behind it.
func (w *world) append(p int32, e *event.Event) (offset int64) {
	w.log[p] = append(w.log[p], avrocodec.AppendEvent(nil, 1, e))
	n := int64(len(w.log[p]))
	w.points[p] = partition.Checkpoint{Offset: n, LogTime: e.AcceptedAt, Catalogue: w.program.Revision(), Seq: n}.Append(nil)
	return n - 1
}

// tell has something happen to a person.
func (w *world) tell(person string, e event.Event) {
	w.t.Helper()
	p := kafkaio.PartitionFor(person, partitions)
	e.Person, e.Source, e.AcceptedAt = person, event.SourcePipelines, e.EventAt
	e.ID = fmt.Sprintf("%s-%d", e.Name+e.Kind.String(), e.EventAt)
	offset := w.append(p, &e)
	var one cohort.Person
	if err := w.program.Decode(person, w.states[p][person], &one); err != nil {
		w.t.Fatal(err)
	}
	var out cohort.Decisions
	for at := w.program.NextDeadline(&one); at < e.AcceptedAt; at = w.program.NextDeadline(&one) {
		w.program.Fire(&one, at, e.AcceptedAt, &out)
	}
	w.program.Apply(&one, &cohort.Observation{
		Patterns: w.program.Match(&e), Tells: w.program.Tells(&e), Properties: &e.Properties,
		At: e.EventAt, Offset: offset, ID: e.ID, AcceptedAt: e.AcceptedAt, Contacts: [][]byte{w.keys.Seal('e', person+"@example.com")},
	}, e.AcceptedAt, &out)
	w.states[p][person] = w.program.Append(nil, &one)
}

func (w *world) track(person, name string, at int64) {
	w.t.Helper()
	w.tell(person, event.Event{Kind: event.KindTrack, Name: name, EventAt: at})
}

func (w *world) spend(person string, total float64, at int64) {
	w.t.Helper()
	w.tell(person, event.Event{Kind: event.KindTrack, Name: "order", EventAt: at, Properties: event.Properties{Numbers: map[string]float64{"total": total}}})
}

func (w *world) consent(person string, given bool, at int64) {
	w.t.Helper()
	w.tell(person, event.Event{Kind: event.KindIdentify, EventAt: at, Properties: event.Properties{Booleans: map[string]bool{"ads_consent": given}}})
}

func (w *world) LoadPeople(ctx context.Context, p int32, keys []string) ([]byte, [][]byte, error) {
	if w.away != nil {
		<-after(ctx, w.away)
		return nil, nil, w.away
	}
	blobs := make([][]byte, len(keys))
	for i, key := range keys {
		blobs[i] = w.states[p][key]
	}
	return w.points[p], blobs, nil
}

// after waits for the end of ctx where that is the error to be given.
func after(ctx context.Context, err error) <-chan struct{} {
	if err == context.DeadlineExceeded { //nolint:errorlint // the sentinel itself is given
		return ctx.Done()
	}
	now := make(chan struct{})
	close(now)
	return now
}

func (w *world) LoadSlice(_ context.Context, p int32, slice int) (checkpoint []byte, keys []string, blobs [][]byte, err error) {
	for _, key := range slices.Sorted(maps.Keys(w.states[p])) {
		if redisstate.SliceOf(key) == slice {
			keys, blobs = append(keys, key), append(blobs, w.states[p][key])
		}
	}
	return w.points[p], keys, blobs, w.away
}

func (w *world) Checkpoint(ctx context.Context, p int32) ([]byte, error) {
	c, _, err := w.LoadPeople(ctx, p, nil)
	return c, err
}

func (w *world) ReadAt(_ context.Context, _ string, p int32, offsets []int64) (out []kafkaio.Record, err error) {
	for _, offset := range offsets {
		if offset >= w.start[p] && offset < int64(len(w.log[p])) {
			out = append(out, kafkaio.Record{Partition: p, Offset: offset, Value: w.log[p][offset]})
		}
	}
	return out, w.logAway
}

func (w *world) Of(_ context.Context, p int32) (int64, bool) {
	return int64(len(w.log[p])) + 2, !w.ended
}

// sent is an Index with what it is known to have.
type sent struct {
	*receipts.Index
	w *world
}

func (s sent) Known(int32) receipts.Known { return s.w.known }

type decoder struct{}

func (decoder) DecodeEvent(_ context.Context, b []byte, e *event.Event) error {
	return avrocodec.DecodeEvent(b, e)
}

func (decoder) DecodeEventHead(_ context.Context, b []byte, e *event.Event) error {
	return avrocodec.DecodeEventHead(b, e)
}

// server makes a server over the world.
func (w *world) server() *Server {
	w.t.Helper()
	people := &state.Reader{
		Store: w, Book: rules.NewBook(w, decoder{}, partitions), Partitions: partitions,
		Alias: func(p *cohort.Person) (string, bool) { into, ok := w.aliases[p.Key]; return into, ok },
	}
	counting := census.New(census.Config{Reader: people, Within: time.Minute})
	w.t.Cleanup(counting.Close)
	cfg := Config{
		Keys: &auth.Keys{}, Seal: w.keys, People: people, Ends: w,
		Events:   &evidence.Reader{Log: w, Decoder: decoder{}, Most: 100, Beside: 2},
		Receipts: sent{w.receipts, w}, Census: counting, Partitions: partitions,
		Timeout: time.Minute, CountTimeout: time.Minute, ReadTimeout: time.Minute, MaxRequests: 4,
		Log: slog.New(slog.DiscardHandler), TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider(),
	}
	if w.config != nil {
		w.config(&cfg)
	}
	return New(cfg)
}

// ask sends a request to a loopback address; headers come in pairs.
func ask(t *testing.T, s *Server, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, ok := strings.Cut(target, " ")
	if !ok {
		method, path = http.MethodGet, target
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = "127.0.0.1:8090"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	a := httptest.NewRecorder()
	s.ServeHTTP(a, r)
	return a
}

// get asks, wants success, and holds the answer to its description.
func get[T any](t *testing.T, s *Server, path string) (body T) {
	t.Helper()
	a := ask(t, s, path)
	if a.Code != http.StatusOK || a.Header().Get("Content-Type") != "application/json" || a.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%s: got %d, %v\n%s", path, a.Code, a.Header(), a.Body)
	}
	described(t, body, a.Body.Bytes())
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// described holds an answer to the schema of its type.
func described(t *testing.T, kind any, text []byte) {
	t.Helper()
	doc := description(t)
	name := strings.TrimPrefix(fmt.Sprintf("%T", kind), "api.")
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	if err := doc.ValidateSchemaJSON(doc.Components.Schemas[name].Value, value); err != nil {
		t.Errorf("the answer is not as it is described: %v\n%s", err, text)
	}
}

// refused asks, wants a problem, and holds it to its description.
func refused(t *testing.T, s *Server, status int, code, field, target string, headers ...string) Problem {
	t.Helper()
	a := ask(t, s, target, headers...)
	var p Problem
	if err := json.Unmarshal(a.Body.Bytes(), &p); err != nil {
		t.Fatalf("%s: %v\n%s", target, err, a.Body)
	}
	got := ""
	if p.Field != nil {
		got = *p.Field
	}
	if a.Code != status || p.Status != status || p.Type != "urn:cohortflow:problem:"+code || got != field || p.Detail == "" || p.Remedy == "" {
		t.Errorf("%s: got %d, %s\nwant %d, %s of %q with a remedy", target, a.Code, a.Body, status, code, field)
	}
	if kind := a.Header().Get("Content-Type"); kind != "application/problem+json" || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%s: headers %v", target, a.Header())
	}
	if (a.Header().Get("Retry-After") != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: status %d with Retry-After %q", target, status, a.Header().Get("Retry-After"))
	}
	described(t, p, a.Body.Bytes())
	return p
}
