package intake

import (
	"maps"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
)

// Keep puts raw into quarantine.
func (b *Batch) Keep(raw []byte, fault *normalise.Fault) {
	headers := b.origin.Headers
	if fault.Reason != normalise.ReasonEncoding {
		headers = decoded(headers)
	}
	b.keep(raw, len(raw), fault, headers)
}

// decoded leaves out what holds no more of a body whose encoding is undone: played again
// with it, the body could not be read.
func decoded(headers map[string]string) map[string]string {
	if _, ok := headers[contentEncoding]; !ok {
		return headers
	}
	headers = maps.Clone(headers)
	delete(headers, contentEncoding)
	return headers
}

const contentEncoding = "content-encoding"

// KeepCut is Keep for a body as it came, of which only the beginning may be at hand; size
// is the whole.
func (b *Batch) KeepCut(beginning []byte, size int, fault *normalise.Fault) {
	b.keep(beginning, size, fault, b.origin.Headers)
}

func (b *Batch) keep(raw []byte, size int, fault *normalise.Fault, headers map[string]string) {
	q := avrocodec.Quarantine{
		ID: b.scope.DeriveID(raw), Source: b.scope.Source, Workspace: b.scope.Workspace,
		Reason: fault.Reason, Detail: fault.Error(),
		Method: b.origin.Method, Path: b.origin.Path, Headers: headers, ContentType: b.origin.ContentType,
		Body: raw[:min(len(raw), b.w.cfg.MaxKept)], ReceivedAt: b.scope.ReceivedAt,
	}
	q.Truncated = size > len(q.Body)
	b.kept = append(b.kept, kafkaio.OutRecord{
		Partition: kafkaio.PartitionFor(q.ID, b.w.cfg.Partitions),
		Timestamp: q.ReceivedAt,
		Key:       []byte(q.ID),
		Value:     avrocodec.AppendQuarantine(nil, b.w.cfg.QuarantineID, &q),
	})
	for i := range b.byReason {
		if b.byReason[i].reason == fault.Reason {
			b.byReason[i].n++
			return
		}
	}
	b.byReason = append(b.byReason, reasonCount{fault.Reason, 1})
}
