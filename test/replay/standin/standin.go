// Package standin is a toy pipeline for tests of the tools that measure and show
// the real one: it takes calls at an HTTP door, decides by three fixed rules, and
// writes transitions, suppression records and receipts to an embedded broker. It
// keeps no promise of the real pipeline but the forms of its records.
package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// Pipeline is a running toy.
type Pipeline struct {
	URL    string // of its door
	Broker string

	door    *httptest.Server
	cluster *kfake.Cluster
	client  *kafkaio.Client
	writers map[string]*kafkaio.Producer
	n       int

	mu      sync.Mutex
	known   map[string]bool // message ids and members, so that repeats do nothing
	offset  int64
	timers  []*time.Timer
	failure error
}

// Of the three rules: what time does to people who did something once.
const (
	settle = 30 * time.Minute
	viewed = 24 * time.Hour
	bought = 7 * 24 * time.Hour
)

// Start makes a pipeline with the given number of partitions of every topic.
func Start(partitions int) (*Pipeline, error) {
	topics := []string{schemas.TransitionsTopic, schemas.SuppressionTopic("meta"), schemas.ReceiptsTopic}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(int32(partitions), topics...))
	if err != nil {
		return nil, fmt.Errorf("start the stand-in: %w", err)
	}
	client, err := kafkaio.Open(kafkaio.Config{Brokers: cluster.ListenAddrs()}, slog.New(slog.DiscardHandler))
	if err != nil {
		cluster.Close()
		return nil, fmt.Errorf("start the stand-in: %w", err)
	}
	p := &Pipeline{
		Broker: cluster.ListenAddrs()[0], cluster: cluster, client: client, n: partitions,
		writers: map[string]*kafkaio.Producer{}, known: map[string]bool{},
	}
	for _, t := range topics {
		p.writers[t] = client.NewProducer(kafkaio.ProducerConfig{Topic: t})
	}
	p.door = httptest.NewServer(p)
	p.URL = p.door.URL
	return p, nil
}

// Close ends it and tells the first thing that went wrong inside.
func (p *Pipeline) Close() error {
	p.door.Close()
	p.mu.Lock()
	for _, t := range p.timers {
		t.Stop()
	}
	err := p.failure
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, w := range p.writers {
		_ = w.Close(ctx)
	}
	_ = p.client.Close()
	p.cluster.Close()
	return err
}

type message struct {
	Type, MessageID, UserID, Event string
	Timestamp                      time.Time
	Batch                          []message
}

// ServeHTTP takes calls of the Pipelines API, single and in batches, and answers
// 200 to everything else.
func (p *Pipeline) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/batch" && r.URL.Path != "/v1/track" {
		return
	}
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if m.Batch == nil {
		m.Batch = []message{m}
	}
	now := time.Now()
	for _, m := range m.Batch {
		p.take(m, now)
	}
}

func (p *Pipeline) take(m message, now time.Time) {
	p.mu.Lock()
	repeated := p.known[m.MessageID]
	p.known[m.MessageID] = true
	p.mu.Unlock()
	if repeated {
		return
	}
	switch m.Event {
	case "Order Completed":
		p.write("recent_purchaser_7d", m.UserID, cohort.OpEnter, m.MessageID, m.Timestamp, now)
		p.later(m.Timestamp.Add(bought), "recent_purchaser_7d", m.UserID, cohort.OpExit)
	case "Product Added":
		p.later(m.Timestamp.Add(settle), "cart_abandoner_24h", m.UserID, cohort.OpEnter)
	case "Product Viewed":
		p.later(m.Timestamp.Add(viewed), "browse_no_cart_24h", m.UserID, cohort.OpExit)
	}
}

// later lets time decide, once for each person and cohort, if its instant is soon.
func (p *Pipeline) later(at time.Time, name, person string, op cohort.Op) {
	key := name + "/" + person + "/" + strconv.Itoa(int(op))
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := time.Until(at); wait > 0 && wait < time.Minute && !p.known[key] {
		p.known[key] = true
		p.timers = append(p.timers, time.AfterFunc(wait, func() { p.write(name, person, op, "", at, at) }))
	}
}

func (p *Pipeline) write(name, person string, op cohort.Op, source string, effective, accepted time.Time) {
	p.mu.Lock()
	p.offset++
	partition := kafkaio.PartitionFor(person, p.n)
	id := cohort.ID{Partition: partition, Offset: p.offset}
	p.mu.Unlock()
	t := cohort.Transition{
		ID: id, Op: op, Person: person, Cohort: name, Reason: cohort.ReasonEvent, SourceID: source,
		EffectiveAt: effective.UnixMilli(), AcceptedAt: accepted.UnixMilli(),
	}
	if source == "" {
		t.Reason = cohort.ReasonWindowEnded
	}
	p.put(schemas.TransitionsTopic, partition, person, avrocodec.AppendTransition(nil, 1, &t))
	p.put(schemas.ReceiptsTopic, partition, person, avrocodec.AppendReceipt(nil, 1, &avrocodec.Receipt{
		Destination: "saleswings", Outcome: avrocodec.OutcomeDelivered, TransitionID: avrocodec.FormatID(id),
	}))
	if name == "recent_purchaser_7d" {
		s := avrocodec.Suppression{
			Op: avrocodec.OpSuppress, Cohort: name, TransitionID: avrocodec.FormatID(id), SourceID: source,
			AcceptedAt: accepted.UnixMilli(), EmittedAt: time.Now().UnixMilli(),
		}
		if op == cohort.OpExit {
			s.Op = avrocodec.OpRelease
		}
		p.put(schemas.SuppressionTopic("meta"), partition, person, avrocodec.AppendSuppression(nil, 1, &s))
	}
}

func (p *Pipeline) put(topic string, partition int32, key string, value []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := p.writers[topic].Produce(ctx, []kafkaio.OutRecord{{Partition: partition, Timestamp: time.Now().UnixMilli(), Key: []byte(key), Value: value}})
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.failure == nil {
			p.failure = fmt.Errorf("stand-in: write to %s: %w", topic, err)
		}
	}
}
