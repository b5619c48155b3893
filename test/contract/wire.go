package contract

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

const patience = 20 * time.Second

// Wire speaks to a broker by the requests themselves: no client library chooses an epoch or a
// sequence, repeats or waits.
type Wire struct {
	t       testing.TB
	part    Part
	brokers []string
	client  *kgo.Client
	name    string // before the name of each topic and id
	topics  map[int]bool
	writers map[int]partition.Producer
	restart func(clean bool)
}

// NewWire opens one view of a broker; names keep it apart from the others.
func NewWire(t testing.TB, part Part, brokers []string, restart func(clean bool)) *Wire {
	t.Helper()
	w := &Wire{t: t, part: part, brokers: brokers, topics: map[int]bool{}, writers: map[int]partition.Producer{}, restart: restart}
	w.rename()
	w.dial()
	t.Cleanup(func() { w.client.Close() })
	return w
}

func (w *Wire) rename() { w.name = fmt.Sprintf("contract-%d", time.Now().UnixNano()) }

// Anew is another view of the same broker, over the same connection.
func (w *Wire) Anew() *Wire {
	other := *w
	other.topics, other.writers = map[int]bool{}, map[int]partition.Producer{}
	other.rename()
	return &other
}

// Move says where the broker is, after a restart elsewhere.
func (w *Wire) Move(brokers []string) { w.brokers = brokers }

func (w *Wire) dial() {
	if w.client != nil {
		w.client.Close()
	}
	// Up to 3.0 fetches and writes name their topics; later ones ask for ids.
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.MaxVersions(kversion.V3_0_0()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.client = client
}

// Part says which one this is.
func (w *Wire) Part() Part { return w.part }

// ask sends a request to the one broker there is.
func ask[A kmsg.Response](w *Wire, request kmsg.Request) A {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := w.client.SeedBrokers()[0].RetriableRequest(ctx, request)
	if err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(request.Key()), err)
	}
	return answer.(A)
}

// coordinate sends a request to the coordinator of the transactional id in it.
func coordinate[A kmsg.Response](w *Wire, request kmsg.Request) A {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := w.client.Request(ctx, request)
	if err != nil {
		w.t.Fatalf("%s: %v", kmsg.NameForKey(request.Key()), err)
	}
	return answer.(A)
}

// until asks again until what it asks for is there.
func (w *Wire) until(what string, there func() error) {
	w.t.Helper()
	var err error
	for begun := time.Now(); time.Since(begun) < patience; time.Sleep(5 * time.Millisecond) {
		if err = there(); err == nil {
			return
		}
	}
	w.t.Fatalf("%s: %v", what, err)
}

// TakeEpoch waits for a coordinator that is only being made.
func (w *Wire) TakeEpoch(id int) partition.Producer {
	w.t.Helper()
	name := fmt.Sprintf("%s-id-%d", w.name, id)
	return w.producer(&name)
}

// Log writes as an idempotent producer does, whose id is its own for good.
func (w *Wire) Log(topic, writer, number int) (int64, Code) {
	w.t.Helper()
	if _, known := w.writers[writer]; !known {
		w.writers[writer] = w.producer(nil)
	}
	return w.Append(topic, Batch{By: w.writers[writer], Seq: int32(number), Values: []string{fmt.Sprint(number)}})
}

func (w *Wire) producer(name *string) (p partition.Producer) {
	w.t.Helper()
	w.until("take an epoch", func() error {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionalID, request.TransactionTimeoutMillis = name, 60_000
		answer := coordinate[*kmsg.InitProducerIDResponse](w, request)
		p = partition.Producer{ID: answer.ProducerID, Epoch: answer.ProducerEpoch}
		return kerr.ErrorForCode(answer.ErrorCode)
	})
	return p
}

// Append writes one batch with acks=all.
func (w *Wire) Append(topic int, b Batch) (offset int64, code Code) {
	w.t.Helper()
	bytes := encode(b, time.Now().UnixMilli()-b.Age)
	w.until("append", func() error {
		request := kmsg.NewPtrProduceRequest()
		request.Acks, request.TimeoutMillis = -1, int32(patience/time.Millisecond)
		t := kmsg.NewProduceRequestTopic()
		t.Topic = w.topic(topic)
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = bytes
		t.Partitions = append(t.Partitions, p)
		request.Topics = append(request.Topics, t)
		answer := ask[*kmsg.ProduceResponse](w, request).Topics[0].Partitions[0]
		if err := passing(answer.ErrorCode); err != nil {
			return err
		}
		offset, code = answer.BaseOffset, Code(answer.ErrorCode)
		return nil
	})
	return offset, code
}

// Read fetches once, and does not wait for more.
func (w *Wire) Read(topic int, from int64) (f Fetched) {
	w.t.Helper()
	w.until("read", func() error {
		request := kmsg.NewPtrFetchRequest()
		request.MaxBytes, request.MinBytes, request.MaxWaitMillis = 1<<20, 0, 0
		t := kmsg.NewFetchRequestTopic()
		t.Topic = w.topic(topic)
		p := kmsg.NewFetchRequestTopicPartition()
		p.FetchOffset, p.PartitionMaxBytes = from, 1<<20
		t.Partitions = append(t.Partitions, p)
		request.Topics = append(request.Topics, t)
		answer := ask[*kmsg.FetchResponse](w, request)
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return err
		}
		if len(answer.Topics) == 0 {
			return errors.New("an answer without the topic")
		}
		part := &answer.Topics[0].Partitions[0]
		if err := passing(part.ErrorCode); err != nil {
			return err
		}
		f = Fetched{High: part.HighWatermark, Code: Code(part.ErrorCode)}
		got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: from, Topic: t.Topic}, part, kgo.DefaultDecompressor(), nil)
		for _, r := range got.Records {
			f.Records = append(f.Records, Record{
				Offset: r.Offset, By: partition.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}, Value: string(r.Value),
			})
		}
		return nil
	})
	return f
}

// passing is the error of an answer that says nothing about the batch: the topic is only being made, or
// the broker only starting.
func passing(code int16) error {
	switch err := kerr.ErrorForCode(code); {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.NotLeaderForPartition), errors.Is(err, kerr.LeaderNotAvailable):
		return err
	default:
		return nil
	}
}
