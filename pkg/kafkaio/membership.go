package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/leavegroup"
)

// GroupConfig names the group. All members must be of this program and consume
// the same topic.
type GroupConfig struct {
	GroupID           string
	Topic             string
	SessionTimeout    time.Duration // silence after which a member counts as dead; default 6 s
	HeartbeatInterval time.Duration // default 1 s
	RebalanceTimeout  time.Duration // how long the others wait for a member to join again; default 10 s
}

// Membership takes part in a group for the assignment of partitions only: where
// to read is not the group's matter. Committed offsets are for display.
type Membership struct {
	client *Client
	cfg    GroupConfig
	group  *kafka.ConsumerGroup
	wake   chan struct{} // size 1: newest or failed has changed
	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup

	mu     sync.Mutex
	newest *Generation // not handed out yet
	failed error       // a refusal that waiting does not cure
	member string
	conns  map[net.Conn]struct{}
}

// Generation is one assignment. It is over when Done is closed; the partitions
// may have another owner by then, or even before it is noticed: that is what the
// fence is for.
type Generation struct {
	ID         int32
	MemberID   string
	Partitions []int32 // ascending

	m    *Membership
	done chan struct{}
}

// JoinGroup joins and returns at once; Next gives the assignments. The group is
// never held up by a caller who is slow to ask for them.
func (c *Client) JoinGroup(ctx context.Context, cfg GroupConfig) (*Membership, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("join group %s: %w", cfg.GroupID, err)
	}
	cfg.SessionTimeout = orDefault(cfg.SessionTimeout, 6*time.Second)
	cfg.HeartbeatInterval = orDefault(cfg.HeartbeatInterval, time.Second)
	cfg.RebalanceTimeout = orDefault(cfg.RebalanceTimeout, 10*time.Second)
	m := &Membership{
		client: c, cfg: cfg, wake: make(chan struct{}, 1), closed: make(chan struct{}),
		conns: map[net.Conn]struct{}{},
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: cfg.GroupID, Topics: []string{cfg.Topic}, Brokers: c.cfg.Brokers,
		Dialer:         &kafka.Dialer{ClientID: c.cfg.ClientID, Timeout: c.cfg.DialTimeout, DialFunc: m.dial, SASLMechanism: c.sasl},
		GroupBalancers: []kafka.GroupBalancer{rangeBalancer{}},
		SessionTimeout: cfg.SessionTimeout, HeartbeatInterval: cfg.HeartbeatInterval, RebalanceTimeout: cfg.RebalanceTimeout,
		JoinGroupBackoff: 200 * time.Millisecond,
		Timeout:          c.cfg.RequestTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("join group %s: %w", cfg.GroupID, err)
	}
	m.group = group
	m.wg.Add(1)
	go m.follow()
	return m, nil
}

// follow takes every generation as soon as there is one: kafka-go holds up the
// whole group until somebody does.
func (m *Membership) follow() {
	defer m.wg.Done()
	for {
		gen, err := m.group.Next(context.Background())
		if errors.Is(err, kafka.ErrGroupClosed) {
			return
		}
		if err != nil {
			m.note(err)
			continue
		}
		g := &Generation{ID: gen.ID, MemberID: gen.MemberID, m: m, done: make(chan struct{})}
		for _, a := range gen.Assignments[m.cfg.Topic] {
			g.Partitions = append(g.Partitions, int32(a.ID))
		}
		slices.Sort(g.Partitions)
		m.client.log.Info("kafka group assignment", "group", m.cfg.GroupID, "generation", g.ID, "partitions", g.Partitions)
		gen.Start(func(ctx context.Context) {
			<-ctx.Done()
			close(g.done)
		})
		m.mu.Lock()
		m.newest, m.failed, m.member = g, nil, g.MemberID
		m.mu.Unlock()
		wake(m.wake)
	}
}

