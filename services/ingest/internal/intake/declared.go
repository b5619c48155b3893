package intake

import (
	"maps"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

// Headers that a copy in quarantine carries of the event in the log. Sent along when it
// is played again, they make it the same event: an id and a time that depended on when
// the message came, or on what stood around it, would be others.
const (
	HeaderEventID = "x-cohortflow-event-id"
	HeaderEventAt = "x-cohortflow-event-at" // ms
)

// take takes a finished event, held to what the catalogue declares.
func (b *Batch) take(e *event.Event, raw []byte) *normalise.Fault {
	before := len(b.broken)
	b.broken = b.w.cfg.Taxonomy.Check(e, b.broken)
	found := b.broken[before:]
	mode := b.w.cfg.Taxonomy.Mode()
	if len(found) > 0 && mode == taxonomy.Refuse {
		return normalise.Unfit(normalise.ReasonTaxonomy, "", taxonomy.Detail(found))
	}
	if fault := b.add(e); fault != nil {
		b.broken = b.broken[:before]
		return fault
	}
	if len(found) > 0 && mode == taxonomy.Keep {
		b.copy(e, raw, found)
	}
	return nil
}

// copy puts the message of an event that is taken into quarantine besides.
func (b *Batch) copy(e *event.Event, raw []byte, found []taxonomy.Violation) {
	headers := maps.Clone(b.origin.Headers)
	if headers == nil {
		headers = make(map[string]string, 2)
	}
	headers[HeaderEventID], headers[HeaderEventAt] = e.ID, strconv.FormatInt(e.EventAt, 10)
	b.keep(raw, len(raw), normalise.Unfit(normalise.ReasonTaxonomy, "", taxonomy.Detail(found)), headers)
}
