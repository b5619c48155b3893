package avrocodec

import "github.com/cohortflow/cohortflow/pkg/cohort"

// opWatermark stands in the first field of a record that is none of its topic's
// own but the fence and heartbeat of the partition's owner.
const opWatermark = "watermark"

// noWatermark is the eight watermark fields of a record that is no watermark.
const noWatermark = "\x00\x00\x00\x00\x00\x00\x00\x00"

// appendWatermark writes the fields that end the schemas of the fenced topics. A
// Last without an offset (-1) is null.
func appendWatermark(dst []byte, w *cohort.Watermark) []byte {
	dst = appendLong(append(dst, branchValue), int64(w.Partition))
	dst = appendLong(append(dst, branchValue), w.Processed)
	dst = appendLong(append(dst, branchValue), w.LogTime)
	if w.Last.Offset < 0 {
		dst = append(dst, branchNull)
	} else {
		dst = appendIDText(append(dst, branchValue), w.Last)
	}
	dst = appendLong(append(dst, branchValue), int64(w.Epoch))
	dst = appendLong(append(dst, branchValue), w.Tenure)
	dst = appendText(append(dst, branchValue), w.Owner)
	return appendLong(append(dst, branchValue), w.At)
}

// watermark reads them; a null gives the zero value, for Last {Partition, -1}.
func (r *reader) watermark(w *cohort.Watermark) {
	*w = cohort.Watermark{}
	if r.present() {
		w.Partition = r.int32()
	}
	w.Processed = r.optLong()
	w.LogTime = r.optLong()
	w.Last = cohort.ID{Partition: w.Partition, Offset: -1}
	if r.present() {
		w.Last = r.id()
	}
	if r.present() {
		epoch := r.int32()
		if w.Epoch = int16(epoch); int32(w.Epoch) != epoch {
			r.fail("epoch %d does not fit 16 bits", epoch)
		}
	}
	w.Tenure = r.optLong()
	w.Owner = r.optText()
	w.At = r.optLong()
}

// skipWatermark passes over the fields of a record that is no watermark; they
// are nulls, and whatever else is there is read and dropped.
func (r *reader) skipWatermark() {
	if r.i+len(noWatermark) <= len(r.b) && string(r.b[r.i:r.i+len(noWatermark)]) == noWatermark {
		r.i += len(noWatermark)
		return
	}
	var w cohort.Watermark
	r.watermark(&w)
}
