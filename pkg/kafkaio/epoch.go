package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/findcoordinator"
	"github.com/segmentio/kafka-go/protocol/initproducerid"
)

// Epoch identifies one tenure towards the brokers. A newer epoch of the same
// producer id shuts out the older ones, partition by partition, from the first
// batch on that it writes there.
type Epoch struct {
	ProducerID int64
	Epoch      int16
}

const (
	coordinatorGroup       int8 = 0
	coordinatorTransaction int8 = 1
	// transactionTimeoutMs is asked for but never used: no transaction is begun.
	transactionTimeoutMs = 60_000
	// takeEpochBound ends TakeEpoch even without a deadline of the caller.
	takeEpochBound = 30 * time.Second
)

// TakeEpoch gets a fresh epoch for the transactional id, which is used for
// nothing else. On return the coordinator has the epoch durably; older epochs
// are shut out of a partition only once the new one has written its fence record
// there. Waits out a coordinator that is still loading, at most 30 s.
func (c *Client) TakeEpoch(ctx context.Context, transactionalID string) (Epoch, error) {
	if transactionalID == "" {
		return Epoch{}, errors.New("take epoch: the transactional id is empty")
	}
	return c.initProducer(ctx, transactionalID)
}

func (c *Client) initProducer(ctx context.Context, transactionalID string) (Epoch, error) {
	ctx, cancel := context.WithTimeout(ctx, takeEpochBound)
	defer cancel()
	for attempt := 1; ; attempt++ {
		epoch, again, err := c.tryInitProducer(ctx, transactionalID)
		if err == nil {
			return epoch, nil
		}
		err = fmt.Errorf("take epoch %q: %w", transactionalID, err)
		if !again {
			return Epoch{}, err
		}
		if wait := backoff(ctx, attempt+2); wait != nil {
			return Epoch{}, fmt.Errorf("%w: %w: %w", ErrUnavailable, wait, err)
		}
	}
}

func (c *Client) tryInitProducer(ctx context.Context, transactionalID string) (e Epoch, again bool, err error) {
	node := anyNode
	if transactionalID != "" {
		if node, again, err = c.coordinator(ctx, transactionalID, coordinatorTransaction); err != nil {
			return Epoch{}, again, err
		}
	}
	msg, err := c.call(ctx, node, &initproducerid.Request{
		TransactionalID: transactionalID, TransactionTimeoutMs: transactionTimeoutMs,
		// Not zero: that would claim producer 0, and the broker would fence us.
		ProducerID: -1, ProducerEpoch: -1,
	})
	if err != nil {
		return Epoch{}, !errors.Is(err, ErrClosed), err
	}
	res, ok := msg.(*initproducerid.Response)
	if !ok {
		return Epoch{}, false, fmt.Errorf("answer of type %T", msg)
	}
	if res.ErrorCode != 0 {
		return Epoch{}, coordinatorBusy(res.ErrorCode), codeErr(res.ErrorCode)
	}
	return Epoch{ProducerID: res.ProducerID, Epoch: res.ProducerEpoch}, false, nil
}

// coordinator finds the broker that coordinates a group or transactional id.
func (c *Client) coordinator(ctx context.Context, key string, kind int8) (node int32, again bool, err error) {
	msg, err := c.call(ctx, anyNode, &findcoordinator.Request{Key: key, KeyType: kind})
	if err != nil {
		return anyNode, !errors.Is(err, ErrClosed), fmt.Errorf("find coordinator: %w", err)
	}
	res, ok := msg.(*findcoordinator.Response)
	if !ok {
		return anyNode, false, fmt.Errorf("find coordinator: answer of type %T", msg)
	}
	if res.ErrorCode != 0 {
		return anyNode, coordinatorBusy(res.ErrorCode), fmt.Errorf("find coordinator: %w", codeErr(res.ErrorCode))
	}
	return res.NodeID, false, nil
}

// coordinatorBusy reports codes that pass: loading, moving, still being made.
func coordinatorBusy(code int16) bool {
	switch kafka.Error(code) { //nolint:exhaustive // a class, not a switch over all codes
	case kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup,
		kafka.ConcurrentTransactions, kafka.RequestTimedOut, kafka.BrokerNotAvailable, kafka.UnknownTopicOrPartition:
		return true
	}
	return false
}

var _ protocol.RawExchanger = (*exchange)(nil)
