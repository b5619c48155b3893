package avrocodec

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Codec turns one record type into an Avro body, without header, and back. There
// are two of each: Fast... is what the services use, Reference... is goavro. They
// agree on every value; a test sees to it.
type Codec[T any] interface {
	// Append appends the body of v to dst.
	Append(dst []byte, v *T) ([]byte, error)
	// Decode overwrites v with the body's content. The fast codec's results alias
	// body, see the package comment.
	Decode(body []byte, v *T) error
}

// Fenced is a record of a topic that its owner fences: one of its own, or a
// watermark in the same schema. Only the one that is named counts.
type Fenced[T any] struct {
	Value       T
	Watermark   cohort.Watermark
	IsWatermark bool
}

type fast[T any] struct {
	name   string
	append func(dst []byte, v *T) []byte
	decode func(r *reader, v *T)
}

func (c fast[T]) Append(dst []byte, v *T) ([]byte, error) { return c.append(dst, v), nil }

func (c fast[T]) Decode(body []byte, v *T) error {
	r := reader{b: body}
	c.decode(&r, v)
	return r.end(c.name)
}

// FastEvent is the hand-written codec of customerio.events.v1.
func FastEvent() Codec[event.Event] {
	return fast[event.Event]{"event", appendEvent, (*reader).event}
}

// FastTransition is the hand-written codec of cohort.transitions.v1.
func FastTransition() Codec[Fenced[cohort.Transition]] {
	return fenced("transition", appendTransition, appendTransitionWatermark,
		func(r *reader, t *cohort.Transition, w *cohort.Watermark) bool {
			return r.transition(t, w) == cohort.OpWatermark
		})
}

// FastProfile is the hand-written codec of cohort.profiles.v1.
func FastProfile() Codec[Fenced[cohort.Profile]] {
	return fenced("profile", appendProfile, appendProfileWatermark, (*reader).profile)
}

// FastSuppression is the hand-written codec of ads.suppression.<platform>.v1.
func FastSuppression() Codec[Fenced[Suppression]] {
	return fenced("suppression", appendSuppression, appendSuppressionWatermark, (*reader).suppression)
}

// FastReceipt is the hand-written codec of sink.receipts.v1.
func FastReceipt() Codec[Receipt] {
	return fast[Receipt]{"receipt", appendReceipt, (*reader).receipt}
}

// FastQuarantine is the hand-written codec of customerio.quarantine.v1.
func FastQuarantine() Codec[Quarantine] {
	return fast[Quarantine]{"quarantine", appendQuarantine, (*reader).quarantine}
}

// FastDeadLetter is the hand-written codec of sink.deadletter.v1.
func FastDeadLetter() Codec[DeadLetter] {
	return fast[DeadLetter]{"dead letter", appendDeadLetter, (*reader).deadLetter}
}

func fenced[T any](name string, appendValue func([]byte, *T) []byte, appendMark func([]byte, *cohort.Watermark) []byte,
	decode func(*reader, *T, *cohort.Watermark) bool,
) Codec[Fenced[T]] {
	return fast[Fenced[T]]{
		name: name,
		append: func(dst []byte, v *Fenced[T]) []byte {
			if v.IsWatermark {
				return appendMark(dst, &v.Watermark)
			}
			return appendValue(dst, &v.Value)
		},
		decode: func(r *reader, v *Fenced[T]) {
			v.IsWatermark = decode(r, &v.Value, &v.Watermark)
		},
	}
}
