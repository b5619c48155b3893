package avrocodec

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/schemas"
)

// AppendTransition appends the value of a cohort.transitions.v1 record to dst.
// It allocates only to grow dst; equal transitions give equal bytes.
func AppendTransition(dst []byte, id uint32, t *cohort.Transition) []byte {
	return appendTransition(appendHeader(dst, id), t)
}

// AppendTransitionWatermark appends the value of a fence or heartbeat record of
// cohort.transitions.v1 to dst. Of a Last without an offset (-1) nothing else is kept.
func AppendTransitionWatermark(dst []byte, id uint32, w *cohort.Watermark) []byte {
	return appendTransitionWatermark(appendHeader(dst, id), w)
}

// DecodeTransition decodes the value of a cohort.transitions.v1 record: into w
// when it returns cohort.OpWatermark, into t otherwise; the other one is left as
// it was. It reads every version of the schema that there is, whatever id the record
// carries. It returns cohort.OpUnknown, without an error, for an op that a newer
// release added. w may be nil for a caller who drops watermarks. See the package
// comment for what t aliases.
func DecodeTransition(b []byte, t *cohort.Transition, w *cohort.Watermark) (cohort.Op, error) {
	r := reader{}
	r.open(b)
	op := r.transition(t, w)
	return op, r.end(schemas.TransitionsTopic)
}

const (
	opEnter   = "enter"
	opExit    = "exit"
	opErased  = "erased"
	opUnknown = "unknown"
)

func transitionOp(op cohort.Op) string {
	switch op {
	case cohort.OpEnter:
		return opEnter
	case cohort.OpExit:
		return opExit
	case cohort.OpErased:
		return opErased
	case cohort.OpWatermark:
		return opWatermark
	default:
		return opUnknown
	}
}

func parseTransitionOp(s string) cohort.Op {
	switch s {
	case opEnter:
		return cohort.OpEnter
	case opExit:
		return cohort.OpExit
	case opErased:
		return cohort.OpErased
	case opWatermark:
		return cohort.OpWatermark
	default:
		return cohort.OpUnknown
	}
}

func appendTransition(dst []byte, t *cohort.Transition) []byte {
	dst = appendText(dst, transitionOp(t.Op))
	dst = appendIDText(dst, t.ID)
	dst = appendText(dst, t.Person)
	dst = appendText(dst, t.Cohort)
	dst = appendText(dst, t.Catalogue)
	dst = appendLong(dst, t.EffectiveAt)
	dst = appendLong(dst, t.DecidedAt)
	dst = appendOptTime(dst, t.ValidUntil)
	dst = appendText(dst, t.Reason)
	dst = appendBool(dst, t.Elapsed)
	dst = appendLong(dst, t.Version)
	if len(t.Evidence) > 0 {
		dst = appendLong(dst, int64(len(t.Evidence)))
		for _, e := range t.Evidence {
			dst = appendLong(appendLong(dst, e.Offset), e.At)
		}
	}
	dst = append(dst, 0)
	dst = appendOptText(dst, t.SourceID)
	dst = appendOptTime(dst, t.SourceAt)
	dst = appendLong(dst, t.AcceptedAt)
	if len(t.Contacts) > 0 {
		dst = appendLong(dst, int64(len(t.Contacts)))
		for _, c := range t.Contacts {
			dst = appendBytes(dst, c)
		}
	}
	dst = append(dst, 0)
	dst = append(dst, noWatermark...)
	return appendOptTime(dst, t.WarmingUntil)
}

// emptyTransition is what stands between op and the watermark's fields in a
// watermark: fifteen fields, empty and zero each.
const emptyTransition = "\x00\x00\x00\x00" + // transition_id person cohort catalogue
	"\x00\x00\x00\x00\x00\x00" + // effective_at decided_at valid_until reason elapsed version
	"\x00\x00\x00\x00\x00" // evidence source_id source_at accepted_at contacts

func appendTransitionWatermark(dst []byte, w *cohort.Watermark) []byte {
	dst = appendText(dst, opWatermark)
	dst = append(dst, emptyTransition...)
	dst = appendWatermark(dst, w)
	return append(dst, branchNull) // warming_until
}

func (r *reader) transition(t *cohort.Transition, w *cohort.Watermark) cohort.Op {
	op := parseTransitionOp(r.text())
	if op == cohort.OpWatermark {
		// Its own fields say nothing, whatever stands in them.
		var none cohort.Transition
		r.text()
		r.transitionFields(&none)
		if w == nil {
			w = new(cohort.Watermark)
		}
		r.watermark(w)
		r.addedTime()
		return op
	}
	t.Op = op
	if op == cohort.OpUnknown {
		t.ID, _ = ParseID(r.text()) // what a newer release puts here is not ours to judge
	} else {
		t.ID = r.id()
	}
	r.transitionFields(t)
	r.skipWatermark()
	t.WarmingUntil = r.addedTime()
	return op
}

func (r *reader) transitionFields(t *cohort.Transition) {
	t.Person = r.text()
	t.Cohort = r.text()
	t.Catalogue = r.text()
	t.EffectiveAt = r.long()
	t.DecidedAt = r.long()
	t.ValidUntil = r.optLong()
	t.Reason = r.text()
	t.Elapsed = r.bool()
	t.Version = r.long()
	t.Evidence = t.Evidence[:0]
	for n := r.block(2); n > 0; n = r.block(2) {
		for ; n > 0 && r.err == nil; n-- {
			offset := r.long()
			t.Evidence = append(t.Evidence, cohort.Evidence{Offset: offset, At: r.long()})
		}
	}
	t.SourceID = r.optText()
	t.SourceAt = r.optLong()
	t.AcceptedAt = r.long()
	t.Contacts = t.Contacts[:0]
	for n := r.block(1); n > 0; n = r.block(1) {
		for ; n > 0 && r.err == nil; n-- {
			t.Contacts = append(t.Contacts, r.bytes())
		}
	}
}
