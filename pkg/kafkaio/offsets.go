package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

const (
	offsetsLatest   int64 = -1
	offsetsEarliest int64 = -2
)

// Offsets gives the first offset that the partition holds and the next one that
// it will write. Moved leaders are waited out until ctx ends.
func (c *Client) Offsets(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	for attempt := 1; ; attempt++ {
		if start, end, err = c.listOnce(ctx, topic, partition); err == nil {
			return start, end, nil
		}
		if ctx.Err() != nil || permanentList(err) {
			return 0, 0, err
		}
		if renewErr := c.meta.renew(ctx, topic); renewErr != nil {
			err = errors.Join(err, renewErr)
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return 0, 0, fmt.Errorf("%w: %w: %w", ErrUnavailable, waitErr, err)
		}
	}
}

func permanentList(err error) bool {
	var code kafka.Error
	return errors.Is(err, ErrClosed) || (errors.As(err, &code) && !leaderless(int16(code)) && !code.Temporary())
}

// listOnce asks the partition's leader for both ends, once each.
func (c *Client) listOnce(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	node, err := c.awaitLeader(ctx, topic, partition)
	if err != nil {
		return 0, 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, err)
	}
	if start, err = c.listOffset(ctx, node, topic, partition, offsetsEarliest); err != nil {
		return 0, 0, err
	}
	end, err = c.listOffset(ctx, node, topic, partition, offsetsLatest)
	return start, end, err
}

func (c *Client) listOffset(ctx context.Context, node int32, topic string, partition int32, at int64) (int64, error) {
	msg, err := c.call(ctx, node, &listoffsets.Request{
		ReplicaID: -1, IsolationLevel: 0,
		Topics: []listoffsets.RequestTopic{{Topic: topic, Partitions: []listoffsets.RequestPartition{
			{Partition: partition, CurrentLeaderEpoch: -1, Timestamp: at},
		}}},
	})
	if err != nil {
		return 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, err)
	}
	res, ok := msg.(*listoffsets.Response)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, errAnswer)
	}
	p := &res.Topics[0].Partitions[0]
	if err := codeErr(p.ErrorCode); err != nil {
		return 0, fmt.Errorf("offsets of %s/%d: %w", topic, partition, err)
	}
	return p.Offset, nil
}

// readStall ends a ReadRange that has made no progress for so long.
const readStall = 30 * time.Second

// ReadRange gives every committed record in [from, to), in order, or an error:
// never a part. Offsets without a record (control, aborted, compacted) are
// stepped over. ErrOffsetOutOfRange when the log does not hold the range. The
// records together must fit into memory; to is usually close to from.
func (c *Client) ReadRange(ctx context.Context, topic string, partition int32, from, to int64) ([]Record, error) {
	if from >= to {
		return nil, nil
	}
	start, end, err := c.Offsets(ctx, topic, partition)
	if err != nil {
		return nil, fmt.Errorf("read [%d, %d): %w", from, to, err)
	}
	if from < start || to > end {
		wrong := from
		if from >= start {
			wrong = to
		}
		return nil, fmt.Errorf("read [%d, %d) of %s/%d: %w", from, to, topic, partition,
			ErrOffsetOutOfRange{Requested: wrong, LogStart: start, End: end})
	}
	params := fetchParams{topic: topic, waitMs: 250, minBytes: 1, maxBytes: 8 << 20, maxPartition: 8 << 20}
	var out []Record
	moved := time.Now()
	for attempt := 1; from < to; {
		before := from
		out, from, err = c.readOnce(ctx, &params, partition, out, from, to)
		var gone ErrOffsetOutOfRange
		if errors.As(err, &gone) || errors.Is(err, ErrCorrupt) {
			return nil, err
		}
		if from > before {
			moved, attempt = time.Now(), 1
			continue
		}
		if err == nil && time.Since(moved) < readStall {
			continue // an open transaction of foreign software, or a follower behind
		}
		if err == nil || time.Since(moved) >= readStall || permanentList(err) {
			return nil, fmt.Errorf("read [%d, %d) of %s/%d: stuck at %d: %w",
				before, to, topic, partition, from, errors.Join(ErrUnavailable, err))
		}
		if renewErr := c.meta.renew(ctx, topic); renewErr != nil {
			err = errors.Join(err, renewErr)
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return nil, fmt.Errorf("%w: %w: %w", ErrUnavailable, waitErr, err)
		}
		attempt++
	}
	return out, nil
}

func (c *Client) readOnce(ctx context.Context, params *fetchParams, partition int32, out []Record, from, to int64) ([]Record, int64, error) {
	node, err := c.awaitLeader(ctx, params.topic, partition)
	if err != nil {
		return out, from, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(params.waitMs)*time.Millisecond+c.cfg.RequestTimeout)
	defer cancel()
	x := &exchange{
		node: node, key: protocol.Fetch, version: fetchVersion, limit: int(params.maxBytes) + answerSlack,
		frame: appendFetch(nil, c.cfg.ClientID, params, []fetchAsk{{partition: partition, offset: from}}),
	}
	if _, err := c.do(ctx, x); err != nil {
		return out, from, fmt.Errorf("read %s/%d: %w", params.topic, partition, err)
	}
	got, err := parseFetch(x.answer, params.topic)
	if err != nil {
		return out, from, err
	}
	if len(got) != 1 || got[0].partition != partition {
		return out, from, fmt.Errorf("read %s/%d: %w", params.topic, partition, errAnswer)
	}
	if kafka.Error(got[0].code) == kafka.OffsetOutOfRange {
		return out, from, ErrOffsetOutOfRange{Requested: from, LogStart: -1, End: -1}
	}
	if err := codeErr(got[0].code); err != nil {
		return out, from, fmt.Errorf("read %s/%d: %w", params.topic, partition, err)
	}
	d := decoder{partition: partition, aborted: got[0].aborted, limit: maxUnpacked, only: params.only}
	out, next, err := d.decode(out, got[0].records, from)
	for len(out) > 0 && out[len(out)-1].Offset >= to {
		out = out[:len(out)-1]
	}
	if err != nil && next < to {
		return out, next, fmt.Errorf("read %s/%d: %w", params.topic, partition, err)
	}
	return out, next, nil
}
