package main

import (
	"flag"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio/kafkaiotest"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/test/contract"
	"github.com/cohortflow/cohortflow/test/launch"
)

var longFlag = flag.Bool("long", false, "play the long cases of the contract on Apache Kafka too, half a minute more")

// fewer has rapid make fewer checks on parts that take longer, unless somebody asks for more.
func fewer(t *testing.T, checks string) {
	f := flag.Lookup("rapid.checks")
	if was := f.Value.String(); was == f.DefValue {
		_ = f.Value.Set(checks)
		t.Cleanup(func() { _ = f.Value.Set(was) })
	}
}

// simBroker is the simulated broker as the contract sees it.
type simBroker struct {
	t      testing.TB
	w      *world
	topics map[int]*topic
}

func newSimBroker(t testing.TB) *simBroker {
	return &simBroker{t: t, w: newWorld(&Plan{}, nil), topics: map[int]*topic{}}
}

func (b *simBroker) topic(n int) *topic {
	if b.topics[n] == nil {
		b.topics[n] = newTopic("contract")
	}
	return b.topics[n]
}

// pass lets what is under way happen.
func (b *simBroker) pass(ms int64) { b.w.until(b.w.now + ms) }

func (b *simBroker) Part() contract.Part { return contract.Simulated }

func (b *simBroker) TakeEpoch(id int) partition.Producer { return b.w.takeEpoch(id) }

func (b *simBroker) Append(n int, batch contract.Batch) (int64, contract.Code) {
	b.t.Helper()
	t := b.topic(n)
	records := make([]record, len(batch.Values))
	for i, v := range batch.Values {
		records[i] = record{value: []byte(v), stamp: b.w.now - batch.Age}
	}
	offset, v := b.w.append(t, batch.By, batch.Seq, records)
	switch v {
	case fenced:
		return -1, contract.Fenced
	case disorder:
		return -1, contract.Disorder
	case leaderless:
		b.t.Fatal("nobody leads")
	case appended:
	}
	acknowledged := false
	b.w.whenHigh(t, offset+int64(len(records)), func() { acknowledged = true }, func() { b.t.Fatal("it is lost") })
	b.pass(10)
	if !acknowledged {
		b.t.Fatal("the replicas do not come along")
	}
	return offset, contract.OK
}

func (b *simBroker) Log(n, writer, number int) (int64, contract.Code) {
	offset, v := b.w.appendLog(n, &event.Event{Kind: event.KindTick, Source: event.SourceOwner}, uint64(1000*writer+number+1))
	if v != appended {
		b.t.Fatal("nobody leads")
	}
	b.pass(10)
	return offset, contract.OK
}

func (b *simBroker) Read(n int, from int64) contract.Fetched {
	t := b.topic(n)
	if t.lacks(from) {
		return contract.Fetched{Code: contract.OutOfRange}
	}
	f := contract.Fetched{High: t.high}
	for i := from; i < t.high; i++ {
		f.Records = append(f.Records, contract.Record{Offset: i, By: t.records[i].producer, Value: string(t.records[i].value)})
	}
	return f
}

func (b *simBroker) Knows(n int, id int64) (contract.Memory, bool) {
	s := b.w.knows(b.topic(n), id)
	if s == nil {
		return contract.Memory{}, false
	}
	return contract.Memory{Epoch: s.epoch, LastSeq: advance(s.next, -1)}, true
}

func (b *simBroker) Retain(n int, start int64) {
	t := b.topic(n)
	t.start = max(t.start, start)
}

func (b *simBroker) Recreate(n int) { delete(b.topics, n) }

func (b *simBroker) Expire(int, int64) bool {
	b.pass(forgetsAfter + 1)
	return true
}

func (b *simBroker) Check(int, int64) { b.pass(1) }

func (b *simBroker) Hole(int) bool { return false }

func (b *simBroker) Restart(bool) bool {
	for _, t := range b.topics {
		b.w.elect(t, 0)
	}
	b.pass(10)
	return true
}

func embeddedBroker(t testing.TB, dir string) *contract.Wire {
	var b *kafkaiotest.Embedded
	start := func(options ...kfake.Opt) {
		b = kafkaiotest.StartEmbedded(t, append(options, kfake.DataDir(dir))...)
	}
	start()
	var w *contract.Wire
	w = contract.NewWire(t, contract.Embedded, b.Brokers, func(bool) {
		b.Cluster.Close()
		start()
		w.Move(b.Brokers)
	})
	return w
}

// realBroker is one for all cases: each makes topics and ids of its own.
func realBroker(t testing.TB) func(testing.TB) *contract.Wire {
	brokers, broker := launch.Kafka(t, launch.KafkaOptions{Properties: map[string]string{
		"producer.id.expiration.check.interval.ms": "50",
	}})
	return func(t testing.TB) *contract.Wire {
		return contract.NewWire(t, contract.Real, brokers, func(clean bool) {
			if !clean {
				if err := broker.Kill9(); err != nil {
					t.Fatal(err)
				}
			}
			if err := broker.Restart(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestContract_SimulatedBroker(t *testing.T) {
	contract.RunBroker(t, contract.Simulated, true, func(t testing.TB) contract.Broker { return newSimBroker(t) })
}

func TestContract_EmbeddedBroker(t *testing.T) {
	contract.RunBroker(t, contract.Embedded, true, func(t testing.TB) contract.Broker { return embeddedBroker(t, t.TempDir()) })
	embedded := embeddedBroker(t, t.TempDir())
	t.Run("as simulated", func(t *testing.T) {
		contract.CompareBrokers(t, func() []contract.Broker { return []contract.Broker{newSimBroker(t), embedded.Anew()} })
	})
}

func TestContract_RealBroker(t *testing.T) {
	fewer(t, "25")
	broker := realBroker(t)
	all := broker(t)
	t.Run("as simulated", func(t *testing.T) {
		contract.CompareBrokers(t, func() []contract.Broker { return []contract.Broker{newSimBroker(t), all.Anew()} })
	})
	contract.RunBroker(t, contract.Real, *longFlag, func(t testing.TB) contract.Broker { return broker(t) })
}
