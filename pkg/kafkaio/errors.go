package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/segmentio/kafka-go"
)

// Classes of failure that callers branch on. Everything returned wraps one of
// them or a Kafka error code.
var (
	// ErrUnavailable: surely nothing was written; the cluster or a leader is away.
	ErrUnavailable = errors.New("kafka is unavailable, nothing was written")
	// ErrAmbiguous: the write was sent and its outcome is unknown.
	ErrAmbiguous = errors.New("kafka write outcome unknown")
	// ErrBackpressure: the byte budget is used up; nothing of this call was taken.
	ErrBackpressure = errors.New("kafka producer buffer is full")
	// ErrFenced: another owner has taken the partition, or the broker no longer
	// knows this producer. The tenure is over.
	ErrFenced = errors.New("kafka partition is fenced by another owner")
	// ErrCorrupt: bytes that are no valid record batch.
	ErrCorrupt = errors.New("kafka record batch is corrupt")
	// ErrStaleGeneration: the member no longer owns what it commits.
	ErrStaleGeneration = errors.New("kafka group generation is over")
	// ErrTooLarge: a record or call exceeds a configured bound; retrying is useless.
	ErrTooLarge = errors.New("kafka record is too large")
	// ErrNoTopic: the cluster has no topic of that name.
	ErrNoTopic = errors.New("the topic does not exist")
	// ErrClosed: the object was closed.
	ErrClosed = errors.New("kafka client is closed")

	// errNotSent marks a request that was given up before its first byte was written.
	errNotSent = errors.New("request was not sent")
)

// ErrOffsetOutOfRange says that the log does not hold the requested offset. The
// position is kept: whether to stop or to rebuild is the caller's decision.
type ErrOffsetOutOfRange struct { //nolint:errname // the name is part of the contract
	Requested int64
	LogStart  int64 // first offset of the log, -1 = not known
	End       int64 // next offset that will be written, -1 = not known
	Replaced  bool  // the log was longer: what it holds from End on is not what was read there
}

func (e ErrOffsetOutOfRange) Error() string {
	if e.Replaced {
		return fmt.Sprintf("kafka records from offset %d on were read up to %d and are no longer in the log: a leader that did not have them was elected", e.End, e.Requested)
	}
	return fmt.Sprintf("kafka offset %d is out of range, the log holds [%d, %d)", e.Requested, e.LogStart, e.End)
}

// PartialError says that some records of a call were acknowledged and others not.
type PartialError struct {
	Failed []int // indexes into the call's records, ascending
	Total  int
	Err    error // why; the first failure
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("%d of %d records failed: %v", len(e.Failed), e.Total, e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// codeErr turns an error code of an answer into an error, nil for none.
func codeErr(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// leaderless reports codes that mean: ask again who leads, nothing was done.
func leaderless(code int16) bool {
	switch kafka.Error(code) { //nolint:exhaustive // a class, not a switch over all codes
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition,
		kafka.ReplicaNotAvailable, kafka.BrokerNotAvailable, kafka.FencedLeaderEpoch,
		kafka.UnknownLeaderEpoch, kafka.KafkaStorageError:
		return true
	}
	return false
}

// fencing reports the codes that end a tenure.
func fencing(code int16) bool {
	switch kafka.Error(code) { //nolint:exhaustive // a class, not a switch over all codes
	case kafka.OutOfOrderSequenceNumber, kafka.InvalidProducerEpoch, kafka.InvalidProducerIDMapping,
		kafka.UnknownProducerId, kafka.ProducerFenced:
		return true
	}
	return false
}

// staleConn reports errors of a pooled connection that the broker has closed
// meanwhile; a fresh one may work at once.
func staleConn(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// timedOut reports a broker that took the connection, or the request, and said nothing.
func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errSilent)
}
