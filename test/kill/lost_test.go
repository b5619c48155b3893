package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/checker/audit"
)

// witness looks at a flow whose log loses something: what must stop has to say so, and to write nothing more.
type witness struct {
	*flow
	client *kgo.Client
	watch  *audit.Watch
}

func (f *flow) witness(t *testing.T) *witness {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(f.brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	watching, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	tally, err := newTally(watching, f.brokers())
	if err != nil {
		t.Fatal(err)
	}
	return &witness{flow: f, client: client, watch: tally.watch}
}

// live lets people go shopping until the function is called.
func (f *flow) live(t *testing.T) (people *crowd, silence func()) {
	t.Helper()
	people = newCrowd(f.url, uint64(time.Now().UnixNano()%1000), 16)
	living, stop := context.WithCancel(t.Context())
	var everybody sync.WaitGroup
	everybody.Go(func() { people.run(living) })
	silence = sync.OnceFunc(func() {
		stop()
		everybody.Wait()
	})
	t.Cleanup(silence)
	return people, silence
}

// ends gives where the partitions of a topic end. A leader that was just elected may not know for a moment.
func (w *witness) ends(t *testing.T, topic string) (ends []int64) {
	t.Helper()
	if err := poll(t.Context(), patience, func() (err error) {
		ends, err = audit.Ends(t.Context(), w.client, topic)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ends
}

// says waits until /readyz fails with all of these words, and the log has the line that alerts are made of.
func (w *witness) says(t *testing.T, words ...string) {
	t.Helper()
	s := w.services["processor"]
	if err := poll(t.Context(), patience, func() error {
		status, text, err := s.readyz(t.Context())
		if err != nil {
			return err
		}
		for _, word := range words {
			if status != http.StatusServiceUnavailable || !strings.Contains(text, word) {
				return fmt.Errorf("/readyz says %d %s, want 503 with %q", status, text, word)
			}
		}
		if !strings.Contains(s.said(), "needs a person") {
			return errors.New("the log does not say that it needs a person")
		}
		return nil
	}); err != nil {
		t.Errorf("%v\n%s", err, s.said()[max(0, len(s.said())-2_000):])
	}
}

// goesOn wants that partitions are worked off up to where the log ends now.
func (w *witness) goesOn(t *testing.T, of ...int) {
	t.Helper()
	ends := w.ends(t, schemas.EventsTopic)
	want := make([]int64, partitions)
	for _, p := range of {
		want[p] = ends[p]
	}
	if err := poll(t.Context(), patience, func() error {
		if !w.watch.Reached(want) {
			return fmt.Errorf("partitions %v are not worked off up to %v", of, want)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// publishesNothing wants that the transitions of partitions stay as they are while their logs grow.
func (w *witness) publishesNothing(t *testing.T, of ...int) {
	t.Helper()
	before, logs := w.ends(t, schemas.TransitionsTopic), w.ends(t, schemas.EventsTopic)
	w.grows(t, logs, of...)
	after := w.ends(t, schemas.TransitionsTopic)
	for _, p := range of {
		if after[p] != before[p] {
			t.Errorf("partition %d stopped and published %d records since", p, after[p]-before[p])
		}
	}
}

// grows waits until the logs of partitions have 20 records more than they had.
func (w *witness) grows(t *testing.T, from []int64, of ...int) {
	t.Helper()
	if err := poll(t.Context(), patience, func() error {
		ends := w.ends(t, schemas.EventsTopic)
		for _, p := range of {
			if ends[p] < from[p]+20 {
				return fmt.Errorf("the log of partition %d has grown by %d", p, ends[p]-from[p])
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// readyz gives the answer of a service.
func (s *service) readyz(ctx context.Context) (status int, text string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/readyz", nil)
	if err != nil {
		return 0, "", err
	}
	answer, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

// Retention passes the checkpoint, partitions are added, the topic is made anew: what cannot go on stops and says so.
func TestLog_LosesWhatIsNeeded(t *testing.T) {
	f := begin(t, nil)
	w := f.witness(t)
	_, silence := f.live(t)
	ctx := t.Context()
	if err := pause(ctx, 4*time.Second); err != nil {
		t.Fatal(err)
	}

	t.Log("retention passes the checkpoint of partition 0 while nobody works")
	processor := f.services["processor"]
	if err := processor.stop(); err != nil {
		t.Fatal(err)
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := deleteRecords(ctx, w.client, schemas.EventsTopic, 0, w.ends(t, schemas.EventsTopic)[0]); err != nil {
		t.Fatal(err)
	}
	if err := f.start("processor"); err != nil {
		t.Fatal(err)
	}
	w.says(t, "partition 0 stopped", "retention has passed the checkpoint", "raise retention")
	w.goesOn(t, 1, 2, 3)
	w.publishesNothing(t, 0)

	t.Log("a partition is added to the log")
	if err := addPartitions(ctx, w.client, schemas.EventsTopic, partitions+1); err != nil {
		t.Fatal(err)
	}
	w.says(t, "topic "+schemas.EventsTopic+" has 5 partitions", "partition 0 stopped", "afresh on new topics")
	w.goesOn(t, 1, 2, 3)
	if err := f.twin("processor"); err != nil {
		t.Fatal(err)
	}
	other := f.services["processor-2"]
	if !other.ended(ctx, patience) || !strings.Contains(other.said(), "has 5 partitions, want 4") {
		t.Errorf("a processor begins on a log of 5 partitions:\n%s", other.said())
	}

	t.Log("the log is deleted and made anew")
	if err := deleteTopic(ctx, w.client, schemas.EventsTopic); err != nil {
		t.Fatal(err)
	}
	w.says(t, "topic "+schemas.EventsTopic+" is no longer there")
	if err := createTopic(ctx, w.client, schemas.EventsTopic); err != nil {
		t.Fatal(err)
	}
	w.says(t, "partition 0 stopped", "partition 1 stopped", "partition 2 stopped", "partition 3 stopped", "created again")
	w.publishesNothing(t, 0, 1, 2, 3)
	if err := processor.stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.start("processor"); err != nil {
		t.Fatal(err)
	}
	w.says(t, "partition 0 stopped", "partition 1 stopped", "partition 2 stopped", "partition 3 stopped", "created again")
	w.publishesNothing(t, 0, 1, 2, 3)
	silence()
}

func deleteRecords(ctx context.Context, client *kgo.Client, topic string, partition int32, below int64) error {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 10_000
	of := kmsg.NewDeleteRecordsRequestTopic()
	of.Topic = topic
	p := kmsg.NewDeleteRecordsRequestTopicPartition()
	p.Partition, p.Offset = partition, below
	of.Partitions = append(of.Partitions, p)
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	return kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
}

func addPartitions(ctx context.Context, client *kgo.Client, topic string, n int32) error {
	request := kmsg.NewPtrCreatePartitionsRequest()
	request.TimeoutMillis = 10_000
	of := kmsg.NewCreatePartitionsRequestTopic()
	of.Topic, of.Count = topic, n
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("add partitions: %w", err)
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

func deleteTopic(ctx context.Context, client *kgo.Client, topic string) error {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = 10_000
	of := kmsg.NewDeleteTopicsRequestTopic()
	of.Topic = &topic
	request.Topics, request.TopicNames = append(request.Topics, of), []string{topic}
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("delete %s: %w", topic, err)
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

// createTopic makes a topic as the product makes it, as far as it matters here.
func createTopic(ctx context.Context, client *kgo.Client, topic string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	of := kmsg.NewCreateTopicsRequestTopic()
	of.Topic, of.NumPartitions, of.ReplicationFactor = topic, partitions, 1
	for name, value := range map[string]string{"message.timestamp.type": "LogAppendTime", "retention.ms": "34560000000"} {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, &value
		of.Configs = append(of.Configs, c)
	}
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	return kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}
