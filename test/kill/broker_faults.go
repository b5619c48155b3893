package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/launch"
)

// standing is who has a partition of the log.
type standing struct {
	leader int32 // -1 = nobody
	inSync []int32
}

// standings asks the cluster about every partition of a topic.
func standings(ctx context.Context, brokers []string, topic string) ([]standing, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	request := kmsg.NewPtrMetadataRequest()
	of := kmsg.NewMetadataRequestTopic()
	of.Topic = &topic
	request.Topics = append(request.Topics, of)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("who leads %s: %w", topic, err)
	}
	list := make([]standing, len(answer.Topics[0].Partitions))
	for _, p := range answer.Topics[0].Partitions {
		list[p.Partition] = standing{leader: p.Leader, inSync: p.ISR}
	}
	return list, nil
}

// settles waits until every partition of the log has a leader and n replicas in sync.
func (f *flow) settles(ctx context.Context, n int) error {
	return poll(ctx, patience, func() error {
		list, err := standings(ctx, f.brokers(), schemas.EventsTopic)
		if err != nil {
			return err
		}
		for p, s := range list {
			if s.leader < 0 || len(s.inSync) != n {
				return fmt.Errorf("partition %d: leader %d, in sync %v, want %d", p, s.leader, s.inSync, n)
			}
		}
		return nil
	})
}

// leads waits until a partition is led by somebody else.
func (f *flow) leads(ctx context.Context, partition int, other *launch.Broker) error {
	return poll(ctx, patience, func() error {
		list, err := standings(ctx, f.brokers(), schemas.EventsTopic)
		if err != nil {
			return err
		}
		if l := list[partition].leader; l < 0 || f.cluster.Broker(l) == other {
			return errors.New("no other broker leads")
		}
		return nil
	})
}

// roles gives the leader of a partition of the log, and its followers.
func (f *flow) roles(ctx context.Context, partition int) (leader *launch.Broker, followers []*launch.Broker, err error) {
	list, err := standings(ctx, f.brokers(), schemas.EventsTopic)
	if err != nil {
		return nil, nil, err
	}
	if list[partition].leader < 0 {
		return nil, nil, fmt.Errorf("partition %d has no leader", partition)
	}
	leader = f.cluster.Broker(list[partition].leader)
	for _, b := range f.cluster.Brokers {
		if b != leader {
			followers = append(followers, b)
		}
	}
	return leader, followers, nil
}

// brokerFaults happen to a cluster of three. After each all three are there and in sync.
func (f *flow) brokerFaults() []fault {
	whole := func(ctx context.Context, err error, back ...*launch.Broker) error {
		return errors.Join(err, f.cluster.Restart(back...), f.settles(ctx, len(f.cluster.Brokers)))
	}
	return []fault{
		{"the leader is killed in the stream and comes back", func(ctx context.Context) error {
			leader, _, err := f.roles(ctx, 0)
			if err != nil {
				return err
			}
			return whole(ctx, errors.Join(leader.Kill9(), f.leads(ctx, 0, leader), pause(ctx, time.Second)), leader)
		}},
		{"the broker that is asked first is frozen, and a processor killed", func(ctx context.Context) error {
			first := f.cluster.Brokers[0]
			if err := first.Pause(); err != nil {
				return err
			}
			err := errors.Join(f.services["processor"].kill(), f.start("processor"), f.services["processor"].ready(ctx, patience), pause(ctx, absence))
			return errors.Join(err, first.Resume(), f.settles(ctx, len(f.cluster.Brokers)))
		}},
		{"two of three are killed, nothing is acknowledged, and the third", func(ctx context.Context) error {
			leader, followers, err := f.roles(ctx, 0)
			if err != nil {
				return err
			}
			err = errors.Join(leader.Kill9(), followers[0].Kill9(), f.settles(ctx, 1), f.refuses(ctx), followers[1].Kill9())
			return whole(ctx, err, f.cluster.Brokers...)
		}},
	}
}

