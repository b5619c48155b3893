package kafkaio

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// TopicSpec is what a topic must be. Zero values ask for nothing, except that
// Partitions must be positive.
type TopicSpec struct {
	Name        string
	Partitions  int
	Replication int               // at least; 0 = the cluster's default when creating
	MinISR      int               // min.insync.replicas, exactly
	Config      map[string]string // e.g. cleanup.policy, retention.ms, message.timestamp.type; compared as text
}

func (s TopicSpec) configs() map[string]string {
	out := maps.Clone(s.Config)
	if out == nil {
		out = map[string]string{}
	}
	if s.MinISR > 0 {
		out["min.insync.replicas"] = strconv.Itoa(s.MinISR)
	}
	return out
}

// topicAppears bounds the wait for a created topic to have leaders.
const topicAppears = 15 * time.Second

// EnsureTopics verifies that each topic is as its spec says and, if create is
// set, makes the missing ones first. On return without an error all partitions
// have leaders. The error lists every mismatch with its remedy; an existing topic
// is never changed.
func (c *Client) EnsureTopics(ctx context.Context, specs []TopicSpec, create bool) error {
	names := make([]string, len(specs))
	for i, s := range specs {
		if s.Name == "" || s.Partitions <= 0 {
			return fmt.Errorf("topic %q: a name and a positive number of partitions are needed", s.Name)
		}
		names[i] = s.Name
	}
	known, err := c.describeTopics(ctx, names)
	for attempt := 1; err != nil && timedOut(err) && attempt < 3 && ctx.Err() == nil; attempt++ {
		known, err = c.describeTopics(ctx, names) // the first connections may have gone to a broker that is frozen
	}
	if err != nil {
		return err
	}
	var missing []TopicSpec
	var faults []error
	for _, s := range specs {
		switch t := known[s.Name]; {
		case t != nil && t.err == nil:
		case t != nil && !errors.Is(t.err, kafka.UnknownTopicOrPartition):
			faults = append(faults, fmt.Errorf("topic %s: %w", s.Name, t.err))
		case create:
			missing = append(missing, s)
		default:
			faults = append(faults, fmt.Errorf("topic %s does not exist: create it with %d partitions, or allow topics to be created", s.Name, s.Partitions))
		}
	}
	if len(missing) > 0 {
		faults = append(faults, c.createTopics(ctx, missing)...)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if known, err = c.awaitTopics(ctx, names); err != nil {
		return err
	}
	return c.verifyTopics(ctx, specs, known)
}

// Partitions gives how many partitions a topic has; ErrNoTopic when there is none of that name.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	known, err := c.describeTopics(ctx, []string{topic})
	if err != nil {
		return 0, err
	}
	switch t := known[topic]; {
	case t == nil:
		return 0, fmt.Errorf("topic %s: %w", topic, errAnswer)
	case errors.Is(t.err, kafka.UnknownTopicOrPartition):
		return 0, fmt.Errorf("topic %s: %w", topic, ErrNoTopic)
	case t.err != nil:
		return 0, fmt.Errorf("topic %s: %w", topic, t.err)
	default:
		return len(t.leaders), nil
	}
}

// createTopics asks the controller. A topic that another process has made
// meanwhile is no fault: it is verified like any other.
func (c *Client) createTopics(ctx context.Context, specs []TopicSpec) []error {
	req := &createtopics.Request{TimeoutMs: int32((c.cfg.RequestTimeout - c.cfg.RequestTimeout/5).Milliseconds())}
	for _, s := range specs {
		t := createtopics.RequestTopic{Name: s.Name, NumPartitions: int32(s.Partitions), ReplicationFactor: -1}
		if s.Replication > 0 {
			t.ReplicationFactor = int16(s.Replication)
		}
		configs := s.configs()
		for _, name := range slices.Sorted(maps.Keys(configs)) {
			t.Configs = append(t.Configs, createtopics.RequestConfig{Name: name, Value: configs[name]})
		}
		req.Topics = append(req.Topics, t)
	}
	for attempt := 1; ; attempt++ {
		res, err := c.askController(ctx, req)
		if err != nil {
			return []error{fmt.Errorf("create topics: %w", err)}
		}
		var faults []error
		moved := false
		for _, t := range res.Topics {
			switch code := kafka.Error(t.ErrorCode); code {
			case 0, kafka.TopicAlreadyExists:
			case kafka.NotController:
				moved = true
				faults = append(faults, fmt.Errorf("create topic %s: %w", t.Name, code))
			default:
				faults = append(faults, fmt.Errorf("create topic %s: %w: %s", t.Name, code, t.ErrorMessage))
			}
		}
		if !moved || attempt >= groupCallAttempts || backoff(ctx, attempt) != nil {
			return faults
		}
	}
}

