package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/pkg/topics"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/launch"
	"github.com/cohortflow/cohortflow/test/replay"
)

// secret seals contacts and makes keys of emails, in the processor and here.
const secret = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// cpu is the CPU time that a process has used, all its threads.
func cpu(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// peak is the most memory that a process has held, in MiB.
func peak(pid int) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // shown, not used
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	n, _ := strconv.ParseInt(kib, 10, 64)
	return n >> 10
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg") // shown, not used
	return string(text)
}

func specs() []kafkaio.TopicSpec {
	return topics.Specs(topics.Config{Partitions: partitions, LogRetention: 9600 * time.Hour, Retention: 720 * time.Hour})
}

// load writes the workload to the log, the events' own time as accepted time, and tells
// how many records that were. If everybody is to be identified, it counts whom; each of
// them is, before their first event.
func load(ctx context.Context, client *kafkaio.Client, file string, identify bool) (written, identified int, err error) {
	if err := client.EnsureTopics(ctx, specs(), true); err != nil {
		return 0, 0, err
	}
	events, err := replay.Load(file, nil)
	if err != nil {
		return 0, 0, err
	}
	keys, err := seal.Parse(secret)
	if err != nil {
		return 0, 0, err
	}
	known := map[string]bool{}
	v, _ := schemas.Newest(schemas.EventsSubject)
	producer := client.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic, MaxBufferedBytes: 64 << 20})
	defer func() { _ = producer.Close(ctx) }()
	if err := begin(ctx, producer, v.ID); err != nil {
		return 0, 0, err
	}
	for part := range slices.Chunk(events, 5000) {
		records := make([]kafkaio.OutRecord, 0, len(part))
		for i := range part {
			e := &part[i]
			if identify && e.User != "" && !known[e.User] {
				known[e.User] = true
				records = append(records, identity(keys, v.ID, e.User, e.At)...)
			}
			out := event.Event{
				Kind: event.KindTrack, Source: event.SourcePipelines, Workspace: "default", ID: e.ID, Name: e.Name, EventAt: e.At, AcceptedAt: e.At,
				Person: e.User, IDs: event.Identifiers{CustomerID: e.User},
				Properties: event.Properties{Strings: map[string]string{"product_id": e.Product, "category": e.Categ, "session_id": e.Session}},
			}
			if e.Priced {
				out.Properties.Numbers = map[string]float64{"price": e.Price}
			}
			records = append(records, recordOf(v.ID, &out))
		}
		if err := producer.Produce(ctx, records); err != nil {
			return 0, 0, fmt.Errorf("load the log: %w", err)
		}
		written += len(records)
	}
	return written, len(known), nil
}

func recordOf(id uint32, e *event.Event) kafkaio.OutRecord {
	return kafkaio.OutRecord{
		Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.AcceptedAt, Key: []byte(e.Person), Value: avrocodec.AppendEvent(nil, id, e),
	}
}

// identity gives what ingest makes of an identify with an email: the event, and the record
// by which the owner of the email's key learns whose it is.
func identity(keys *seal.Keys, id uint32, user string, at int64) []kafkaio.OutRecord {
	known := event.Event{
		Kind: event.KindIdentify, Source: event.SourcePipelines, Workspace: "default", ID: "i-" + user, EventAt: at, AcceptedAt: at,
		Person: user, IDs: event.Identifiers{CustomerID: user, Email: user + "@shop.example"},
	}
	link := known
	link.Kind, link.Name, link.ID, link.Person = event.KindMerge, event.NameRelink, known.ID+"/link-email", keys.EmailKey(known.IDs.Email)
	link.Properties.Strings = map[string]string{event.PropertyInto: user}
	return []kafkaio.OutRecord{recordOf(id, &known), recordOf(id, &link)}
}

// begin writes the catalogue at the head of each partition, where the first owner of a
// new log writes it.
func begin(ctx context.Context, producer *kafkaio.Producer, id uint32) error {
	rules, err := catalogue.Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		return err
	}
	records := make([]kafkaio.OutRecord, partitions)
	for p := range records {
		records[p] = kafkaio.OutRecord{Partition: int32(p), Key: []byte("__catalogue__"), Value: avrocodec.AppendEvent(nil, id, &event.Event{
			Kind: event.KindCatalog, Source: event.SourceOwner, ID: "catalogue", Name: rules.Program.Revision(),
			Properties: event.Properties{Nested: map[string]string{"catalogue": string(rules.Text)}},
		})}
	}
	if err := producer.Produce(ctx, records); err != nil {
		return fmt.Errorf("begin the log: %w", err)
	}
	return nil
}

func dropOutputs(ctx context.Context, addr string) error {
	c := &kafka.Client{Addr: kafka.TCP(addr), Timeout: 20 * time.Second}
	if _, err := c.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{schemas.TransitionsTopic, schemas.ProfilesTopic}}); err != nil {
		return fmt.Errorf("drop outputs: %w", err)
	}
	own, err := kafkaio.Open(kafkaio.Config{Brokers: []string{addr}}, discard())
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	for range 50 {
		if err = own.EnsureTopics(ctx, specs(), true); err == nil {
			return nil
		}
		time.Sleep(200 * time.Millisecond)
	}
	return err
}

// settled is the committed offset of a partition, as its checkpoint says.
func settled(redis *launch.Server, p int) int64 {
	raw, err := redis.Do("GET", fmt.Sprintf("{p%d}:c", p))
	if err != nil || raw == "" {
		return -1
	}
	c, err := partition.DecodeCheckpoint([]byte(raw))
	if err != nil {
		return -1
	}
	return c.Offset
}

// people tells how many people Redis holds and what each takes. Who is identified has an
// entry under the key of the email as well.
func people(memory string, redis *launch.Server, identified int) string {
	used := int64(0)
	for line := range strings.SplitSeq(memory, "\r\n") {
		if text, ok := strings.CutPrefix(line, "used_memory:"); ok {
			used, _ = strconv.ParseInt(text, 10, 64)
		}
	}
	n := int64(0)
	for p := range partitions {
		for h := range 64 {
			raw, _ := redis.Do("HLEN", fmt.Sprintf("{p%d}:s:%02x", p, h))
			v, _ := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(raw), ":"), 10, 64)
			n += v
		}
	}
	n -= int64(identified)
	if n <= 0 {
		return ""
	}
	with := "deadlines and checkpoints included"
	if identified > 0 {
		with = "email, the link from its key, deadlines and checkpoints included"
	}
	return fmt.Sprintf("        %d people in Redis, %d MiB in all, %d B each (%s)\n", n, used>>20, used/n, with)
}
