package server

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/services/ingest/internal/auth"
	"github.com/cohortflow/cohortflow/services/ingest/internal/intake"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Credentials of the tests, one of each surface. The older reporting key is valid too.
const (
	writeKey       = "wk-test"
	siteID         = "site-test"
	apiKey         = "api-test"
	signingKey     = "signing-test"
	olderKey       = "signing-older"
	sharedSecret   = "shared-test"
	token          = "token-test"
	ingestKey      = "everything-test"
	eraseKey       = "erase-test"
	partitions     = 7
	maxBody        = 64 << 10
	maxWebhook     = 96 << 10
	eventsID       = 1
	quarantineID   = 2
	otherWorkspace = "other"
)

// now is later than every time in the samples.
func now() time.Time { return time.Date(2026, 10, 5, 10, 0, 0, 0, time.UTC) }

// log is a topic in memory.
type log struct {
	mu      sync.Mutex
	calls   int
	records []kafkaio.OutRecord
	err     error         // of Produce
	down    error         // of Ready
	hold    chan struct{} // Produce waits for it, or for its context
}

func (l *log) Produce(ctx context.Context, recs []kafkaio.OutRecord) error {
	l.mu.Lock()
	hold := l.hold
	l.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.err != nil {
		return l.err
	}
	for _, r := range recs { // a producer keeps copies: the batch is used again
		r.Key, r.Value, r.Headers = bytes.Clone(r.Key), bytes.Clone(r.Value), slices.Clone(r.Headers)
		l.records = append(l.records, r)
	}
	return nil
}

func (l *log) Ready() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down
}

func (l *log) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *log) taken() (records []kafkaio.OutRecord, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records), l.calls
}

// house is a Server over topics in memory.
type house struct {
	*Server
	events, quarantine log
	logged             bytes.Buffer
	clock              time.Time
	tracer             trace.TracerProvider
	meter              metric.MeterProvider
	linkCache          int
	taxonomy           *taxonomy.Checker
}

