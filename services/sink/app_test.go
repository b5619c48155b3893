package sink_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/telemetry"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/sink"
	"github.com/cohortflow/cohortflow/services/sink/saleswingstest"
)

const (
	partitions = 4
	apiKey     = "key-of-the-test"
)

// flow is a broker, a SalesWings and the topics between; apps are started on it.
type flow struct {
	t        testing.TB
	client   *kafkaio.Client // of the test
	apps     *kafkaio.Client
	line     *kafkaiotest.Line // of the apps
	in       *kafkaio.Producer
	wings    *saleswingstest.Server
	url      string
	keys     *seal.Keys
	rules    *catalogue.Catalogue
	registry *avrocodec.Registry
	next     [partitions]int64
	version  map[string]int64
}

func newFlow(t testing.TB) *flow {
	t.Helper()
	broker := kafkaiotest.StartEmbedded(t, kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	f := &flow{t: t, wings: saleswingstest.New(apiKey), registry: avrocodec.NewEmbedded(), line: kafkaiotest.NewLine(), version: map[string]int64{}}
	open := func(cfg kafkaio.Config) *kafkaio.Client {
		client, err := kafkaio.Open(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	f.client = open(kafkaio.Config{Brokers: broker.Brokers})
	f.apps = open(kafkaio.Config{Brokers: broker.Brokers, Dial: f.line.Dial})
	var err error
	server := httptest.NewServer(f.wings)
	t.Cleanup(server.Close)
	f.url = server.URL
	if f.keys, err = seal.NewKeys([]byte(strings.Repeat("k", 32))); err != nil {
		t.Fatal(err)
	}
	if f.rules, err = catalogue.Load(catalogues.DefaultName, catalogues.Default()); err != nil {
		t.Fatal(err)
	}
	specs := topics.Specs(topics.Config{Partitions: partitions, Platforms: sink.Platforms(f.rules)})
	if err := f.client.EnsureTopics(t.Context(), specs, true); err != nil {
		t.Fatal(err)
	}
	f.in = f.client.NewProducer(kafkaio.ProducerConfig{Topic: schemas.TransitionsTopic})
	t.Cleanup(func() { _ = f.in.Close(context.Background()) })
	return f
}

func (f *flow) config() sink.Config {
	return sink.Config{
		Receipts: 10_000,
		SalesWings: sink.SalesWings{
			Key: apiKey, URL: f.url, Surface: "segment", Group: "cohortflow.sink.saleswings", From: "start",
			Batch: 100, Rate: 500, Timeout: 2 * time.Second, MaxAge: time.Hour,
		},
		Ads: sink.Ads{Group: "cohortflow.sink.ads", Tenant: "acme", Heartbeat: time.Minute},
	}
}

func (f *flow) deps() sink.Deps {
	return sink.Deps{Kafka: f.apps, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Log: slog.New(slog.DiscardHandler)}
}

// start runs an app until the returned function is called.
func (f *flow) start(change func(*sink.Config)) (*sink.App, func()) {
	f.t.Helper()
	cfg := f.config()
	if change != nil {
		change(&cfg)
	}
	app, err := sink.New(cfg, f.deps())
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				f.t.Error(err)
			}
		case <-time.After(20 * time.Second):
			f.t.Error("the app did not stop")
		}
	}
	f.t.Cleanup(stop)
	return app, stop
}

// change publishes a transition and returns it.
func (f *flow) change(person, cohortKey string, entered bool, headers ...kafkaio.Header) cohort.Transition {
	f.t.Helper()
	t := f.decide(person, cohortKey, entered)
	rec := f.encode(&t)
	rec.Headers = headers
	if err := f.in.Produce(f.t.Context(), []kafkaio.OutRecord{rec}); err != nil {
		f.t.Fatal(err)
	}
	return t
}

// decide makes the person's next transition.
func (f *flow) decide(person, cohortKey string, entered bool) cohort.Transition {
	p := kafkaio.PartitionFor(person, partitions)
	f.version[person]++
	t := cohort.Transition{
		ID: cohort.ID{Partition: p, Offset: f.next[p]}, Op: cohort.OpExit, Person: person, Cohort: cohortKey, Catalogue: "c",
		EffectiveAt: 1_700_000_000_000, DecidedAt: 1_700_000_000_000, Reason: cohort.ReasonEvent, Version: f.version[person],
		AcceptedAt: time.Now().UnixMilli(), Contacts: [][]byte{f.keys.Seal(seal.KindCustomerID, person), f.keys.Seal(seal.KindEmail, person+"@example.com")},
	}
	f.next[p]++
	if entered {
		t.Op = cohort.OpEnter
	}
	return t
}