func (c *Client) askController(ctx context.Context, req *createtopics.Request) (*createtopics.Response, error) {
	msg, err := c.call(ctx, anyNode, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return nil, fmt.Errorf("find the controller: %w", err)
	}
	meta, ok := msg.(*metadata.Response)
	if !ok {
		return nil, fmt.Errorf("find the controller: answer of type %T", msg)
	}
	if msg, err = c.call(ctx, meta.ControllerID, req); err != nil {
		return nil, err
	}
	res, ok := msg.(*createtopics.Response)
	if !ok {
		return nil, fmt.Errorf("answer of type %T", msg)
	}
	return res, nil
}

// awaitTopics waits until every partition has a leader: creation is asynchronous.
func (c *Client) awaitTopics(ctx context.Context, names []string) (map[string]*topicMeta, error) {
	ctx, cancel := context.WithTimeout(ctx, topicAppears)
	defer cancel()
	for attempt := 1; ; attempt++ {
		known, err := c.describeTopics(ctx, names)
		if err == nil {
			err = leadersComplete(known, names)
		}
		if err == nil {
			return known, nil
		}
		if waitErr := backoff(ctx, attempt); waitErr != nil {
			return nil, fmt.Errorf("%w: wait for topics: %w: %w", ErrUnavailable, waitErr, err)
		}
	}
}

func leadersComplete(known map[string]*topicMeta, names []string) error {
	for _, name := range names {
		t := known[name]
		if t == nil {
			return fmt.Errorf("topic %s is not described", name)
		}
		if t.err != nil {
			return fmt.Errorf("topic %s: %w", name, t.err)
		}
		if len(t.leaders) == 0 || slices.Contains(t.leaders, -1) {
			return fmt.Errorf("topic %s: a partition has no leader", name)
		}
	}
	return nil
}

func (c *Client) verifyTopics(ctx context.Context, specs []TopicSpec, known map[string]*topicMeta) error {
	var faults []error
	for _, s := range specs {
		t := known[s.Name]
		if got := len(t.leaders); got != s.Partitions {
			faults = append(faults, fmt.Errorf(
				"topic %s has %d partitions, want %d: keys are placed by this number. If the topic was made with %d, set that here for every topic of the flow; "+
					"if partitions were added since, start the flow afresh on new topics",
				s.Name, got, s.Partitions, got))
		}
		if t.replica < s.Replication {
			faults = append(faults, fmt.Errorf("topic %s has %d replicas, want at least %d: reassign it with kafka-reassign-partitions", s.Name, t.replica, s.Replication))
		}
		want := s.configs()
		if len(want) == 0 {
			continue
		}
		names := slices.Sorted(maps.Keys(want))
		have, err := c.describeConfig(ctx, anyNode, resourceTopic, s.Name, names)
		if err != nil {
			return fmt.Errorf("verify topic %s: %w", s.Name, err)
		}
		for _, name := range names {
			got, ok := have[name]
			if !ok || got != want[name] {
				faults = append(faults, fmt.Errorf("topic %s has %s=%s, want %s: kafka-configs --alter --topic %s --add-config %s=%s",
					s.Name, name, got, want[name], s.Name, name, want[name]))
			}
		}
	}
	return errors.Join(faults...)
}

// Kinds of resources in DescribeConfigs.
const (
	resourceTopic  int8 = 2
	resourceBroker int8 = 4
)

// BrokerConfig gives one setting of a broker, e.g. producer.id.expiration.ms, as
// the broker that answers first sees it.
func (c *Client) BrokerConfig(ctx context.Context, name string) (string, error) {
	msg, err := c.call(ctx, anyNode, &metadata.Request{TopicNames: []string{}})
	if err != nil {
		return "", fmt.Errorf("broker setting %s: %w", name, err)
	}
	meta, ok := msg.(*metadata.Response)
	if !ok || len(meta.Brokers) == 0 {
		return "", fmt.Errorf("broker setting %s: no broker is known", name)
	}
	node := meta.Brokers[0].NodeID
	have, err := c.describeConfig(ctx, node, resourceBroker, strconv.Itoa(int(node)), []string{name})
	if err != nil {
		return "", fmt.Errorf("broker setting %s: %w", name, err)
	}
	value, ok := have[name]
	if !ok {
		return "", fmt.Errorf("broker setting %s: the broker does not know it", name)
	}
	return value, nil
}

func (c *Client) describeConfig(ctx context.Context, node int32, kind int8, resource string, names []string) (map[string]string, error) {
	var msg protocol.Message = &describeconfigs.Request{Resources: []describeconfigs.RequestResource{
		{ResourceType: kind, ResourceName: resource, ConfigNames: names},
	}}
	msg, err := c.call(ctx, node, msg)
	if err != nil {
		return nil, err
	}
	res, ok := msg.(*describeconfigs.Response)
	if !ok || len(res.Resources) != 1 {
		return nil, fmt.Errorf("describe %s: %w", resource, errAnswer)
	}
	if err := codeErr(res.Resources[0].ErrorCode); err != nil {
		return nil, fmt.Errorf("describe %s: %w: %s", resource, err, res.Resources[0].ErrorMessage)
	}
	out := make(map[string]string, len(names))
	for _, e := range res.Resources[0].ConfigEntries {
		out[e.ConfigName] = e.ConfigValue
	}
	return out, nil
}
