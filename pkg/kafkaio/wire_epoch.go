package kafkaio

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// epochEndVersion of OffsetForLeaderEpoch is the newest one before the flexible encoding.
const epochEndVersion int16 = 3

// epochEnd asks the leader up to which offset its log was written by leaders of this epoch or earlier ones. A reader
// that has read further under that epoch has read what the log no longer holds. -1 = the leader cannot tell.
func (c *Client) epochEnd(ctx context.Context, node int32, topic string, partition, epoch int32) (int64, error) {
	frame := beginFrame(nil, protocol.OffsetForLeaderEpoch, epochEndVersion, c.cfg.ClientID)
	frame = appendInt32(frame, -1) // an ordinary consumer
	frame = appendInt32(frame, 1)
	frame = appendText(frame, topic)
	frame = appendInt32(frame, 1)
	frame = appendInt32(frame, partition)
	frame = appendInt32(frame, -1) // the present epoch is not known here
	frame = appendInt32(frame, epoch)
	x := &exchange{node: node, key: protocol.OffsetForLeaderEpoch, version: epochEndVersion, limit: 1 << 20, frame: endFrame(frame)}
	if _, err := c.do(ctx, x); err != nil {
		return 0, fmt.Errorf("end of epoch %d of %s/%d: %w", epoch, topic, partition, err)
	}
	p := parser{b: x.answer}
	p.int32() // throttle time
	topics := p.count(6)
	p.text()
	partitions := p.count(18)
	code := p.int16()
	p.int32() // partition
	p.int32() // the epoch that the offset is of
	end := p.int64()
	switch {
	case p.bad || topics != 1 || partitions != 1:
		return 0, fmt.Errorf("end of epoch %d of %s/%d: %w", epoch, topic, partition, errAnswer)
	case kafka.Error(code) == kafka.UnsupportedVersion:
		return -1, nil
	case code != 0:
		return 0, fmt.Errorf("end of epoch %d of %s/%d: %w", epoch, topic, partition, codeErr(code))
	}
	return end, nil
}
