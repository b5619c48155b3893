// Package console_test runs the read API over the whole flow, on embedded and on real
// parts: what processor and sink leave behind is what it tells.
package console_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/console"
	"github.com/cohortflow/cohortflow/services/processor"
	"github.com/cohortflow/cohortflow/services/sink"
	"github.com/cohortflow/cohortflow/test/launch"
)

const partitions = 3

// flow is a broker and a Redis with processor, sink and console on them.
type flow struct {
	t        testing.TB
	kafka    *kafkaio.Client
	store    *redisstate.Store
	registry *avrocodec.Registry
	keys     *seal.Keys
	rules    *catalogue.Catalogue
	in       *kafkaio.Producer
	decide   *processor.App
	told     int
	url      string // of the read API
}

// embedded starts a flow that needs nothing.
func embedded(t testing.TB) *flow {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(t.TempDir()),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return start(t, cluster.ListenAddrs(), redisstate.Config{URL: "redis://" + miniredis.RunT(t).Addr(), Embedded: true})
}

// real starts a flow on Apache Kafka and Redis.
func real(t testing.TB) *flow { //nolint:predeclared // as everywhere in these suites
	t.Helper()
	brokers, _ := launch.Kafka(t, launch.KafkaOptions{})
	addr, _ := launch.Redis(t)
	return start(t, brokers, redisstate.Config{URL: "redis://" + addr})
}

func start(t testing.TB, brokers []string, redis redisstate.Config) *flow {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	f := &flow{t: t, registry: avrocodec.NewEmbedded()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	f.kafka, err = kafkaio.Open(kafkaio.Config{Brokers: brokers}, log)
	must(err)
	t.Cleanup(func() { _ = f.kafka.Close() })
	f.store, err = redisstate.Open(redis, log)
	must(err)
	t.Cleanup(func() { _ = f.store.Close() })
	f.keys, err = seal.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	must(err)
	text, err := os.ReadFile("testdata/catalogue.yaml")
	must(err)
	f.rules, err = catalogue.Load("catalogue.yaml", text)
	must(err)
	must(f.kafka.EnsureTopics(t.Context(), topics.Specs(topics.Config{
		Partitions: partitions, LogRetention: -1, Retention: time.Hour, Platforms: sink.Platforms(f.rules),
	}), true))
	f.in = f.kafka.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	t.Cleanup(func() { _ = f.in.Close(context.WithoutCancel(t.Context())) })

	f.decide, err = processor.New(processor.Config{
		Group: "processor", TransactionalID: "processor", CommitEvery: 20 * time.Millisecond, Residents: 1_000, MaxTouched: 50_000,
		SweepRate: 100_000, StopTimeout: 10 * time.Second, Heartbeat: time.Minute,
	}, processor.Deps{
		Kafka: f.kafka, Store: f.store, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Partitions: partitions, EventClock: true, Log: log,
	})
	must(err)
	deliver, err := sink.New(sink.Config{
		Receipts: 50_000, Ads: sink.Ads{Group: "sink", Tenant: "default", Heartbeat: time.Minute},
	}, sink.Deps{Kafka: f.kafka, Registry: f.registry, Keys: f.keys, Catalogue: f.rules, Log: log})
	must(err)
	tell, err := console.New(console.Config{
		Listen: "127.0.0.1:0", Timeout: 5 * time.Second, CountTimeout: time.Minute, MaxRequests: 64, MaxEvidence: 256,
		Receipts: 100_000, ReceiptsPerPerson: 100, ReceiptsRecent: 10_000,
	}, console.Deps{Kafka: f.kafka, Store: f.store, Registry: f.registry, Keys: f.keys, Partitions: partitions, Log: log})
	must(err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	f.url = "http://" + ln.Addr().String()
	f.run("processor", f.decide.Run)
	f.run("sink", deliver.Run)
	f.run("console", func(ctx context.Context) error { return tell.Serve(ctx, ln) })
	return f
}

// run has a part work until the end of the test.
func (f *flow) run(name string, work func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	f.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("%s: %v", name, err)
		}
	})
}

// tell appends events to the log, as ingest does when time is data.
func (f *flow) tell(events ...event.Event) {
	f.t.Helper()
	records := make([]kafkaio.OutRecord, 0, len(events))
	for i := range events {
		e := &events[i]
		f.told++
		e.ID, e.Source, e.AcceptedAt = fmt.Sprintf("event-%d", f.told), event.SourcePipelines, e.EventAt
		if e.Person == "" {
			e.Person = seal.PersonKey(f.keys, e.IDs)
		}
		records = append(records, kafkaio.OutRecord{
			Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.EventAt, Key: []byte(e.Person),
			Value: avrocodec.AppendEvent(nil, f.registry.ID(schemas.EventsSubject), e),
		})
	}
	if err := f.in.Produce(f.t.Context(), records); err != nil {
		f.t.Fatal(err)
	}
}

// advance moves the log time of every partition on.
func (f *flow) advance(to int64) {
	f.t.Helper()
	records := make([]kafkaio.OutRecord, partitions)
	for p := range records {
		records[p] = kafkaio.OutRecord{
			Partition: int32(p), Timestamp: to, Key: []byte("__tick__"),
			Value: avrocodec.AppendEvent(nil, f.registry.ID(schemas.EventsSubject), &event.Event{Kind: event.KindTick, Source: event.SourceOwner, EventAt: to, AcceptedAt: to}),
		}
	}
	if err := f.in.Produce(f.t.Context(), records); err != nil {
		f.t.Fatal(err)
	}
}

// settled waits until everything in the log is worked off and committed.
func (f *flow) settled() {
	f.t.Helper()
	eventually(f.t, func() bool {
		progress := f.decide.Progress()
		for p := range int32(partitions) {
			_, end, err := f.kafka.Offsets(f.t.Context(), schemas.EventsTopic, p)
			if err != nil || end == 0 || progress[p].Settled < end {
				return false
			}
		}
		return true
	})
}

func eventually(t testing.TB, done func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatal("not within a minute")
		case <-tick.C:
		}
	}
}
