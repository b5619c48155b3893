package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Read reads every topic of Topics that is there, from its start to the end that it has when it is read. The
// events come first: what is decided of them later is more than the fold needs, never less.
func Read(ctx context.Context, options ...kgo.Opt) (Books, error) {
	admin, err := kgo.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	defer admin.Close()
	books := make(Books)
	for _, topic := range Topics() {
		partitions, err := readTopic(ctx, admin, options, topic)
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		books[topic] = partitions
	}
	return books, nil
}

// readTopic gives the records of each partition.
func readTopic(ctx context.Context, admin *kgo.Client, options []kgo.Opt, topic string) ([][]Record, error) {
	n, err := partitionsOf(ctx, admin, topic)
	if err != nil {
		return nil, err
	}
	ends, err := endsOf(ctx, admin, topic, n)
	if err != nil {
		return nil, err
	}
	starts := make(map[int32]kgo.Offset)
	left := 0
	for p, end := range ends {
		if end > 0 {
			starts[int32(p)] = kgo.NewOffset().AtStart()
			left++
		}
	}
	books := make([][]Record, n)
	if left == 0 {
		return books, nil
	}
	client, err := kgo.NewClient(append(slices.Clip(options), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for left > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, fault := range fetches.Errors() {
			return nil, fmt.Errorf("partition %d: %w", fault.Partition, fault.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end := ends[r.Partition]
			if r.Offset >= end {
				return
			}
			if r.Offset == end-1 {
				left--
			}
			if r.Attrs.IsControl() {
				return
			}
			record := Record{Topic: topic, Partition: r.Partition, Offset: r.Offset, At: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				if record.Headers == nil {
					record.Headers = make(map[string]string)
				}
				record.Headers[h.Key] = string(h.Value)
			}
			books[r.Partition] = append(books[r.Partition], record)
		})
	}
	return books, nil
}

func partitionsOf(ctx context.Context, client *kgo.Client, topic string) (int, error) {
	request := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &topic
	request.Topics = append(request.Topics, t)
	answer, err := request.RequestWith(ctx, client)
	if err != nil {
		return 0, err
	}
	if len(answer.Topics) != 1 {
		return 0, kerr.UnknownTopicOrPartition
	}
	return len(answer.Topics[0].Partitions), kerr.ErrorForCode(answer.Topics[0].ErrorCode)
}

func endsOf(ctx context.Context, client *kgo.Client, topic string, n int) ([]int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for p := range n {
		x := kmsg.NewListOffsetsRequestTopicPartition()
		x.Partition, x.Timestamp = int32(p), -1
		t.Partitions = append(t.Partitions, x)
	}
	request.Topics = append(request.Topics, t)
	ends := make([]int64, n)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, topic := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range topic.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, err
				}
				ends[p.Partition] = p.Offset
			}
		}
	}
	return ends, nil
}