func (m *Membership) note(err error) {
	if code, ok := errors.AsType[kafka.Error](err); ok {
		switch code { //nolint:exhaustive // only refusals that need a person
		case kafka.GroupAuthorizationFailed, kafka.TopicAuthorizationFailed, kafka.InvalidSessionTimeout,
			kafka.InconsistentGroupProtocol, kafka.InvalidGroupId, kafka.SASLAuthenticationFailed:
			m.client.log.Error("kafka group refuses this member", "group", m.cfg.GroupID, "err", err)
			m.mu.Lock()
			m.failed = fmt.Errorf("join group %s: %w", m.cfg.GroupID, err)
			m.mu.Unlock()
			wake(m.wake)
			return
		}
	}
	m.client.log.Debug("kafka group is not stable yet", "group", m.cfg.GroupID, "err", err)
}

// Next waits for an assignment newer than the last one given. Generations that
// came and went meanwhile are skipped. Errors: ErrClosed, the end of ctx, and
// refusals by the broker (rights, session timeout, a foreign member's protocol),
// after which joining goes on.
func (m *Membership) Next(ctx context.Context) (*Generation, error) {
	for {
		m.mu.Lock()
		g, err := m.newest, m.failed
		m.newest, m.failed = nil, nil
		m.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if g != nil {
			return g, nil
		}
		select {
		case <-m.wake:
		case <-m.closed:
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Done is closed when the generation is over.
func (g *Generation) Done() <-chan struct{} { return g.done }

// Commit stores the offsets in the group, in the name of this member and
// generation: ErrStaleGeneration once another generation has begun. Partitions
// that the generation does not own are refused.
func (g *Generation) Commit(ctx context.Context, offsets map[int32]int64) error {
	for p := range offsets {
		if _, owned := slices.BinarySearch(g.Partitions, p); !owned {
			return fmt.Errorf("commit partition %d: %w: not assigned in generation %d", p, ErrStaleGeneration, g.ID)
		}
	}
	return g.m.client.commitOffsets(ctx, g.m.cfg.GroupID, g.m.cfg.Topic, g.ID, g.MemberID, offsets)
}

// closeBound is granted to the orderly way out before connections are cut.
const closeBound = 500 * time.Millisecond

// Close leaves the group, so that the others take over at once, and ends the
// current generation. It takes milliseconds on a healthy cluster and is bounded
// on a sick one.
func (m *Membership) Close() {
	m.once.Do(func() {
		close(m.closed)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = m.group.Close() // always nil
			m.wg.Wait()
		}()
		for cut := false; !cut; {
			t := time.NewTimer(closeBound)
			select {
			case <-done:
				cut = true
			case <-t.C:
				// It waits in a join that only the others can end.
				m.cutConnections()
			}
			t.Stop()
		}
		m.leave()
	})
}

// leave says goodbye for the member id that was last ours. kafka-go does so on
// the straight way out only; saying it twice is harmless.
func (m *Membership) leave() {
	m.mu.Lock()
	member := m.member
	m.mu.Unlock()
	if member == "" || m.client.ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(m.client.ctx, 2*closeBound)
	defer cancel()
	node, _, err := m.client.coordinator(ctx, m.cfg.GroupID, coordinatorGroup)
	if err == nil {
		_, err = m.client.call(ctx, node, &leavegroup.Request{
			GroupID: m.cfg.GroupID, Members: []leavegroup.RequestMember{{MemberID: member}},
		})
	}
	if err != nil {
		m.client.log.Debug("kafka group not left in form", "group", m.cfg.GroupID, "err", err)
	}
}

// dial keeps the connections in sight, so that Close can cut them.
func (m *Membership) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := m.client.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &trackedConn{Conn: conn, m: m}
	m.mu.Lock()
	m.conns[t] = struct{}{}
	m.mu.Unlock()
	return t, nil
}

func (m *Membership) cutConnections() {
	m.mu.Lock()
	conns := make([]net.Conn, 0, len(m.conns))
	for c := range m.conns {
		conns = append(conns, c)
	}
	m.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // cut is cut
	}
}

type trackedConn struct {
	net.Conn
	m *Membership
}

// Close forgets the connection.
func (t *trackedConn) Close() error {
	t.m.mu.Lock()
	delete(t.m.conns, t)
	t.m.mu.Unlock()
	return t.Conn.Close() //nolint:wrapcheck // a net.Conn must hand through its errors as they are
}
