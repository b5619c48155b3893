package contract

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// script plays one case on one broker, and knows producers by their names.
type script struct {
	t      testing.TB
	b      Broker
	ledger *Ledger
	names  names
	values int
}

// as says that the part answers otherwise by a known difference.
func (s *script) as(d *Difference) bool { return s.b.Part() == d.Of }

func (s *script) expect(got, want string, known ...exception) {
	s.t.Helper()
	s.ledger.expect(s.t, s.b.Part(), got, want, known...)
}

// take takes an epoch.
func (s *script) take(id int, want string, known ...exception) partition.Producer {
	s.t.Helper()
	p := s.b.TakeEpoch(id)
	s.expect(s.names.producer(p), want, known...)
	return p
}

// put appends n new records.
func (s *script) put(topic int, by partition.Producer, seq int32, n int, want string, known ...exception) {
	s.t.Helper()
	s.send(topic, Batch{By: by, Seq: seq, Values: s.some(n)}, want, known...)
}

func (s *script) send(topic int, b Batch, want string, known ...exception) {
	s.t.Helper()
	s.expect(s.answer(topic, b), want, known...)
}

func (s *script) answer(topic int, b Batch) string {
	offset, code := s.b.Append(topic, b)
	if code != OK {
		return code.String()
	}
	return fmt.Sprintf("at %d", offset)
}

// log appends a record to a log of events.
func (s *script) log(writer, number int, want string, known ...exception) {
	s.t.Helper()
	offset, code := s.b.Log(0, writer, number)
	got := code.String()
	if code == OK {
		got = fmt.Sprintf("at %d", offset)
	}
	s.expect(got, want, known...)
}

// some gives values that nobody else has.
func (s *script) some(n int) []string {
	var all []string
	for range n {
		s.values++
		all = append(all, fmt.Sprintf("v%d", s.values))
	}
	return all
}

func (s *script) read(topic int, from int64, want string, known ...exception) {
	s.t.Helper()
	s.expect(fetched(s.b.Read(topic, from)), want, known...)
}

// knows compares what a partition remembers: "epoch 1, last 4" or "nothing".
func (s *script) knows(topic int, id int64, want string) {
	s.t.Helper()
	if want == nobody {
		s.expect(memory(s.b.Knows(topic, id)), want)
		return
	}
	s.expect(memory(s.b.Knows(topic, id)), want, but(tellsNobody, nobody))
}

const nobody = "nothing"

func memory(m Memory, known bool) string {
	if !known {
		return nobody
	}
	return fmt.Sprintf("epoch %d, last %d", m.Epoch, m.LastSeq)
}

// done compares whether a part can be brought to do something.
func (s *script) done(can bool, known ...exception) bool {
	s.t.Helper()
	s.expect(map[bool]string{true: "done", false: "cannot"}[can], "done", known...)
	return can
}

// with is a producer under another epoch.
func with(p partition.Producer, epoch int16) partition.Producer {
	p.Epoch = epoch
	return p
}

// Case is one case of the broker.
type Case struct {
	Name string
	play func(s *script)
}

// RunBroker plays all cases on one part; long ones too if it is asked for. fresh gives a broker on
// which nothing was asked for yet.
func RunBroker(t *testing.T, part Part, long bool, fresh func(t testing.TB) Broker) {
	ledger := NewLedger()
	cases := slices.Concat(epochCases, sequenceCases, logCases, restartCases)
	if long {
		cases = append(cases, longCases...)
	}
	played := 0
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			c.play(&script{t: t, b: fresh(t), ledger: ledger})
			played++
		})
	}
	if long && played == len(cases) {
		ledger.Complete(t, part, BrokerDifferences)
	}
}
