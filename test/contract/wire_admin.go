package contract

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topic gives the name of a topic, which is made when it is first asked for.
func (w *Wire) topic(number int) string {
	w.t.Helper()
	name := fmt.Sprintf("%s-topic-%d", w.name, number)
	if w.topics[number] {
		return name
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 1, 1
	request.Topics = append(request.Topics, t)
	w.until("create a topic", func() error {
		return kerr.ErrorForCode(ask[*kmsg.CreateTopicsResponse](w, request).Topics[0].ErrorCode)
	})
	w.topics[number] = true
	return name
}

// Knows is DescribeProducers.
func (w *Wire) Knows(topic int, id int64) (m Memory, known bool) {
	w.t.Helper()
	w.until("describe producers", func() error {
		request := kmsg.NewPtrDescribeProducersRequest()
		t := kmsg.NewDescribeProducersRequestTopic()
		t.Topic, t.Partitions = w.topic(topic), []int32{0}
		request.Topics = append(request.Topics, t)
		answer := ask[*kmsg.DescribeProducersResponse](w, request).Topics[0].Partitions[0]
		if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
			return err
		}
		m, known = Memory{}, false
		for _, p := range answer.ActiveProducers {
			if p.ProducerID == id {
				m, known = Memory{Epoch: int16(p.ProducerEpoch), LastSeq: p.LastSequence}, true
			}
		}
		return nil
	})
	return m, known
}

// Retain is DeleteRecords, which does at once what retention does.
func (w *Wire) Retain(topic int, start int64) {
	w.t.Helper()
	w.until("delete records", func() error {
		request := kmsg.NewPtrDeleteRecordsRequest()
		request.TimeoutMillis = 10_000
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = w.topic(topic)
		t.Partitions = append(t.Partitions, kmsg.DeleteRecordsRequestTopicPartition{Offset: start})
		request.Topics = append(request.Topics, t)
		return kerr.ErrorForCode(ask[*kmsg.DeleteRecordsResponse](w, request).Topics[0].Partitions[0].ErrorCode)
	})
}

// Recreate returns when the new topic answers; until the old one is gone its name is taken.
func (w *Wire) Recreate(topic int) {
	w.t.Helper()
	name := w.topic(topic)
	w.until("delete a topic", func() error {
		request := kmsg.NewPtrDeleteTopicsRequest()
		request.TimeoutMillis, request.TopicNames = 10_000, []string{name}
		t := kmsg.NewDeleteTopicsRequestTopic()
		t.Topic = &name
		request.Topics = append(request.Topics, t)
		return kerr.ErrorForCode(ask[*kmsg.DeleteTopicsResponse](w, request).Topics[0].ErrorCode)
	})
	w.topics[topic] = false
	w.topic(topic)
	w.until("create a topic again", func() error {
		if high := w.Read(topic, 0).High; high != 0 {
			return fmt.Errorf("its end is %d", high)
		}
		return nil
	})
}

// Expire lets what a broker remembers of producers grow old at once: the setting is changed for so long.
func (w *Wire) Expire(topic int, id int64) bool {
	w.t.Helper()
	if w.part == Embedded {
		return false
	}
	w.expireAfter("1")
	defer w.expireAfter("")
	w.Check(topic, id)
	return true
}

// Check waits until the broker has looked, and forgotten a producer.
func (w *Wire) Check(topic int, id int64) {
	w.t.Helper()
	w.until("forget a producer", func() error {
		if _, known := w.Knows(topic, id); known {
			return errors.New("it is remembered")
		}
		return nil
	})
}

// expireAfter sets producer.id.expiration.ms of the broker; empty is what it was started with.
func (w *Wire) expireAfter(ms string) {
	w.t.Helper()
	request := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType = kmsg.ConfigResourceTypeBroker
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Op = "producer.id.expiration.ms", kmsg.IncrementalAlterConfigOpDelete
	if ms != "" {
		c.Op, c.Value = kmsg.IncrementalAlterConfigOpSet, &ms
	}
	r.Configs = append(r.Configs, c)
	request.Resources = append(request.Resources, r)
	w.until("set "+c.Name, func() error {
		return kerr.ErrorForCode(ask[*kmsg.IncrementalAlterConfigsResponse](w, request).Resources[0].ErrorCode)
	})
	w.until("see "+c.Name, func() error {
		name := c.Name
		describe := kmsg.NewPtrDescribeConfigsRequest()
		d := kmsg.NewDescribeConfigsRequestResource()
		d.ResourceType, d.ResourceName, d.ConfigNames = kmsg.ConfigResourceTypeBroker, "1", []string{name}
		describe.Resources = append(describe.Resources, d)
		want := ms
		if want == "" {
			want = strconv.Itoa(day)
		}
		for _, x := range ask[*kmsg.DescribeConfigsResponse](w, describe).Resources[0].Configs {
			if x.Name == name && x.Value != nil && *x.Value == want {
				return nil
			}
		}
		return errors.New("it is not yet " + want)
	})
}

// Hole writes the end of an empty transaction of somebody else: a marker, which no reader is given.
func (w *Wire) Hole(topic int) bool {
	w.t.Helper()
	const foreign = 9
	id := fmt.Sprintf("%s-id-%d", w.name, foreign)
	p := w.TakeEpoch(foreign)
	high := w.Read(topic, 0).High
	w.until("begin a transaction", func() error {
		add := kmsg.NewPtrAddPartitionsToTxnRequest()
		add.TransactionalID, add.ProducerID, add.ProducerEpoch = id, p.ID, p.Epoch
		add.Topics = append(add.Topics, kmsg.AddPartitionsToTxnRequestTopic{Topic: w.topic(topic), Partitions: []int32{0}})
		return kerr.ErrorForCode(coordinate[*kmsg.AddPartitionsToTxnResponse](w, add).Topics[0].Partitions[0].ErrorCode)
	})
	w.until("end a transaction", func() error {
		end := kmsg.NewPtrEndTxnRequest()
		end.TransactionalID, end.ProducerID, end.ProducerEpoch, end.Commit = id, p.ID, p.Epoch, true
		return kerr.ErrorForCode(coordinate[*kmsg.EndTxnResponse](w, end).ErrorCode)
	})
	w.until("see the end of a transaction", func() error {
		if now := w.Read(topic, 0).High; now != high+1 {
			return fmt.Errorf("the end is %d, was %d", now, high)
		}
		return nil
	})
	return true
}

// Restart has the broker stopped, in good order or not, and started again.
func (w *Wire) Restart(clean bool) bool {
	w.t.Helper()
	w.restart(clean)
	w.dial()
	return true
}
