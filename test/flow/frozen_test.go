package flow

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

var freezeTo = flag.String("freeze", "", "write what this release leaves in Kafka and Redis to this file, for later releases to go on from")

// frozen is a flow that was stopped: all records of its topics, all keys of its store.
type frozen struct {
	Release string                       `json:"release"`
	Topics  map[string][]frozenRecord    `json:"topics"`
	Strings map[string][]byte            `json:"strings"`
	Hashes  map[string]map[string][]byte `json:"hashes"`
}

type frozenRecord struct {
	Partition int32  `json:"p"`
	Timestamp int64  `json:"t"`
	Key       []byte `json:"k"`
	Value     []byte `json:"v"`
}

// traffic is a made-up shop: 60 people over five days, a third of them with an email.
func traffic(t *testing.T) []event.Event {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 27))
	at := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC).UnixMilli()
	var events []event.Event
	for i := range 900 {
		at += r.Int64N(16 * 60_000)
		who := r.IntN(60)
		e := event.Event{
			Kind: event.KindTrack, Source: event.SourcePipelines, ID: fmt.Sprintf("e%d", i),
			Name:    []string{"Product Viewed", "Product Viewed", "Product Viewed", "Product Added", "Order Completed"}[r.IntN(5)],
			EventAt: at - r.Int64N(20)*r.Int64N(2)*60_000, AcceptedAt: at, Person: fmt.Sprintf("shopper-%02d", who),
		}
		e.IDs.CustomerID = e.Person
		if who%3 == 0 {
			e.IDs.Email = e.Person + "@example.com"
		}
		events = append(events, e)
	}
	return events
}

func send(t *testing.T, c *kafkaio.Client, topic string, records []kafkaio.OutRecord) {
	t.Helper()
	producer := c.NewProducer(kafkaio.ProducerConfig{Topic: topic})
	defer func() { _ = producer.Close(t.Context()) }()
	for chunk := range slices.Chunk(records, 500) {
		if err := producer.Produce(t.Context(), chunk); err != nil {
			t.Fatal(err)
		}
	}
}

func recordsOf(events []event.Event) []kafkaio.OutRecord {
	records := make([]kafkaio.OutRecord, len(events))
	for i := range events {
		e := &events[i]
		records[i] = kafkaio.OutRecord{
			Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.AcceptedAt, Key: []byte(e.Person),
			Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), e),
		}
	}
	return records
}

// TestFreeze makes a fixture; it does nothing unless it is told where to put it.
func TestFreeze(t *testing.T) {
	if *freezeTo == "" {
		t.Skip("make a fixture of this release with -freeze FILE")
	}
	p := embeddedParts(t)
	c := p.client(t)
	p.create(t, c)
	events := traffic(t)
	send(t, c, schemas.EventsTopic, recordsOf(events[:len(events)/2]))
	app, stop := p.run(t)
	settle(t, c, app)
	stop()
	f := frozen{Release: *freezeTo, Topics: map[string][]frozenRecord{}, Strings: map[string][]byte{}, Hashes: map[string]map[string][]byte{}}
	for _, topic := range []string{schemas.EventsTopic, schemas.TransitionsTopic, schemas.ProfilesTopic} {
		records, err := tail.Read(t.Context(), c, topic, partitions)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			f.Topics[topic] = append(f.Topics[topic], frozenRecord{r.Partition, r.Timestamp, r.Key, r.Value})
		}
	}
	for _, key := range p.mini.Keys() {
		if p.mini.Type(key) == "string" {
			text, err := p.mini.Get(key)
			if err != nil {
				t.Fatal(err)
			}
			f.Strings[key] = []byte(text)
			continue
		}
		fields, err := p.mini.HKeys(key)
		if err != nil {
			t.Fatal(err)
		}
		f.Hashes[key] = map[string][]byte{}
		for _, field := range fields {
			f.Hashes[key][field] = []byte(p.mini.HGet(key, field))
		}
	}
	file, err := os.Create(*freezeTo)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(file)
	if err := json.NewEncoder(z).Encode(f); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// thaw puts a fixture into parts that are empty.
