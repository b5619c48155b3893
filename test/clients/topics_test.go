package clients_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/clients"
)

const at = 1_700_000_000_123 // ms

// samples are records of every topic as the pipeline writes them, watermarks and tombstones among them.
func samples(r *avrocodec.Registry) map[string][][]byte {
	id := func(topic string) uint32 { return r.ID(schemas.Subject(topic)) }
	mark := &cohort.Watermark{Partition: 1, Processed: 7, LogTime: at, Last: cohort.ID{Partition: 1, Offset: -1}, Owner: "o", At: at}
	meta := schemas.SuppressionTopic("meta")
	return map[string][][]byte{
		schemas.EventsTopic: {avrocodec.AppendEvent(nil, id(schemas.EventsTopic), &event.Event{
			Kind: event.KindTrack, Source: event.SourcePipelines, ID: "e", Name: "Order Completed", EventAt: at, AcceptedAt: at + 1, Person: "p",
			IDs: event.Identifiers{CustomerID: "p"},
			Properties: event.Properties{
				Strings: map[string]string{"order_id": "o"}, Numbers: map[string]float64{"price": 1.5},
				Booleans: map[string]bool{"gift": true}, Nested: map[string]string{"items": "[1]"},
			},
		})},
		schemas.QuarantineTopic: {avrocodec.AppendQuarantine(nil, id(schemas.QuarantineTopic), &avrocodec.Quarantine{
			ID: "q", Source: "pipelines", Reason: "bad_json", Headers: map[string]string{"content-type": "text/plain"}, Body: []byte("{"), ReceivedAt: at,
		})},
		schemas.TransitionsTopic: {
			avrocodec.AppendTransitionWatermark(nil, id(schemas.TransitionsTopic), mark),
			avrocodec.AppendTransition(nil, id(schemas.TransitionsTopic), &cohort.Transition{
				ID: cohort.ID{Partition: 1, Offset: 7, Ordinal: 2}, Op: cohort.OpEnter, Person: "p", Cohort: "c", Reason: cohort.ReasonEvent,
				EffectiveAt: at, DecidedAt: at + 1, Version: 3, Evidence: []cohort.Evidence{{At: at, Offset: 7}}, SourceID: "e", SourceAt: at, AcceptedAt: at + 1, Contacts: [][]byte{{1, 2}},
			}),
		},
		schemas.ProfilesTopic: {
			avrocodec.AppendProfileWatermark(nil, id(schemas.ProfilesTopic), mark),
			avrocodec.AppendProfile(nil, id(schemas.ProfilesTopic), &cohort.Profile{Person: "p", Version: 3, UpdatedAt: at, Memberships: []cohort.Membership{{Cohort: "c", EnteredAt: at}}}),
			nil,
		},
		meta: {
			avrocodec.AppendSuppressionWatermark(nil, id(meta), mark),
			avrocodec.AppendSuppression(nil, id(meta), &avrocodec.Suppression{
				Op: avrocodec.OpSuppress, Platform: "meta", Subject: "s", Cohort: "c", EffectiveAt: at, EmittedAt: at, AcceptedAt: at,
				Identifiers: []avrocodec.Identifier{{Type: "email", Rule: "r", RulesVersion: 1, Encoding: "hex", Value: "00"}},
			}),
			nil,
		},
		schemas.ReceiptsTopic: {avrocodec.AppendReceipt(nil, id(schemas.ReceiptsTopic), &avrocodec.Receipt{
			Destination: "saleswings", TransitionID: "1-7-2", Person: "p", Outcome: avrocodec.OutcomeDelivered, Status: 200, Attempt: 1, At: at, AcceptedAt: at, EffectiveAt: at,
		})},
		schemas.DeadLetterTopic: {avrocodec.AppendDeadLetter(nil, id(schemas.DeadLetterTopic), &avrocodec.DeadLetter{Destination: "saleswings", Reason: "refused", Transition: []byte{0}, At: at, Attempts: 1})},
	}
}

// serve starts an embedded broker that holds the records, in turn on two partitions.
func serve(t *testing.T, records map[string][][]byte) (brokers string) {
	t.Helper()
	var topics []string
	for topic := range records {
		topics = append(topics, topic)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kafkaio.Open(kafkaio.Config{Brokers: cluster.ListenAddrs()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for topic, values := range records {
		p := client.NewProducer(kafkaio.ProducerConfig{Topic: topic, Compression: "zstd"})
		for i, v := range values {
			if err := p.Produce(ctx, []kafkaio.OutRecord{{Partition: int32(i % 2), Timestamp: at, Key: []byte("p"), Value: v}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(cluster.ListenAddrs(), ",")
}

func TestReadTopics_StockConfluentDeserialiserReadsEveryTopic(t *testing.T) {
	needClients(t)
	registry := avrocodec.NewEmbedded()
	server := httptest.NewServer(registry.Handler())
	defer server.Close()
	records := samples(registry)
	brokers := serve(t, records)
	var topics []string
	want := map[string]clients.TopicReport{}
	for topic, values := range records {
		topics = append(topics, topic)
		r := clients.TopicReport{Records: len(values), Keyed: len(values)}
		for _, v := range values {
			if v == nil {
				r.Tombstones++
			}
		}
		want[topic] = r
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, err := clients.ReadTopics(ctx, brokers, server.URL, topics...)
	if err != nil {
		t.Fatal(err)
	}
	var decoded struct {
		Kind       string             `json:"kind"`
		EventAt    string             `json:"event_at"`
		CustomerID string             `json:"customer_id"`
		Email      *string            `json:"email"`
		Numbers    map[string]float64 `json:"numbers"`
	}
	if err := json.Unmarshal(got[schemas.EventsTopic].Sample, &decoded); err != nil {
		t.Fatal(err)
	}
	if decoded.Kind != "track" || decoded.EventAt != "2023-11-14 22:13:20.123000+00:00" || decoded.CustomerID != "p" || decoded.Email != nil || decoded.Numbers["price"] != 1.5 {
		t.Errorf("event: got %s", got[schemas.EventsTopic].Sample)
	}
	for topic, r := range got {
		if len(r.Sample) == 0 || string(r.Sample) == "null" {
			t.Errorf("%s: no record was decoded", topic)
		}
		r.Sample = nil
		got[topic] = r
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func TestReadTopics_FailsOnARecordOfAnUnknownSchema(t *testing.T) {
	needClients(t)
	server := httptest.NewServer(avrocodec.NewEmbedded().Handler())
	defer server.Close()
	brokers := serve(t, map[string][][]byte{schemas.ReceiptsTopic: {{0, 0, 0, 99, 99, 2}}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := clients.ReadTopics(ctx, brokers, server.URL, schemas.ReceiptsTopic)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("topic %s, record 0@0", schemas.ReceiptsTopic)) {
		t.Errorf("got %v, want an error that names the record", err)
	}
}
