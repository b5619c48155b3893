// Package topics says what each topic of the flow must be: partitions, cleanup,
// retention, timestamps. Whoever starts first creates the missing ones; everybody
// verifies them and does not start on a mismatch.
package topics

import (
	"strconv"
	"time"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// Config is what a deployment decides.
type Config struct {
	Partitions   int           // of every topic whose key is a person; equal, since they are co-partitioned
	Replication  int           // 0 = the cluster's default
	MinISR       int           // 0 = the cluster's default
	LogRetention time.Duration // of events and transitions; must exceed the longest window, since a rebuild folds the log
	Retention    time.Duration // of quarantine, receipts and dead letters
	Platforms    []string      // ad platforms that have a suppression topic
	SegmentBytes int           // 0 = the cluster's default; small on an embedded broker, which reads whole segments
}

const (
	tombstones = 7 * 24 * time.Hour // a reader of a compacted topic may be away as long
	settling   = time.Hour          // nothing is compacted sooner, so that a RELEASE is seen before its tombstone
	forgetting = 72 * time.Hour     // what was overwritten or erased is gone from the log by then
)

// Specs lists every topic.
func Specs(c Config) []kafkaio.TopicSpec {
	events := c.aged(c.LogRetention)
	// The broker's clock beside ingest's: a guard against a sender that runs ahead, and
	// the clock by which the log ages, whatever events say of their own time.
	events["message.timestamp.type"] = "LogAppendTime"
	specs := []kafkaio.TopicSpec{
		c.spec(schemas.EventsTopic, events),
		c.spec(schemas.QuarantineTopic, c.aged(c.Retention)),
		c.spec(schemas.TransitionsTopic, c.aged(c.LogRetention)),
		c.spec(schemas.ProfilesTopic, c.compacted()),
		c.spec(schemas.ReceiptsTopic, c.aged(c.Retention)),
		c.spec(schemas.DeadLetterTopic, c.aged(c.Retention)),
	}
	for _, p := range c.Platforms {
		specs = append(specs, c.spec(schemas.SuppressionTopic(p), c.compacted()))
	}
	return specs
}

func (c Config) spec(name string, config map[string]string) kafkaio.TopicSpec {
	if c.SegmentBytes > 0 {
		config["segment.bytes"] = strconv.Itoa(c.SegmentBytes)
	}
	return kafkaio.TopicSpec{Name: name, Partitions: c.Partitions, Replication: c.Replication, MinISR: c.MinISR, Config: config}
}

func (c Config) aged(d time.Duration) map[string]string {
	return map[string]string{"cleanup.policy": "delete", "retention.ms": ms(d)}
}

func (c Config) compacted() map[string]string {
	return map[string]string{
		"cleanup.policy": "compact", "delete.retention.ms": ms(tombstones),
		"min.compaction.lag.ms": ms(settling), "max.compaction.lag.ms": ms(forgetting),
	}
}

func ms(d time.Duration) string {
	if d <= 0 {
		return "-1"
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
