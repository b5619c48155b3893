package avrocodec

import "github.com/cohortflow/cohortflow/schemas"

// AppendReceipt appends the value of a sink.receipts.v1 record to dst. It
// allocates only to grow dst.
func AppendReceipt(dst []byte, id uint32, v *Receipt) []byte {
	return appendReceipt(appendHeader(dst, id), v)
}

// DecodeReceipt decodes the value of a sink.receipts.v1 record and overwrites all
// of v. See the package comment for what v aliases.
func DecodeReceipt(b []byte, v *Receipt) error {
	r := reader{}
	r.open(b)
	r.receipt(v)
	return r.end(schemas.ReceiptsTopic)
}

// AppendDeadLetter appends the value of a sink.deadletter.v1 record to dst. It
// allocates only to grow dst.
func AppendDeadLetter(dst []byte, id uint32, v *DeadLetter) []byte {
	return appendDeadLetter(appendHeader(dst, id), v)
}

// DecodeDeadLetter decodes the value of a sink.deadletter.v1 record and overwrites
// all of v. See the package comment for what v aliases.
func DecodeDeadLetter(b []byte, v *DeadLetter) error {
	r := reader{}
	r.open(b)
	r.deadLetter(v)
	return r.end(schemas.DeadLetterTopic)
}

func appendReceipt(dst []byte, v *Receipt) []byte {
	dst = appendText(dst, v.Destination)
	dst = appendText(dst, v.TransitionID)
	dst = appendText(dst, v.Person)
	dst = appendText(dst, v.Cohort)
	dst = appendText(dst, v.Op)
	dst = appendLong(dst, v.Version)
	dst = appendText(dst, v.Outcome)
	dst = appendLong(dst, int64(v.Status))
	dst = appendOptText(dst, v.Message)
	dst = appendLong(dst, int64(v.Attempt))
	dst = appendLong(dst, v.At)
	dst = appendLong(dst, v.AcceptedAt)
	return appendLong(dst, v.EffectiveAt)
}

func (r *reader) receipt(v *Receipt) {
	v.Destination = r.text()
	v.TransitionID = r.text()
	v.Person = r.text()
	v.Cohort = r.text()
	v.Op = r.text()
	v.Version = r.long()
	v.Outcome = r.text()
	v.Status = r.int32()
	v.Message = r.optText()
	v.Attempt = r.int32()
	v.At = r.long()
	v.AcceptedAt = r.long()
	v.EffectiveAt = r.long()
}

func appendDeadLetter(dst []byte, v *DeadLetter) []byte {
	dst = appendText(dst, v.Destination)
	dst = appendOptText(dst, v.TransitionID)
	dst = appendText(dst, v.Reason)
	dst = appendBytes(dst, v.Transition)
	dst = appendLong(dst, v.At)
	return appendLong(dst, int64(v.Attempts))
}

func (r *reader) deadLetter(v *DeadLetter) {
	v.Destination = r.text()
	v.TransitionID = r.optText()
	v.Reason = r.text()
	v.Transition = r.bytes()
	v.At = r.long()
	v.Attempts = r.int32()
}
