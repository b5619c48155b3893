package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/checker/audit"
)

// tally looks at how far the flow is.
type tally struct {
	client *kgo.Client
	watch  *audit.Watch
}

func newTally(ctx context.Context, brokers []string) (*tally, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	watch, err := audit.NewWatch(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	go watch.Run(ctx)
	return &tally{client: client, watch: watch}, nil
}

// recover starts the service that died and returns how long after its death it has done what was there to do
// then: ingest takes requests, the processor's watermarks have passed the end of the events, the sink's owners
// work and SalesWings has been told up to the end of the transitions.
func (f *flow) recover(ctx context.Context, t *tally, s *service) (time.Duration, error) {
	topic := map[string]string{"processor": schemas.EventsTopic, "sink": schemas.TransitionsTopic}[s.name]
	var ends []int64
	var err error
	if topic != "" {
		if ends, err = audit.Ends(ctx, t.client, topic); err != nil {
			return 0, err
		}
	}
	died := s.endsAt
	if err := f.start(s.name); err != nil {
		return 0, err
	}
	if err := s.ready(ctx, patience); err != nil {
		return 0, err
	}
	err = poll(ctx, patience, func() error {
		switch s.name {
		case "processor":
			if !t.watch.Reached(ends) {
				return errors.New("the processor has not caught up")
			}
		case "sink":
			positions, err := t.positions(ctx, "cohortflow.sink.saleswings", topic, len(ends))
			if err != nil {
				return err
			}
			for p := range ends {
				if positions[p] < ends[p] {
					return fmt.Errorf("the sink stands at offset %d of partition %d, %d was there when it died", positions[p], p, ends[p])
				}
			}
		}
		return nil
	})
	return time.Since(died), err
}

// positions are the offsets that a consumer group has committed.
func (t *tally) positions(ctx context.Context, group, topic string, n int) ([]int64, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	of := kmsg.NewOffsetFetchRequestTopic()
	of.Topic = topic
	for p := range n {
		of.Partitions = append(of.Partitions, int32(p))
	}
	request.Topics = append(request.Topics, of)
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = group
	inGroup := kmsg.NewOffsetFetchRequestGroupTopic()
	inGroup.Topic, inGroup.Partitions = topic, of.Partitions
	asked.Topics = append(asked.Topics, inGroup)
	request.Groups = append(request.Groups, asked)
	positions := make([]int64, n)
	for _, shard := range t.client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		answer := shard.Resp.(*kmsg.OffsetFetchResponse)
		for _, x := range answer.Topics {
			for _, p := range x.Partitions {
				positions[p.Partition] = p.Offset
			}
		}
		for _, g := range answer.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
				return nil, err
			}
			for _, x := range g.Topics {
				for _, p := range x.Partitions {
					positions[p.Partition] = p.Offset
				}
			}
		}
	}
	return positions, nil
}
