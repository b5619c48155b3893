package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/partition"
)

// Broker is one flow's view of Kafka: transactional ids that give epochs, and topics of one
// partition, both by number and made when they are first asked for. A call that fails for a reason
// that is no answer ends the test.
type Broker interface {
	Part() Part
	// TakeEpoch is InitProducerID.
	TakeEpoch(id int) partition.Producer
	// Append waits until all replicas have the batch. The offset is that of its first record.
	Append(topic int, b Batch) (int64, Code)
	// Log appends one record to a log of events, numbered by its writer: the same number is the same record.
	Log(topic, writer, number int) (int64, Code)
	// Read gives what stands from an offset on, below the high watermark.
	Read(topic int, from int64) Fetched
	// Knows says what the topic remembers of a producer.
	Knows(topic int, id int64) (Memory, bool)

	// Retain has retention take everything below an offset.
	Retain(topic int, start int64)
	// Recreate deletes the topic and creates it again.
	Recreate(topic int)
	// Expire has producer.id.expiration.ms go by for everybody, and the check for it. False: it cannot.
	Expire(topic int, id int64) bool
	// Check has the broker look for producers that have expired, without time going by.
	Check(topic int, id int64)
	// Hole makes an offset that holds no record. False: it cannot.
	Hole(topic int) bool
	// Restart gives every partition its leader anew, with nothing lost.
	Restart(clean bool) bool
}

// Batch is what a producer sends.
type Batch struct {
	By     partition.Producer
	Seq    int32
	Values []string
	Age    int64 // how old its records say that they are, ms
}

// Record is what a reader sees.
type Record struct {
	Offset int64
	By     partition.Producer
	Value  string
}

// Fetched is the answer to Read.
type Fetched struct {
	Records []Record
	High    int64
	Code    Code
}

// Memory is what a partition remembers of a producer.
type Memory struct {
	Epoch   int16
	LastSeq int32
}

// Code is the error code of an answer.
type Code int16

// The codes that the simulation knows.
const (
	OK         Code = 0
	OutOfRange Code = 1
	Disorder   Code = 45
	Fenced     Code = 47
)

func (c Code) String() string {
	switch c {
	case OK:
		return "ok"
	case OutOfRange:
		return "out of range"
	case Disorder:
		return "disorder"
	case Fenced:
		return "fenced"
	default:
		return "code " + strconv.Itoa(int(c))
	}
}

// names calls producer ids by the order in which a part gave them out: a, b, c.
type names struct{ ids []int64 }

func (n *names) of(id int64) string {
	for i, known := range n.ids {
		if known == id {
			return string(rune('a' + i))
		}
	}
	n.ids = append(n.ids, id)
	return string(rune('a' + len(n.ids) - 1))
}

func (n *names) producer(p partition.Producer) string {
	return fmt.Sprintf("%s/%d", n.of(p.ID), p.Epoch)
}

// fetched writes an answer down: "from 2: x y, high 4".
func fetched(f Fetched) string {
	if f.Code != OK {
		return f.Code.String()
	}
	var s strings.Builder
	for i, r := range f.Records {
		if i == 0 || r.Offset != f.Records[i-1].Offset+1 {
			fmt.Fprintf(&s, "at %d: ", r.Offset)
		}
		s.WriteString(r.Value + " ")
	}
	fmt.Fprintf(&s, "high %d", f.High)
	return s.String()
}
