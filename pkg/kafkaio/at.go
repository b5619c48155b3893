package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// atBytes is asked for per scattered record. The broker sends the whole batch that an
// offset lies in, however large, and what follows it only up to this.
const atBytes = 16 << 10

// ReadAt gives the committed records at these offsets of a partition, by rising offset:
// single records out of the middle of a log, each for one short request, where
// ReadRange would fetch everything between. An offset that the log no longer holds, or
// where there is no record, is left out without an error. Offsets behind the end of
// the log are waited for for a moment and left out too.
//
// Errors: the end of ctx, ErrUnavailable, ErrCorrupt or a refusal by the broker; the
// records read before one come along.
func (c *Client) ReadAt(ctx context.Context, topic string, partition int32, offsets []int64) ([]Record, error) {
	wanted := slices.Compact(slices.Sorted(slices.Values(offsets)))
	params := fetchParams{topic: topic, waitMs: 20, minBytes: 1, maxBytes: atBytes, maxPartition: atBytes}
	var out []Record
	start := int64(-1)
	moved := time.Now()
	for attempt := 1; len(wanted) > 0; {
		from, last := wanted[0], wanted[len(wanted)-1]
		if from < start || from < 0 {
			wanted = wanted[1:]
			continue
		}
		params.only = wanted
		var next int64
		var err error
		out, next, err = c.readOnce(ctx, &params, partition, out, from, last+1)
		var gone ErrOffsetOutOfRange
		switch {
		case errors.As(err, &gone):
			// Before the log begins, as a rule: ask once where that is.
			end := int64(0)
			if start, end, err = c.Offsets(ctx, topic, partition); err != nil {
				return out, fmt.Errorf("read records of %s/%d: %w", topic, partition, err)
			}
			wanted = slices.DeleteFunc(wanted, func(offset int64) bool { return offset < start || offset >= end || offset == from })
			moved, attempt = time.Now(), 1
			continue
		case errors.Is(err, ErrCorrupt):
			return out, err
		case next > from:
			wanted = slices.DeleteFunc(wanted, func(offset int64) bool { return offset < next })
			moved, attempt = time.Now(), 1
			continue
		case err == nil:
			wanted = wanted[1:] // an empty answer: nothing is there
			continue
		}
		if ctx.Err() != nil || permanentList(err) || time.Since(moved) >= readStall {
			return out, fmt.Errorf("read record %d of %s/%d: %w", from, topic, partition, errors.Join(ErrUnavailable, err))
		}
		if renewErr := c.meta.renew(ctx, topic); renewErr != nil {
			err = errors.Join(err, renewErr)
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return out, fmt.Errorf("%w: %w: %w", ErrUnavailable, waitErr, err)
		}
		attempt++
	}
	return out, nil
}
