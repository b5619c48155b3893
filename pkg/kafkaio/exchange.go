package kafkaio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// anyNode routes a request to whichever broker the client is connected to.
const anyNode int32 = -1

// exchange is one request on one pooled connection of kafka-go: either a message
// of its own codecs (msg) or a frame encoded here (frame). It answers with
// itself, so that the transport does not interpret the answer.
type exchange struct {
	client *Client
	node   int32
	key    protocol.ApiKey

	msg protocol.Message // typed request, replaced by its answer

	version int16  // of frame
	frame   []byte // size, header and body; the correlation id is filled in
	limit   int    // greatest answer taken, in bytes
	answer  []byte // body of the answer behind the correlation id

	state     atomic.Int32  // queued, writing or abandoned
	receiving atomic.Bool   // the answer has begun to arrive
	inUse     *atomic.Int32 // if set, counts connections between request and answer
}

const (
	stateQueued int32 = iota
	stateWriting
	stateAbandoned
)

// posCorrelation is where the correlation id stands in a frame.
const posCorrelation = 8

func (x *exchange) ApiKey() protocol.ApiKey { return x.key }

// Broker routes by the id decided here; unknown ids are refused by the transport.
func (x *exchange) Broker(protocol.Cluster) (protocol.Broker, error) {
	return protocol.Broker{ID: x.node}, nil
}

// Required is always true: the exchange does its own writing and reading.
func (x *exchange) Required(versions map[protocol.ApiKey]int16) bool {
	if x.msg != nil {
		x.version = versions[x.key]
	}
	return true
}

// RawExchange runs on the connection's goroutine. It may run after the caller
// has given up, in which case it must not send any more: the caller has already
// reported that nothing was written.
func (x *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !x.state.CompareAndSwap(stateQueued, stateWriting) {
		return nil, errNotSent
	}
	if x.inUse != nil {
		x.inUse.Add(1)
		defer x.inUse.Add(-1)
	}
	id := x.client.correl.Add(1)
	if x.msg != nil {
		if p, ok := x.msg.(protocol.PreparedMessage); ok {
			p.Prepare(x.version)
		}
		res, err := protocol.RoundTrip(rw, x.version, id, x.client.cfg.ClientID, x.msg)
		if err != nil {
			return nil, fmt.Errorf("%s v%d: %w", x.key, x.version, err)
		}
		x.msg = res
		return x, nil
	}
	binary.BigEndian.PutUint32(x.frame[posCorrelation:], uint32(id))
	if _, err := rw.Write(x.frame); err != nil {
		return nil, fmt.Errorf("send %s: %w", x.key, err)
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, fmt.Errorf("await %s: %w", x.key, err)
	}
	x.receiving.Store(true)
	size, got := int64(int32(binary.BigEndian.Uint32(head[:])))-4, int32(binary.BigEndian.Uint32(head[4:]))
	if got != id {
		return nil, fmt.Errorf("await %s: answer to request %d, want %d", x.key, got, id)
	}
	if size < 0 || size > int64(x.limit) {
		return nil, fmt.Errorf("await %s: answer of %d bytes, limit %d", x.key, size, x.limit)
	}
	x.answer = make([]byte, size)
	if _, err := io.ReadFull(rw, x.answer); err != nil {
		return nil, fmt.Errorf("receive %s: %w", x.key, err)
	}
	return x, nil
}

// do runs the exchange once. sent says whether bytes may have reached the
// broker; when it is true and err is not nil, x.frame may still be read by the
// connection and must not be reused.
func (c *Client) do(ctx context.Context, x *exchange) (sent bool, err error) {
	if c.ctx.Err() != nil {
		return false, ErrClosed
	}
	x.client = c
	if _, err = c.transport.RoundTrip(ctx, c.addr, x); err == nil {
		return true, nil
	}
	sent = !x.state.CompareAndSwap(stateQueued, stateAbandoned)
	if !sent {
		err = fmt.Errorf("%w: %w", errNotSent, err)
	}
	return sent, err
}

// call sends a typed request whose repetition is harmless and gives its answer.
// Connections that died in the pool are tried again at once with fresh ones, a
// broker that the transport has not heard of yet is waited for, and of a broker that
// is silent another one is asked, if any may answer.
func (c *Client) call(ctx context.Context, node int32, msg protocol.Message) (protocol.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		x := &exchange{node: node, key: msg.ApiKey(), msg: msg}
		err := c.attempt(ctx, x)
		if err == nil {
			return x.msg, nil
		}
		switch {
		case node == anyNode && len(c.cfg.Brokers) > 1 && timedOut(err) && ctx.Err() == nil:
		case errors.Is(err, kafka.BrokerNotAvailable) && attempt <= unknownBrokerAttempts:
			if backoff(ctx, attempt) != nil {
				return nil, err
			}
		case attempt > 4 || !staleConn(err) || ctx.Err() != nil:
			return nil, err
		}
	}
}

// attempt is do, with a part of the time where another broker may answer if this one does not.
func (c *Client) attempt(ctx context.Context, x *exchange) error {
	if x.node == anyNode && len(c.cfg.Brokers) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.RequestTimeout/3)
		defer cancel()
	}
	_, err := c.do(ctx, x)
	return err
}

// backoff waits before attempt n (from 1) and gives an error when ctx ends.
func backoff(ctx context.Context, n int) error {
	t := time.NewTimer(delayFor(n))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// delayFor grows from 5 ms by doubling to 500 ms.
func delayFor(n int) time.Duration {
	return min(5*time.Millisecond<<min(max(n-1, 0), 10), 500*time.Millisecond)
}

// unknownBrokerAttempts spans two rounds of the transport's own look for brokers.
const unknownBrokerAttempts = 10

var errAnswer = errors.New("malformed answer")