func (f *flow) encode(t *cohort.Transition) kafkaio.OutRecord {
	return kafkaio.OutRecord{
		Partition: t.ID.Partition, Timestamp: t.AcceptedAt, Key: []byte(t.Person),
		Value: avrocodec.AppendTransition(nil, f.registry.ID(schemas.TransitionsSubject), t),
	}
}

// eventually waits for a condition that is met by others.
func eventually(t testing.TB, within time.Duration, what string, met func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// records reads a topic whole.
func (f *flow) records(topic string) (out []kafkaio.Record) {
	f.t.Helper()
	for p := range int32(partitions) {
		start, end, err := f.client.Offsets(f.t.Context(), topic, p)
		if err != nil {
			f.t.Fatal(err)
		}
		recs, err := f.client.ReadRange(f.t.Context(), topic, p, start, end)
		if err != nil {
			f.t.Fatal(err)
		}
		out = append(out, recs...)
	}
	return out
}

// suppressions reads the suppression records of a platform, watermarks left out.
func (f *flow) suppressions(platform string) (out []avrocodec.Suppression, recs []kafkaio.Record) {
	f.t.Helper()
	for _, r := range f.records(schemas.SuppressionTopic(platform)) {
		var s avrocodec.Suppression
		mark, err := avrocodec.DecodeSuppression(r.Value, &s, nil)
		if err != nil {
			f.t.Fatal(err)
		}
		if !mark {
			out, recs = append(out, s), append(recs, r)
		}
	}
	return out, recs
}

func (f *flow) receipts() map[string]int {
	f.t.Helper()
	out := map[string]int{}
	for _, rec := range f.records(schemas.ReceiptsTopic) {
		var r avrocodec.Receipt
		if err := avrocodec.DecodeReceipt(rec.Value, &r); err != nil {
			f.t.Fatal(err)
		}
		out[r.Destination+" "+r.Outcome]++
	}
	return out
}

func TestApp_BringsEveryTransitionToEveryDestination(t *testing.T) {
	f := newFlow(t)
	app, _ := f.start(nil)
	eventually(t, 20*time.Second, "ready", func() bool { return app.Ready(t.Context()) == nil })
	const people = 40
	for i := range people {
		person := fmt.Sprint("person-", i)
		f.change(person, "recent_purchaser_7d", true)
		f.change(person, "cart_abandoner_24h", false) // no audience has it
		f.change(person, "recent_purchaser_7d", false)
	}
	eventually(t, 20*time.Second, "all at SalesWings", func() bool { return len(f.wings.Counts()) >= people*2 })
	for _, platform := range []string{"meta", "google", "tiktok"} {
		eventually(t, 10*time.Second, platform, func() bool { s, _ := f.suppressions(platform); return len(s) >= 2*people })
		list, recs := f.suppressions(platform)
		last := map[string]avrocodec.Suppression{}
		for i, s := range list {
			if want := kafkaio.PartitionFor(f.personOf(s.Subject, people), partitions); recs[i].Partition != want {
				t.Fatalf("%s: on partition %d, want %d as the input", platform, recs[i].Partition, want)
			}
			if before, ok := last[s.Subject]; ok && before.Version >= s.Version {
				t.Errorf("%s: version %d after %d", platform, s.Version, before.Version)
			}
			last[s.Subject] = s
			for _, text := range []string{string(recs[i].Key), string(recs[i].Value)} {
				if strings.Contains(text, "person-") || strings.Contains(text, "@example") {
					t.Fatalf("%s: a record in clear", platform)
				}
			}
		}
		if len(last) != people || len(list) != 2*people {
			t.Errorf("%s: %d records of %d subjects, want %d of %d", platform, len(list), len(last), 2*people, people)
		}
		for _, s := range last {
			if s.Op != avrocodec.OpRelease || s.Tenant != "acme" || s.Reason != "RECENT_PURCHASE" || len(s.Identifiers) == 0 {
				t.Fatalf("%s: last %+v", platform, s)
			}
		}
	}
	eventually(t, 10*time.Second, "receipts", func() bool {
		r := f.receipts()
		return r["ads.meta delivered"] == 2*people && r["saleswings delivered"]+r["saleswings superseded"] == 3*people
	})
	for name, err := range app.Health() {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func (f *flow) personOf(subject string, people int) string {
	for i := range people {
		if person := fmt.Sprint("person-", i); f.keys.Subject(person) == subject {
			return person
		}
	}
	f.t.Fatalf("nobody is %s", subject)
	return ""
}

func TestApp_ADestinationThatHangsDelaysNoOther(t *testing.T) {
	f := newFlow(t)
	f.wings.Always(saleswingstest.Hang())
	app, _ := f.start(nil)
	eventually(t, 20*time.Second, "ready", func() bool { return app.Ready(t.Context()) == nil })
	f.change("warm-up", "recent_purchaser_7d", true)
	eventually(t, 10*time.Second, "the first suppression", func() bool { s, _ := f.suppressions("meta"); return len(s) == 1 })
	eventually(t, 10*time.Second, "SalesWings hangs", func() bool { return len(f.wings.Requests()) > 0 })
	var slowest time.Duration
	for i := range 50 {
		began := time.Now()
		f.change(fmt.Sprint("person-", i), "recent_purchaser_7d", true)
		eventually(t, 2*time.Second, "the suppression", func() bool { s, _ := f.suppressions("meta"); return len(s) == i+2 })
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("slowest of 50 suppressions while SalesWings hangs: %v", slowest)
	if n := len(f.wings.Tracks()); n != 0 {
		t.Errorf("SalesWings took %d", n)
	}
	f.wings.Always(nil)
	eventually(t, 60*time.Second, "SalesWings catches up", func() bool { return len(f.wings.Counts()) == 51 })
}

func TestApp_RepeatsNothingAfterARestartAndATakeover(t *testing.T) {
	f := newFlow(t)
	one, stopOne := f.start(nil)
	eventually(t, 20*time.Second, "ready", func() bool { return one.Ready(t.Context()) == nil })
	total := 0
	play := func() {
		for i := range 30 {
			f.change(fmt.Sprint("person-", i), "recent_purchaser_7d", total%2 == 0)
			f.change(fmt.Sprint("person-", i), "vip_buyer_90d", total%2 == 0)
		}
		total++
	}
	play()
	two, stopTwo := f.start(nil) // the partitions move while records come
	play()
	eventually(t, 30*time.Second, "both own some", func() bool { return one.Ready(t.Context()) == nil && two.Ready(t.Context()) == nil })
	play()
	stopOne()
	play()
	stopTwo()
	play()
	f.start(nil)
	want := total * 60
	eventually(t, 60*time.Second, "all suppressions", func() bool { s, _ := f.suppressions("meta"); return len(s) >= want })
	list, _ := f.suppressions("meta")
	seen := map[string]int{}
	version := map[string]int64{}
	for _, s := range list {
		seen[s.TransitionID+" "+s.Audience]++
		key := s.Audience + s.Subject
		if s.Version <= version[key] {
			t.Errorf("version %d after %d", s.Version, version[key])
		}
		version[key] = s.Version
	}
	if len(seen) != want || len(list) != want {
		t.Errorf("%d records, %d different ones, want %d", len(list), len(seen), want)
	}
	// SalesWings is at least once: every person's last word arrives.
	eventually(t, 60*time.Second, "SalesWings", func() bool {
		last := map[string]float64{}
		for _, a := range f.wings.Tracks() {
			last[a.UserID] = max(last[a.UserID], a.Values["version"].(float64))
		}
		for i := range 30 {
			person := fmt.Sprint("person-", i)
			if int64(last[person]) != f.version[person] {
				return false
			}
		}
		return true
	})
}

func TestApp_OneTraceReachesBothDestinations(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans), sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.NeverSample()))))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	f := newFlow(t)
	app, _ := f.start(nil)
	eventually(t, 20*time.Second, "ready", func() bool { return app.Ready(t.Context()) == nil })
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1, 2}, SpanID: trace.SpanID{3, 4}, TraceFlags: trace.FlagsSampled})
	f.change("unsampled", "recent_purchaser_7d", true)
	f.change("traced", "recent_purchaser_7d", true, telemetry.Inject(trace.ContextWithSpanContext(t.Context(), parent), []kafkaio.Header{{Key: "x-event-id", Value: []byte("e1")}})...)
	byName := func() map[string][]sdktrace.ReadOnlySpan {
		out := map[string][]sdktrace.ReadOnlySpan{}
		for _, s := range spans.Ended() {
			if s.SpanContext().TraceID() == parent.TraceID() {
				name := s.Name()
				for _, a := range s.Attributes() {
					if a.Key == telemetry.Destination {
						name += " " + a.Value.AsString()
					}
				}
				out[name] = append(out[name], s)
			}
		}
		return out
	}
	eventually(t, 20*time.Second, "the spans of all destinations", func() bool {
		got := byName()
		return len(got["POST"]) == 2 && len(got["process cohort.transitions.v1 saleswings"]) == 1 && len(got["send ads.suppression.meta.v1"]) == 1 &&
			len(got["process cohort.transitions.v1 ads.meta"]) == 1
	})
	got := byName()
	process := got["process cohort.transitions.v1 saleswings"][0]
	if process.Parent().SpanID() != parent.SpanID() || process.SpanKind() != trace.SpanKindConsumer || len(process.Links()) != 1 {
		t.Errorf("process: parent %v, kind %v", process.Parent().SpanID(), process.SpanKind())
	}
	for _, post := range got["POST"] {
		if post.Parent().SpanID() != process.SpanContext().SpanID() || post.SpanKind() != trace.SpanKindClient {
			t.Errorf("POST: parent %v, want %v", post.Parent().SpanID(), process.SpanContext().SpanID())
		}
	}
	send := got["send ads.suppression.meta.v1"][0]
	if want := got["process cohort.transitions.v1 ads.meta"][0].SpanContext().SpanID(); send.Parent().SpanID() != want || send.SpanKind() != trace.SpanKindProducer {
		t.Errorf("send: parent %v, want %v", send.Parent().SpanID(), want)
	}
	list, recs := f.suppressions("meta")
	for i, s := range list {
		if s.Subject != f.keys.Subject("traced") {
			continue
		}
		if sc := telemetry.SpanContext(recs[i].Headers); sc.SpanID() != send.SpanContext().SpanID() {
			t.Errorf("the record carries %v, want %v", sc.SpanID(), send.SpanContext().SpanID())
		}
		if diff := cmp.Diff("x-event-id", recs[i].Headers[0].Key); diff != "" {
			t.Error(diff)
		}
	}
	for _, s := range spans.Ended() {
		for _, a := range append([]attribute.KeyValue{attribute.String("name", s.Name())}, s.Attributes()...) {
			if v := a.Value.String(); strings.Contains(v, "traced@") || strings.Contains(v, apiKey) {
				t.Errorf("span %s holds %s", s.Name(), a.Key)
			}
		}
	}
}

