package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const produceKey = protocol.Produce

var errNoLeader = errors.New("the partition has no known leader")

// verdict is what one attempt to write a batch means.
type verdict struct {
	ok    bool
	retry bool  // the same bytes may be sent again
	renew bool  // ... after asking who leads
	final error // set when neither ok nor retry
}

// judge reads the newest outcome. Retrying is always with identical bytes and
// the same sequence, which the broker recognises, so an attempt whose outcome is
// unknown may be repeated until the deadline; only then is it ambiguous.
func (j *job) judge(now time.Time) verdict {
	var problem error
	v := verdict{retry: true}
	switch {
	case j.err != nil:
		problem = j.err
		j.maybe = j.maybe || j.sent
		v.renew = true
		v.retry = !errors.Is(j.err, ErrClosed)
	case j.answer.code == 0:
		return verdict{ok: true}
	default:
		problem = codeErr(j.answer.code)
		v = j.judgeCode()
	}
	if v.final != nil {
		return v
	}
	if v.retry && now.Add(delayFor(j.attempts)).Before(j.deadline) {
		return v
	}
	where := fmt.Errorf("write to %s/%d after %d attempts: %w", j.topic, j.partition, j.attempts, problem)
	if j.maybe {
		return verdict{final: fmt.Errorf("%w: %w", ErrAmbiguous, where)}
	}
	return verdict{final: fmt.Errorf("%w: %w", ErrUnavailable, where)}
}

func (j *job) judgeCode() verdict {
	code := j.answer.code
	where := fmt.Errorf("write to %s/%d: %w", j.topic, j.partition, codeErr(code))
	if j.maybe {
		where = fmt.Errorf("%w by an earlier attempt: %w", ErrAmbiguous, where)
	}
	switch {
	case leaderless(code):
		return verdict{retry: true, renew: true}
	case fencing(code):
		return verdict{final: fmt.Errorf("%w: %w", ErrFenced, where)}
	}
	switch kafka.Error(code) { //nolint:exhaustive // the rest is final
	case kafka.NotEnoughReplicas, kafka.InvalidMessage, kafka.GroupLoadInProgress, kafka.NetworkException:
		return verdict{retry: true}
	case kafka.RequestTimedOut, kafka.NotEnoughReplicasAfterAppend, kafka.Unknown:
		j.maybe = true
		return verdict{retry: true}
	case kafka.DuplicateSequenceNumber:
		// It is in the log, but the broker has forgotten where.
		return verdict{final: fmt.Errorf("%w: written at an unknown offset: %w", ErrAmbiguous, where)}
	case kafka.MessageSizeTooLarge, kafka.Error(18):
		return verdict{final: fmt.Errorf("%w (raise max.message.bytes of the topic or send less): %w", ErrTooLarge, where)}
	}
	return verdict{final: where}
}

// resubmit sends j again, after a pause that grows with its attempts and, when
// the leader is in doubt, after asking who leads. check may veto it at the last
// moment by giving an error, with which the attempt then ends unsent.
func (c *Client) resubmit(j *job, renew bool, check func() error) {
	go func() {
		ctx, cancel := context.WithDeadline(c.ctx, j.deadline)
		defer cancel()
		// The first repetition after a moved leader or a dead pooled connection
		// waits for nothing but the new metadata.
		if !renew || j.attempts > 1 {
			_ = backoff(ctx, max(j.attempts-1, 1)) // the end of ctx shows below
		}
		if renew && ctx.Err() == nil {
			if err := c.meta.renew(ctx, j.topic); err != nil {
				c.log.Debug("kafka leaders not renewed", "topic", j.topic, "err", err)
			}
		}
		if err := check(); err != nil {
			c.endUnsent(j, err)
			return
		}
		c.submit(j)
	}()
}
