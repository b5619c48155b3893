package flow

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/services/processor"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/oracle"
	"github.com/cohortflow/cohortflow/test/replay"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const drained = int64(4_102_444_800_000) // 2100: past every finite deadline of recorded data

// judged are the cohorts that the expected answers know.
var judged = []string{"cart_abandoner_2h", "cart_abandoner_24h", "cart_abandoner_3d", "recent_purchaser_7d", "high_intent_24h", "lapsed_60d", "browse_no_cart_24h"}

func recorded(t *testing.T, name string) []replay.Event {
	t.Helper()
	events, err := replay.Load(launch.Shared(t, "data/"+name+".csv.gz"), replay.Recorded[name])
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func expected(t *testing.T, name string) []oracle.Row {
	t.Helper()
	rows, err := oracle.Load(launch.Shared(t, "oracle/expected/"+name+".transitions.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// run starts a processor and returns what stops it in good order.
func (p *parts) run(t *testing.T) (app *processor.App, stop func()) {
	t.Helper()
	return p.runAs(t, "cohortflow.processor", defaultCatalogue(t))
}

// runAs starts a processor in a group of its own; the transactional ids stay the same.
func (p *parts) runAs(t *testing.T, group string, rules *catalogue.Catalogue) (app *processor.App, stop func()) {
	t.Helper()
	return p.runBy(t, group, rules, true)
}

// runBy is runAs by either clock.
func (p *parts) runBy(t *testing.T, group string, rules *catalogue.Catalogue, eventClock bool) (app *processor.App, stop func()) {
	t.Helper()
	client, store := p.client(t), p.store(t)
	app, err := processor.New(processor.Config{
		Group: group, TransactionalID: cmp.Or(p.ids, "cohortflow.processor"), CommitEvery: 100 * time.Millisecond, Residents: 1_000, MaxTouched: 5_000,
		SweepRate: 100_000, StopTimeout: 10 * time.Second, Heartbeat: time.Minute,
	}, processor.Deps{
		Kafka: client, Store: store, Registry: embeddedIDs{}, Keys: testKeys(t), Catalogue: rules, Partitions: partitions,
		EventClock: eventClock, Log: testLog(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("processor: %v", err)
		}
	}
	t.Cleanup(stop)
	return app, stop
}

// feed appends recorded events to the log as ingest does when time is data.
func feed(t *testing.T, c *kafkaio.Client, events []replay.Event) {
	t.Helper()
	id := embeddedIDs{}.ID(schemas.EventsSubject)
	producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(t.Context()) }()
	for len(events) > 0 {
		n := min(2_000, len(events))
		records := make([]kafkaio.OutRecord, 0, n)
		for _, e := range events[:n] {
			if e.User == "" {
				continue
			}
			records = append(records, kafkaio.OutRecord{
				Partition: kafkaio.PartitionFor(e.User, partitions), Timestamp: e.At, Key: []byte(e.User),
				Value: avrocodec.AppendEvent(nil, id, &event.Event{
					Kind: event.KindTrack, Source: event.SourcePipelines, ID: e.ID, Name: e.Name, EventAt: e.At, AcceptedAt: e.At, Person: e.User,
					IDs: event.Identifiers{CustomerID: e.User},
				}),
			})
		}
		if err := producer.Produce(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		events = events[n:]
	}
}

// advance moves log time of every partition on.
func advance(t *testing.T, c *kafkaio.Client, to int64) {
	t.Helper()
	producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
	defer func() { _ = producer.Close(t.Context()) }()
	var records []kafkaio.OutRecord
	for p := range int32(partitions) {
		records = append(records, kafkaio.OutRecord{
			Partition: p, Timestamp: to, Key: []byte("__tick__"),
			Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), &event.Event{Kind: event.KindTick, Source: event.SourceOwner, EventAt: to, AcceptedAt: to}),
		})
	}
	if err := producer.Produce(t.Context(), records); err != nil {
		t.Fatal(err)
	}
}

// settle waits until everything in the log is worked off and committed.
func settle(t *testing.T, c *kafkaio.Client, app *processor.App) {
	t.Helper()
	eventually(t, 2*time.Minute, func() bool {
		progress := app.Progress()
		for p := range int32(partitions) {
			_, end, err := c.Offsets(t.Context(), schemas.EventsTopic, p)
			if err != nil || progress[p].Settled < end {
				return false
			}
		}
		return true
	})
}

// eventually asks again and again, for at most limit.
func eventually(t *testing.T, limit time.Duration, done func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			t.Fatalf("not within %s", limit)
		case <-tick.C:
		}
	}
}

func judge(t *testing.T, c *kafkaio.Client, want []oracle.Row) {
	t.Helper()
	produced, err := tail.Transitions(t.Context(), c, partitions)
	if err != nil {
		t.Fatal(err)
	}
	if gaps := produced.Gaps(); len(gaps) > 0 {
		t.Errorf("versions are not gapless: %v", gaps[:min(5, len(gaps))])
	}
	if d := oracle.Compare(want, oracle.Net(oracle.Only(produced.Rows(), judged...))); !d.Equal() {
		t.Errorf("transitions differ from the expected answer:\n%s", d)
	}
}

func TestProcessor_EqualsTheExpectedAnswer(t *testing.T) {
	for name := range replay.Recorded {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, p *parts) {
				c := p.client(t)
				p.create(t, c)
				app, stop := p.run(t)
				feed(t, c, recorded(t, name))
				advance(t, c, drained)
				settle(t, c, app)
				stop()
				judge(t, c, expected(t, name))
			})
		})
	}
}