func newHouse(tb testing.TB, change ...func(*Config)) *house {
	tb.Helper()
	h := &house{clock: now(), linkCache: 1 << 10, tracer: tracenoop.NewTracerProvider(), meter: metricnoop.NewMeterProvider()}
	keys := func(texts ...string) *auth.Keys {
		k, err := auth.NewKeys("test", "main", texts)
		if err != nil {
			tb.Fatal(err)
		}
		return k
	}
	signers := func(texts ...string) *auth.Signers {
		s, err := auth.NewSigners("test", "main", texts)
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	cfg := Config{
		WriteKeys: keys(writeKey, otherWorkspace+"=wk-other"), TrackKeys: keys(siteID + ":" + apiKey), TrackPasswords: keys(ingestKey),
		ReportingSecrets: signers(signingKey, otherWorkspace+"="+olderKey), DestinationSecrets: signers(sharedSecret), DestinationTokens: keys(token),
		EraseKeys:    keys(eraseKey),
		ReplayWindow: 8 * 24 * time.Hour, AnonymousPerSecond: 1000, DefaultWorkspace: "main", Keys: keysOf(tb, "k"),
		MaxBody: maxBody, MaxWebhook: maxWebhook, MaxItems: 1000, MaxRequests: 64, MaxHeld: 64 << 20, AckTimeout: time.Second,
		Now: func() time.Time { return h.clock },
		Log: slog.New(slog.NewTextHandler(&h.logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	cfg.TracerProvider, cfg.MeterProvider = h.tracer, h.meter
	for _, f := range change {
		f(&cfg)
	}
	h.Server = New(cfg)
	h.reopen(cfg)
	return h
}

// reopen gives the server a writer that remembers nothing.
func (h *house) reopen(cfg Config) {
	h.Open(intake.NewWriter(intake.Config{
		Events: &h.events, Quarantine: &h.quarantine, EventsID: eventsID, QuarantineID: quarantineID, Partitions: partitions,
		MaxRecord: 32 << 10, MaxKept: 16 << 10, MaxRequest: 512 << 10, Links: true, LinkCache: h.linkCache, Taxonomy: h.taxonomy, Log: cfg.Log,
		Tracer: cfg.TracerProvider.Tracer("test"), Meter: cfg.MeterProvider.Meter("test"),
	}))
}

// keysOf makes the keys of a secret of that letter.
func keysOf(tb testing.TB, letter string) *seal.Keys {
	tb.Helper()
	k, err := seal.NewKeys(bytes.Repeat([]byte(letter), 32))
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	body   string
}

// send puts a request through the handler, without a network.
func (h *house) send(tb testing.TB, method, path, body string, change ...func(*http.Request)) reply {
	tb.Helper()
	return h.do(tb, httptest.NewRequest(method, path, strings.NewReader(body)), change...)
}

func (h *house) do(tb testing.TB, r *http.Request, change ...func(*http.Request)) reply {
	tb.Helper()
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(text)}
}

// success is what every client takes for it.
func (r reply) success(tb testing.TB) {
	tb.Helper()
	if r.status != http.StatusOK || r.body != "{}" || r.header.Get("Content-Type") != "application/json" {
		tb.Fatalf("got %d %q %s, want 200 {} as JSON", r.status, r.header.Get("Content-Type"), r.body)
	}
}

func (r reply) want(tb testing.TB, status int) {
	tb.Helper()
	if r.status != status {
		tb.Fatalf("got %d %s, want %d", r.status, r.body, status)
	}
}

// log gives the events in the order of their writing, without the links that they tell of.
func (h *house) log(tb testing.TB) []event.Event {
	tb.Helper()
	return slices.DeleteFunc(h.all(tb), isLink)
}

// links gives the records of links in the order of their writing.
func (h *house) links(tb testing.TB) []event.Event {
	tb.Helper()
	return slices.DeleteFunc(h.all(tb), func(e event.Event) bool { return !isLink(e) })
}

func isLink(e event.Event) bool {
	return e.Kind == event.KindMerge && strings.Contains(e.ID, "/link-")
}

// all gives what is in the log. Each record is checked for its key, its partition and its time.
func (h *house) all(tb testing.TB) []event.Event {
	tb.Helper()
	records, _ := h.events.taken()
	out := make([]event.Event, len(records))
	for i, r := range records {
		if err := avrocodec.DecodeEvent(r.Value, &out[i]); err != nil {
			tb.Fatalf("event %d: %v", i, err)
		}
		e := &out[i]
		if string(r.Key) != e.Person || e.Person == "" || r.Partition != kafkaio.PartitionFor(e.Person, partitions) || r.Timestamp != e.AcceptedAt {
			tb.Errorf("event %d: got key %q partition %d time %d of person %q accepted at %d", i, r.Key, r.Partition, r.Timestamp, e.Person, e.AcceptedAt)
		}
	}
	return out
}

// only gives the one event that there has to be.
func (h *house) only(tb testing.TB) event.Event {
	tb.Helper()
	events := h.log(tb)
	if len(events) != 1 {
		tb.Fatalf("got %d events and quarantine %+v, want one event", len(events), h.kept(tb))
	}
	return events[0]
}

// kept gives what is in quarantine.
func (h *house) kept(tb testing.TB) []avrocodec.Quarantine {
	tb.Helper()
	records, _ := h.quarantine.taken()
	out := make([]avrocodec.Quarantine, len(records))
	for i, r := range records {
		if err := avrocodec.DecodeQuarantine(r.Value, &out[i]); err != nil {
			tb.Fatalf("quarantine %d: %v", i, err)
		}
	}
	return out
}

// onlyKept gives the one message that has to be in quarantine, with no event beside it.
func (h *house) onlyKept(tb testing.TB, reason string) avrocodec.Quarantine {
	tb.Helper()
	kept := h.kept(tb)
	if events := h.log(tb); len(kept) != 1 || len(events) != 0 || kept[0].Reason != reason {
		tb.Fatalf("got quarantine %+v and %d events, want one %s", kept, len(events), reason)
	}
	return kept[0]
}

func withKey(r *http.Request)   { r.SetBasicAuth(writeKey, "") }
func withTrack(r *http.Request) { r.SetBasicAuth(siteID, apiKey) }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}
