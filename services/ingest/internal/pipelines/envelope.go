package pipelines

import (
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Envelope is what stands around the calls of a batch, or beside the fields of a
// single call, and holds for all of them. Its messageId names the request and is
// ignored: the Go client keeps it over retries but not over restarts.
type Envelope struct {
	WriteKey string
	SentAt   int64      // ms; 0 = not said
	Context  wire.Value // of calls without one
	Batch    wire.Value // Absent: the body is one call
}

// Open looks at the outside of a body and judges nothing inside.
func Open(body wire.Value) (Envelope, *normalise.Fault) {
	var out Envelope
	err := body.Envelope(func(name string, v wire.Value) error {
		switch name {
		case "writeKey":
			out.WriteKey = v.Text()
		case "sentAt":
			// It corrects wrong clocks and nothing else: one that cannot be read costs no batch.
			out.SentAt, _ = normalise.Instant(name, v)
		case "context":
			if v.Present() {
				out.Context = v
			}
		case "batch":
			out.Batch = v
		}
		return nil
	})
	if err != nil {
		return out, normalise.Syntax(err)
	}
	return out, nil
}