func TestNew_TellsWhatIsWrong(t *testing.T) {
	f := newFlow(t)
	for want, change := range map[string]func(*sink.Config){
		"saleswings-batch":      func(c *sink.Config) { c.SalesWings.Batch = 0 },
		"saleswings url":        func(c *sink.Config) { c.SalesWings.URL = "helium" },
		"saleswings surface":    func(c *sink.Config) { c.SalesWings.Surface = "soap" },
		"ads-heartbeat":         func(c *sink.Config) { c.Ads.Heartbeat = 0 },
		"phone region":          func(c *sink.Config) { c.Ads.Region = "Mars" },
		"tenant":                func(c *sink.Config) { c.Ads.Tenant = "a|b" },
		"sink-receipts-buffer":  func(c *sink.Config) { c.Receipts = 0 },
		"saleswings-max-age is": func(c *sink.Config) { c.SalesWings.MaxAge = 0 },
	} {
		cfg := f.config()
		change(&cfg)
		if _, err := sink.New(cfg, f.deps()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
	cfg := f.config()
	cfg.SalesWings = sink.SalesWings{}
	app, err := sink.New(cfg, f.deps())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ads.google", "ads.meta", "ads.tiktok"}, app.Destinations()); diff != "" {
		t.Errorf("without a key (-want +got)\n%s", diff)
	}
}
