package flow

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
)

// The producer ids of all partitions change twice. The owner between had closed the first one and was held up before its own
// fence: the next one shuts it out all the same, whom it has never seen write.
func TestProcessor_ShutsOutAnOwnerThatIsNamedAndHasNotWritten(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		c := p.client(t)
		p.create(t, c)
		app, stop := p.run(t)
		advance(t, c, 1_000)
		settle(t, c, app)
		stop()
		asleep := map[string]*kafkaio.FencedWriter{}
		marks := map[string]kafkaio.OutRecord{}
		for _, topic := range []string{schemas.TransitionsTopic, schemas.ProfilesTopic} {
			last := newest(t, c, topic)
			epoch, err := c.TakeEpoch(t.Context(), "held-up."+topic)
			if err != nil {
				t.Fatal(err)
			}
			mark := kafkaio.OutRecord{Timestamp: last.Timestamp, Key: last.Key, Value: last.Value}
			asleep[topic] = c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: epoch})
			marks[topic] = mark
			mark.Headers = []kafkaio.Header{{Key: "x-producer-id", Value: fmt.Append(nil, epoch.ProducerID)}}
			closing := c.NewFencedWriter(kafkaio.FencedConfig{Topic: topic, Epoch: kafkaio.Epoch{ProducerID: last.ProducerID, Epoch: 32767}})
			if _, err := closing.Fence(t.Context(), mark, nil); err != nil {
				t.Fatal(err)
			}
		}
		p.ids = "cohortflow.another"
		app, stop = p.run(t)
		defer stop()
		advance(t, c, 2_000)
		settle(t, c, app)
		for topic, w := range asleep {
			if _, err := w.Fence(t.Context(), marks[topic], nil); !errors.Is(err, kafkaio.ErrFenced) {
				t.Errorf("%s: the owner that was held up got %v for its fence, want ErrFenced", topic, err)
			}
			if last := newest(t, c, topic); last.ProducerEpoch == 32767 {
				t.Errorf("%s: nobody has written behind the closing fence", topic)
			}
		}
	})
}

// newest is the last record of a topic's first partition.
func newest(t *testing.T, c *kafkaio.Client, topic string) kafkaio.Record {
	t.Helper()
	_, end, err := c.Offsets(t.Context(), topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	records, err := c.ReadRange(t.Context(), topic, 0, end-1, end)
	if err != nil || len(records) != 1 {
		t.Fatalf("the newest record of %s: %d of them, %v", topic, len(records), err)
	}
	return records[0]
}