// slowBrokerFaults are what is left, for those who have the time.
func (f *flow) slowBrokerFaults() []fault {
	n := len(f.cluster.Brokers)
	return []fault{
		{"all three are killed at once and come back", func(ctx context.Context) error {
			var errs []error
			for _, b := range f.cluster.Brokers {
				errs = append(errs, b.Kill9())
			}
			return errors.Join(append(errs, f.cluster.Restart(f.cluster.Brokers...), f.settles(ctx, n))...)
		}},
		{"two of three are killed and come back", func(ctx context.Context) error {
			leader, followers, err := f.roles(ctx, 1)
			if err != nil {
				return err
			}
			err = errors.Join(leader.Kill9(), followers[1].Kill9(), f.settles(ctx, 1), f.refuses(ctx))
			return errors.Join(err, f.cluster.Restart(leader, followers[1]), f.settles(ctx, n))
		}},
		{"a follower is killed and comes back", func(ctx context.Context) error {
			_, followers, err := f.roles(ctx, 0)
			if err != nil {
				return err
			}
			return errors.Join(followers[0].Kill9(), f.settles(ctx, n-1), followers[0].Restart(), f.settles(ctx, n))
		}},
		{"the brokers are restarted one after the other", func(ctx context.Context) error {
			for _, b := range f.cluster.Brokers {
				if err := errors.Join(b.Restart(), f.settles(ctx, n)); err != nil {
					return err
				}
			}
			return nil
		}},
		{"the leader is frozen until another one leads, and goes on", func(ctx context.Context) error {
			leader, _, err := f.roles(ctx, 1)
			if err != nil {
				return err
			}
			err = errors.Join(leader.Pause(), f.leads(ctx, 1, leader), pause(ctx, absence))
			return errors.Join(err, leader.Resume(), f.settles(ctx, n))
		}},
		{"the leader is frozen for less than its session, again and again", func(ctx context.Context) error {
			leader, _, err := f.roles(ctx, 2)
			if err != nil {
				return err
			}
			for range 4 {
				if err := errors.Join(leader.Pause(), pause(ctx, 2*time.Second), leader.Resume(), pause(ctx, time.Second)); err != nil {
					return err
				}
			}
			return f.settles(ctx, n)
		}},
		{"the controller is killed, then a leader, and both come back", func(ctx context.Context) error {
			leader, _, err := f.roles(ctx, 3)
			if err != nil {
				return err
			}
			err = errors.Join(f.cluster.Controller.Kill9(), leader.Kill9(), pause(ctx, absence))
			return errors.Join(err, f.cluster.Controller.Restart(), leader.Restart(), f.settles(ctx, n))
		}},
		{"leaders are killed one after the other, by turns", func(ctx context.Context) error {
			for p := range partitions {
				leader, _, err := f.roles(ctx, p)
				if err != nil {
					return err
				}
				if err := errors.Join(leader.Kill9(), f.leads(ctx, p, leader), leader.Restart(), f.settles(ctx, n)); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

// refuses wants that requests of many people, whatever partition they belong to, are answered with 503 while Kafka can
// take nothing.
func (f *flow) refuses(ctx context.Context) error {
	statuses, err := f.offers(ctx)
	if err != nil {
		return fmt.Errorf("ingest gives no answer while Kafka takes nothing: %w", err)
	}
	if statuses[http.StatusServiceUnavailable] != offered {
		return fmt.Errorf("ingest answers %v while two of three brokers are gone, want 503", statuses)
	}
	return nil
}

// offered is how many people offers speaks for.
const offered = 4 * partitions

// offers sends one event of each of many people, all at once, and tells how many were answered how.
func (f *flow) offers(ctx context.Context) (map[int]int, error) {
	statuses := make([]int, offered)
	errs := make([]error, len(statuses))
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			body := fmt.Appendf(nil, `{"batch": [{"type": "track", "event": "Product Viewed", "userId": "o-%d", "messageId": "o-%d-%d"}]}`, i, i, time.Now().UnixNano())
			statuses[i], errs[i] = f.offer(ctx, body)
		})
	}
	all.Wait()
	counts := make(map[int]int)
	for _, s := range statuses {
		counts[s]++
	}
	return counts, errors.Join(errs...)
}

// offer sends a batch once and gives the status of the answer.
func (f *flow) offer(ctx context.Context, body []byte) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/v1/batch", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(writeKey, "")
	answer, err := (&http.Client{Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, answer.Body) // what it says is of no interest here
	return answer.StatusCode, answer.Body.Close()
}

// elects has a broker elected that lacks what was acknowledged since it died: the two others die, and it comes back alone.
// All of them are there at the end.
func (f *flow) elects(ctx context.Context, lagging *launch.Broker) error {
	var others []*launch.Broker
	var errs []error
	for _, b := range f.cluster.Brokers {
		if b != lagging {
			others = append(others, b)
			errs = append(errs, b.Kill9())
		}
	}
	errs = append(errs, lagging.Restart(), poll(ctx, patience, func() error {
		list, err := standings(ctx, []string{lagging.Addr}, schemas.EventsTopic)
		if err != nil {
			return err
		}
		for p, s := range list {
			if s.leader < 0 || f.cluster.Broker(s.leader) != lagging {
				return fmt.Errorf("partition %d: leader %d, in sync %v", p, s.leader, s.inSync)
			}
		}
		return nil
	}))
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return errors.Join(f.cluster.Restart(others...), f.settles(ctx, len(f.cluster.Brokers)))
}
