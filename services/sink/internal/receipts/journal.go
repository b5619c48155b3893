package receipts

import (
	"context"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
)

// Journal encodes receipts and dead letters of one destination. It is safe for
// concurrent use.
type Journal struct {
	destination string
	receipts    *Writer // nil = switched off
	dead        *Writer
	receiptID   uint32
	deadID      uint32
}

// NewJournal makes a journal; the ids are those of the two schemas. receipts may be
// nil: then none are written.
func NewJournal(destination string, receipts *Writer, receiptID uint32, dead *Writer, deadID uint32) *Journal {
	return &Journal{destination: destination, receipts: receipts, receiptID: receiptID, dead: dead, deadID: deadID}
}

// Room waits until there is room for more.
func (j *Journal) Room(ctx context.Context) error {
	if j.receipts != nil {
		if err := j.receipts.Room(ctx); err != nil {
			return err
		}
	}
	return j.dead.Room(ctx)
}

// Full says whether Room would wait.
func (j *Journal) Full() bool {
	return j.receipts != nil && j.receipts.Full() || j.dead.Full()
}

// Outcome is what is said of a transition beyond what it says itself.
type Outcome struct {
	Outcome string // avrocodec.Outcome*
	Status  int
	Message string // nothing personal
	Attempt int
}

// Receipt queues a receipt to the transition's partition, keyed by the person; done
// as in Writer.Add. With receipts switched off done is called at once.
func (j *Journal) Receipt(partition int32, t *cohort.Transition, o Outcome, done func(error)) {
	if j.receipts == nil {
		if done != nil {
			done(nil)
		}
		return
	}
	now := time.Now().UnixMilli()
	r := avrocodec.Receipt{
		Destination: j.destination, TransitionID: avrocodec.FormatID(t.ID), Person: t.Person, Cohort: t.Cohort,
		Op: opText(t.Op), Version: t.Version, Outcome: o.Outcome, Status: int32(o.Status), Message: o.Message,
		Attempt: int32(o.Attempt), At: now, AcceptedAt: t.AcceptedAt, EffectiveAt: t.EffectiveAt,
	}
	j.receipts.Add(kafkaio.OutRecord{
		Partition: partition, Timestamp: now, Key: []byte(t.Person), Value: avrocodec.AppendReceipt(nil, j.receiptID, &r),
	}, done)
}

// DeadLetter queues the record of a transition, as it was read, to the dead-letter
// topic; done as in Writer.Add. id is "" when the record could not be read.
func (j *Journal) DeadLetter(partition int32, key []byte, id string, value []byte, reason string, attempts int, done func(error)) {
	now := time.Now().UnixMilli()
	d := avrocodec.DeadLetter{
		Destination: j.destination, TransitionID: id, Reason: reason, Transition: value, At: now, Attempts: int32(attempts),
	}
	j.dead.Add(kafkaio.OutRecord{
		Partition: partition, Timestamp: now, Key: key, Value: avrocodec.AppendDeadLetter(nil, j.deadID, &d),
	}, done)
}

func opText(op cohort.Op) string {
	switch op {
	case cohort.OpEnter:
		return "enter"
	case cohort.OpErased:
		return "erased"
	default:
		return "exit"
	}
}
