package kafkaiotest

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Run proves the contract of package kafkaio on the cluster that start gives.
// Topics, groups and transactional ids have unique names, so the cluster may be
// shared and kept. It must allow topics with one replica.
func Run(t *testing.T, start func(t *testing.T) (brokers []string)) {
	t.Helper()
	s := &suite{brokers: start(t)}
	for _, c := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"Ping", testPing},
		{"RoundTripInEveryCodec", testCodecs},
		{"ReadsForeignBatchesInEveryCodec", testForeignCodecs},
		{"ReadsOnlyCommittedTransactions", testTransactions},
		{"ReadsManyPartitionsInOrder", testManyPartitions},
		{"AssignTakesEffectDuringLongPoll", testAssignAtOnce},
		{"RevokedPartitionIsSilent", testRevoke},
		{"PausedPartitionWaits", testPause},
		{"OffsetOutOfRangeIsAnErrorNotAJump", testOutOfRange},
		{"ReadRangeIsWholeOrAnError", testReadRange},
		{"ReadAtGivesWhatIsThere", testReadAt},
		{"ProducerSharesBatches", testProducerBatches},
		{"ProducerRetriesWithoutCopies", testProducerLostAnswer},
		{"ProducerPushesBack", testBackpressure},
		{"ProducerFailsAtOnceWhileAwayAndRecovers", testUnavailable},
		{"FencedWriterAppendsInOrder", testFencedAppend},
		{"FencedWriterRetriesWithoutCopies", testFencedLostAnswer},
		{"FencedWriterSharesOnePartitionWithNobody", testZombie},
		{"ClosingFenceShutsOutAnOldProducerID", testClosingFence},
		{"ClosingFenceShutsOutWhomItNames", testClosingHeldUp},
		{"FencedWriterStopsAtTheFirstError", testFencedStops},
		{"MembersShareAndTakeOver", testMembership},
		{"VanishedMemberIsReplaced", testVanishedMember},
		{"StaleGenerationCannotCommit", testStaleCommit},
		{"EnsureTopicsNamesEveryMismatch", testEnsureTopics},
		{"BrokerSettingIsReadable", testBrokerConfig},
		{"SpeaksOnlyVersionsThatKafka4Keeps", testVersions},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, s) })
	}
}

type suite struct{ brokers []string }

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func unique(what string) string {
	return "kio." + what + "." + strings.ToLower(rand.Text()[:12])
}

func (s *suite) open(t *testing.T, change ...func(*kafkaio.Config)) *kafkaio.Client {
	t.Helper()
	cfg := kafkaio.Config{Brokers: s.brokers, ClientID: "kafkaiotest"}
	for _, f := range change {
		f(&cfg)
	}
	c, err := kafkaio.Open(cfg, slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func over(l *Line) func(*kafkaio.Config) {
	return func(c *kafkaio.Config) { c.Dial = l.Dial }
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

func topicOf(t *testing.T, c *kafkaio.Client, partitions int) string {
	t.Helper()
	name := unique("topic")
	err := c.EnsureTopics(within(t), []kafkaio.TopicSpec{{
		Name: name, Partitions: partitions, Replication: 1,
		Config: map[string]string{"retention.ms": "-1"}, // the records of these tests are years old
	}}, true)
	if err != nil {
		t.Fatalf("create topic: %v", err)
	}
	return name
}

func producerOf(t *testing.T, c *kafkaio.Client, cfg kafkaio.ProducerConfig) *kafkaio.Producer {
	t.Helper()
	p := c.NewProducer(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// numbered gives n records for one partition with the values "<prefix>0", ...
func numbered(prefix string, partition int32, n int) []kafkaio.OutRecord {
	out := make([]kafkaio.OutRecord, n)
	for i := range out {
		out[i] = kafkaio.OutRecord{
			Partition: partition, Timestamp: 1_700_000_000_000 + int64(i),
			Key: []byte("k"), Value: fmt.Appendf(nil, "%s%d", prefix, i),
		}
	}
	return out
}

// readUntil assigns a partition of a fresh fetcher and reads until next reaches end.
func readUntil(t *testing.T, c *kafkaio.Client, topic string, partition int32, from, end int64) []kafkaio.Record {
	t.Helper()
	f := c.NewFetcher(kafkaio.FetcherConfig{Topic: topic})
	defer f.Close()
	f.Assign(partition, from)
	var out []kafkaio.Record
	for next := from; next < end; {
		got, err := f.Poll(within(t))
		if err != nil {
			t.Fatalf("poll at %d of %d: %v", next, end, err)
		}
		for _, g := range got {
			if g.Err != nil {
				t.Fatalf("read at %d: %v", next, g.Err)
			}
			out = append(out, g.Records...)
			next = g.Next
		}
	}
	return out
}

func values(recs []kafkaio.Record) []string {
	out := make([]string, len(recs))
	for i := range recs {
		out[i] = string(recs[i].Value)
	}
	return out
}
