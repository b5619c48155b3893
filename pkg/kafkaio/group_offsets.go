package kafkaio

import (
	"context"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
)

// groupCallAttempts bounds how often a coordinator that moves is followed.
const groupCallAttempts = 8

// callCoordinator sends a request to the group's coordinator and follows it when
// it moves. code reads the answer's error code.
func (c *Client) callCoordinator(ctx context.Context, group string, msg func() protocol.Message, code func(protocol.Message) int16) (protocol.Message, error) {
	for attempt := 1; ; attempt++ {
		node, again, err := c.coordinator(ctx, group, coordinatorGroup)
		var res protocol.Message
		if err == nil {
			res, err = c.call(ctx, node, msg())
			again = err != nil
			if err == nil {
				k := code(res)
				if !coordinatorBusy(k) || kafka.Error(k) == kafka.UnknownTopicOrPartition {
					return res, nil
				}
				err, again = codeErr(k), true
			}
		}
		if !again || attempt == groupCallAttempts {
			return nil, err
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return nil, fmt.Errorf("%w: %w: %w", ErrUnavailable, waitErr, err)
		}
	}
}

func (c *Client) commitOffsets(ctx context.Context, group, topic string, generation int32, member string, offsets map[int32]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	parts := make([]offsetcommit.RequestPartition, 0, len(offsets))
	for p, offset := range offsets {
		parts = append(parts, offsetcommit.RequestPartition{PartitionIndex: p, CommittedOffset: offset, CommittedLeaderEpoch: -1})
	}
	slices.SortFunc(parts, func(a, b offsetcommit.RequestPartition) int { return int(a.PartitionIndex - b.PartitionIndex) })
	firstCode := func(msg protocol.Message) int16 {
		if res, ok := msg.(*offsetcommit.Response); ok {
			for _, t := range res.Topics {
				for _, p := range t.Partitions {
					if p.ErrorCode != 0 {
						return p.ErrorCode
					}
				}
			}
		}
		return 0
	}
	res, err := c.callCoordinator(ctx, group, func() protocol.Message {
		return &offsetcommit.Request{
			GroupID: group, GenerationID: generation, MemberID: member, RetentionTimeMs: -1,
			Topics: []offsetcommit.RequestTopic{{Name: topic, Partitions: parts}},
		}
	}, firstCode)
	if err != nil {
		return fmt.Errorf("commit offsets of %s in %s: %w", topic, group, err)
	}
	switch code := kafka.Error(firstCode(res)); code {
	case 0:
		return nil
	case kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress, kafka.Error(82):
		return fmt.Errorf("commit offsets of %s in %s: %w: %w", topic, group, ErrStaleGeneration, code)
	default:
		return fmt.Errorf("commit offsets of %s in %s: %w", topic, group, code)
	}
}

// CommittedOffsets gives what the group has committed for the partitions of a
// topic. Partitions without a commit are left out.
func (c *Client) CommittedOffsets(ctx context.Context, group, topic string, partitions []int32) (map[int32]int64, error) {
	res, err := c.callCoordinator(ctx, group, func() protocol.Message {
		return &offsetfetch.Request{GroupID: group, Topics: []offsetfetch.RequestTopic{{Name: topic, PartitionIndexes: partitions}}}
	}, func(msg protocol.Message) int16 {
		if r, ok := msg.(*offsetfetch.Response); ok {
			return r.ErrorCode
		}
		return 0
	})
	if err != nil {
		return nil, fmt.Errorf("committed offsets of %s in %s: %w", topic, group, err)
	}
	r, ok := res.(*offsetfetch.Response)
	if !ok {
		return nil, fmt.Errorf("committed offsets of %s in %s: answer of type %T", topic, group, res)
	}
	if err := codeErr(r.ErrorCode); err != nil {
		return nil, fmt.Errorf("committed offsets of %s in %s: %w", topic, group, err)
	}
	out := make(map[int32]int64, len(partitions))
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if err := codeErr(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("committed offsets of %s/%d in %s: %w", topic, p.PartitionIndex, group, err)
			}
			if p.CommittedOffset >= 0 {
				out[p.PartitionIndex] = p.CommittedOffset
			}
		}
	}
	return out, nil
}