func (p *parts) thaw(t *testing.T, c *kafkaio.Client, name string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var f frozen
	if err := json.NewDecoder(z).Decode(&f); err != nil {
		t.Fatal(err)
	}
	p.create(t, c)
	for topic, records := range f.Topics {
		var out []kafkaio.OutRecord
		for _, r := range records {
			out = append(out, kafkaio.OutRecord{Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value})
		}
		send(t, c, topic, out)
	}
	for key, value := range f.Strings {
		if err := p.mini.Set(key, string(value)); err != nil {
			t.Fatal(err)
		}
	}
	for key, fields := range f.Hashes {
		for field, value := range fields {
			p.mini.HSet(key, field, string(value))
		}
	}
}

// decision is what a reader acts on.
type decision struct {
	ID             cohort.ID
	Op             cohort.Op
	Person, Cohort string
	At, Version    int64
}

func decisions(t *testing.T, c *kafkaio.Client) (list []decision) {
	t.Helper()
	produced, err := tail.Transitions(t.Context(), c, partitions)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range produced.Transitions {
		list = append(list, decision{d.ID, d.Op, d.Person, d.Cohort, d.EffectiveAt, d.Version})
	}
	slices.SortFunc(list, func(a, b decision) int {
		if a.ID.Partition != b.ID.Partition {
			return int(a.ID.Partition - b.ID.Partition)
		}
		if a.ID.Less(b.ID) {
			return -1
		}
		return 1
	})
	return list
}

// An earlier release was stopped in the middle of things. This one goes on from what it
// left in Kafka and Redis, and decides what it would have decided from the start; and a
// rebuild from the log finds nothing that was published otherwise.
func TestProcessor_GoesOnFromAnEarlierRelease(t *testing.T) {
	p := embeddedParts(t)
	c := p.client(t)
	p.thaw(t, c, "testdata/frozen-1.json.gz")
	before := decisions(t, c)
	app, stop := p.run(t)
	settle(t, c, app)
	events := traffic(t)
	send(t, c, schemas.EventsTopic, recordsOf(events[len(events)/2:]))
	advance(t, c, drained)
	settle(t, c, app)
	stop()
	got := decisions(t, c)
	if len(before) < 100 || len(got) < len(before)+100 {
		t.Fatalf("%d decisions in the fixture, %d with what followed: too few to tell anything", len(before), len(got))
	}

	fresh := embeddedParts(t)
	fc := fresh.client(t)
	fresh.create(t, fc)
	log, err := tail.Read(t.Context(), c, schemas.EventsTopic, partitions)
	if err != nil {
		t.Fatal(err)
	}
	var whole []kafkaio.OutRecord
	for _, r := range log {
		whole = append(whole, kafkaio.OutRecord{Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value})
	}
	send(t, fc, schemas.EventsTopic, whole)
	app, stop = fresh.run(t)
	settle(t, fc, app)
	stop()
	if diff := cmp.Diff(decisions(t, fc), got); diff != "" {
		t.Errorf("from the start against from where the earlier release stopped (-start +stopped):\n%s", diff)
	}
}

// What a newer release wrote is not touched: every partition stops, and says why.
func TestProcessor_LeavesTheStateOfANewerReleaseAlone(t *testing.T) {
	p := embeddedParts(t)
	c := p.client(t)
	p.thaw(t, c, "testdata/frozen-1.json.gz")
	newer := map[string]string{}
	for _, key := range p.mini.Keys() {
		if p.mini.Type(key) == "string" && strings.HasSuffix(key, ":c") {
			newer[key] = "\x7fwritten by a release to come"
			if err := p.mini.Set(key, newer[key]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(newer) != partitions {
		t.Fatalf("%d checkpoints in the fixture, want %d", len(newer), partitions)
	}
	published := decisions(t, c)
	app, stop := p.run(t)
	eventually(t, 30*time.Second, func() bool {
		err := app.Ready(t.Context())
		return err != nil && strings.Count(err.Error(), "run the newer release") == partitions
	})
	stop()
	for key, want := range newer {
		if got, err := p.mini.Get(key); err != nil || got != want {
			t.Errorf("checkpoint %s has become %q, %v", key, got, err)
		}
	}
	if diff := cmp.Diff(published, decisions(t, c)); diff != "" {
		t.Errorf("something was decided (-before +after):\n%s", diff)
	}
}
