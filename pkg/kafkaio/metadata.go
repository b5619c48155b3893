package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// metaCache knows who leads which partition of the topics in use. It is renewed
// on demand, at once: when an answer says that the leader has moved, when a
// partition has none, when a connection breaks. Requests for one renewal are
// answered together, and the next waits a moment, so that many partitions that
// lose their leader do not storm the cluster.
type metaCache struct {
	client *Client
	topics atomic.Pointer[map[string]*topicMeta] // read without a lock, replaced whole

	mu      sync.Mutex
	running *metaRound // the renewal in flight, nil if none
	next    *metaRound // callers that came meanwhile
	last    time.Time  // end of the newest renewal
	wanted  map[string]struct{}
}

type topicMeta struct {
	err     error
	leaders []int32 // by partition, -1 = none
	replica int     // fewest replicas of a partition
}

type metaRound struct {
	done chan struct{}
	err  error
}

// metaPause is the least time between two renewals.
const metaPause = 5 * time.Millisecond

func (m *metaCache) init(c *Client) {
	m.client = c
	m.wanted = map[string]struct{}{}
	m.topics.Store(&map[string]*topicMeta{})
}

// leader gives the node that leads the partition, from memory. ok is false when
// it is not known; renew then.
func (m *metaCache) leader(topic string, partition int32) (node int32, ok bool) {
	t := (*m.topics.Load())[topic]
	if t == nil || partition < 0 || int(partition) >= len(t.leaders) || t.leaders[partition] < 0 {
		return anyNode, false
	}
	return t.leaders[partition], true
}

// topic gives what is known of a topic, nil if nothing.
func (m *metaCache) topic(name string) *topicMeta { return (*m.topics.Load())[name] }

// renew asks the cluster about topic and all topics in use, and returns when an
// answer that was requested after this call is in place.
func (m *metaCache) renew(ctx context.Context, topic string) error {
	m.mu.Lock()
	m.wanted[topic] = struct{}{}
	round := m.next
	if round == nil {
		round = &metaRound{done: make(chan struct{})}
		m.next = round
		if m.running == nil {
			m.startLocked()
		}
	}
	m.mu.Unlock()
	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (m *metaCache) startLocked() {
	round := m.next
	m.running, m.next = round, nil
	pause := metaPause - time.Since(m.last)
	go m.run(round, pause)
}

func (m *metaCache) run(round *metaRound, pause time.Duration) {
	if pause > 0 {
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-m.client.ctx.Done():
			t.Stop()
		}
	}
	m.mu.Lock()
	names := make([]string, 0, len(m.wanted))
	for name := range m.wanted {
		names = append(names, name)
	}
	m.mu.Unlock()
	topics, err := m.client.describeTopics(m.client.ctx, names)
	if err == nil {
		m.topics.Store(&topics)
	}
	m.mu.Lock()
	m.last = time.Now()
	m.running = nil
	if m.next != nil {
		m.startLocked()
	}
	m.mu.Unlock()
	round.err = err
	close(round.done)
}

// describeTopics asks for exactly these topics. An unknown topic is an entry
// with an error, not a failure.
func (c *Client) describeTopics(ctx context.Context, names []string) (map[string]*topicMeta, error) {
	msg, err := c.call(ctx, anyNode, &metadata.Request{TopicNames: names})
	if err != nil {
		return nil, fmt.Errorf("ask kafka for the leaders: %w", err)
	}
	res, ok := msg.(*metadata.Response)
	if !ok {
		return nil, fmt.Errorf("ask kafka for the leaders: answer of type %T", msg)
	}
	out := make(map[string]*topicMeta, len(res.Topics))
	for i := range res.Topics {
		rt := &res.Topics[i]
		t := &topicMeta{err: codeErr(rt.ErrorCode), leaders: make([]int32, len(rt.Partitions))}
		for j := range t.leaders {
			t.leaders[j] = -1
		}
		for _, p := range rt.Partitions {
			if p.PartitionIndex < 0 || int(p.PartitionIndex) >= len(t.leaders) {
				return nil, fmt.Errorf("ask kafka for the leaders: topic %s: partition %d of %d", rt.Name, p.PartitionIndex, len(t.leaders))
			}
			if p.ErrorCode == 0 || kafka.Error(p.ErrorCode) == kafka.ReplicaNotAvailable {
				t.leaders[p.PartitionIndex] = p.LeaderID
			}
			if t.replica == 0 || len(p.ReplicaNodes) < t.replica {
				t.replica = len(p.ReplicaNodes)
			}
		}
		out[rt.Name] = t
	}
	return out, nil
}

// awaitLeader gives the partition's leader, renewing with backoff until ctx ends.
func (c *Client) awaitLeader(ctx context.Context, topic string, partition int32) (int32, error) {
	var cause error // the last one that is not the end of ctx: it tells what to mend, such as a missing right
	for attempt := 1; ; attempt++ {
		if node, ok := c.meta.leader(topic, partition); ok {
			return node, nil
		}
		err := c.meta.renew(ctx, topic)
		if node, ok := c.meta.leader(topic, partition); ok {
			return node, nil
		}
		if err == nil {
			err = c.leaderProblem(topic, partition)
		}
		if errors.Is(err, ErrClosed) {
			return anyNode, err
		}
		if cause == nil || ctx.Err() == nil {
			cause = err
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return anyNode, fmt.Errorf("%w: %w: %w", ErrUnavailable, waitErr, cause)
		}
	}
}

func (c *Client) leaderProblem(topic string, partition int32) error {
	t := c.meta.topic(topic)
	switch {
	case t == nil:
		return fmt.Errorf("topic %s: not described yet", topic)
	case t.err != nil:
		return fmt.Errorf("topic %s: %w", topic, t.err)
	case partition < 0 || int(partition) >= len(t.leaders):
		return fmt.Errorf("topic %s has %d partitions, there is no partition %d", topic, len(t.leaders), partition)
	}
	return fmt.Errorf("topic %s partition %d has no leader", topic, partition)
}
