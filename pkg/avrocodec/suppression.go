package avrocodec

import (
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/schemas"
)

// AppendSuppression appends the value of an ads.suppression.<platform>.v1 record
// to dst. It allocates only to grow dst; equal records give equal bytes.
func AppendSuppression(dst []byte, id uint32, s *Suppression) []byte {
	return appendSuppression(appendHeader(dst, id), s)
}

// AppendSuppressionWatermark appends the value of a fence or heartbeat record of
// ads.suppression.<platform>.v1 to dst.
func AppendSuppressionWatermark(dst []byte, id uint32, w *cohort.Watermark) []byte {
	return appendSuppressionWatermark(appendHeader(dst, id), w)
}

// DecodeSuppression decodes the value of an ads.suppression.<platform>.v1 record:
// into w when it returns true, into s otherwise; the other one is left as it was.
// w may be nil for a caller who drops watermarks. See the package comment for what
// s aliases.
func DecodeSuppression(b []byte, s *Suppression, w *cohort.Watermark) (watermark bool, err error) {
	r := reader{}
	r.open(b)
	watermark = r.suppression(s, w)
	return watermark, r.end(schemas.SuppressionFamily)
}

func appendSuppression(dst []byte, s *Suppression) []byte {
	dst = appendText(dst, s.Op)
	dst = appendText(dst, s.Tenant)
	dst = appendText(dst, s.Audience)
	dst = appendText(dst, s.Platform)
	dst = appendText(dst, s.Subject)
	dst = appendText(dst, s.Cohort)
	dst = appendText(dst, s.Catalogue)
	dst = appendLong(dst, s.Version)
	dst = appendLong(dst, s.EffectiveAt)
	dst = appendLong(dst, s.EmittedAt)
	dst = appendOptTime(dst, s.ExpiresAt)
	dst = appendText(dst, s.Reason)
	dst = appendDigests(dst, s.Identifiers)
	dst = appendDigests(dst, s.PreviousIdentifiers)
	dst = appendText(dst, s.TransitionID)
	dst = appendOptText(dst, s.SourceID)
	dst = appendLong(dst, s.AcceptedAt)
	return append(dst, noWatermark...)
}

func appendDigests(dst []byte, ids []Identifier) []byte {
	if len(ids) > 0 {
		dst = appendLong(dst, int64(len(ids)))
		for i := range ids {
			d := &ids[i]
			dst = appendText(dst, d.Type)
			dst = appendText(dst, d.Rule)
			dst = appendLong(dst, int64(d.RulesVersion))
			dst = appendText(dst, d.Encoding)
			dst = appendText(dst, d.Value)
		}
	}
	return append(dst, 0)
}

// emptySuppression is what stands between op and the watermark's fields in a
// watermark: sixteen fields, empty and zero each.
const emptySuppression = "\x00\x00\x00\x00\x00\x00" + // tenant audience platform subject cohort catalogue
	"\x00\x00\x00\x00\x00" + // version effective_at emitted_at expires_at reason
	"\x00\x00\x00\x00\x00" // identifiers previous_identifiers transition_id source_id accepted_at

func appendSuppressionWatermark(dst []byte, w *cohort.Watermark) []byte {
	dst = appendText(dst, opWatermark)
	dst = append(dst, emptySuppression...)
	return appendWatermark(dst, w)
}

func (r *reader) suppression(s *Suppression, w *cohort.Watermark) (watermark bool) {
	op := r.text()
	if op == opWatermark {
		var none Suppression
		r.suppressionFields(&none)
		if w == nil {
			w = new(cohort.Watermark)
		}
		r.watermark(w)
		return true
	}
	s.Op = op
	r.suppressionFields(s)
	r.skipWatermark()
	return false
}

func (r *reader) suppressionFields(s *Suppression) {
	s.Tenant = r.text()
	s.Audience = r.text()
	s.Platform = r.text()
	s.Subject = r.text()
	s.Cohort = r.text()
	s.Catalogue = r.text()
	s.Version = r.long()
	s.EffectiveAt = r.long()
	s.EmittedAt = r.long()
	s.ExpiresAt = r.optLong()
	s.Reason = r.text()
	s.Identifiers = r.digests(s.Identifiers)
	s.PreviousIdentifiers = r.digests(s.PreviousIdentifiers)
	s.TransitionID = r.text()
	s.SourceID = r.optText()
	s.AcceptedAt = r.long()
}

func (r *reader) digests(ids []Identifier) []Identifier {
	ids = ids[:0]
	for n := r.block(5); n > 0; n = r.block(5) {
		for ; n > 0 && r.err == nil; n-- {
			var d Identifier
			d.Type = r.text()
			d.Rule = r.text()
			d.RulesVersion = r.int32()
			d.Encoding = r.text()
			d.Value = r.text()
			ids = append(ids, d)
		}
	}
	return ids
}
