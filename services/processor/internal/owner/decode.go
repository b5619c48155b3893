package owner

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/partition"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

// decode turns records of the log into the machine's. A record that cannot be read
// counts for the offset only: ingest wrote it, so it is a defect and is counted.
func (o *Owner) decode(in []kafkaio.Record) []partition.Record {
	d := decoded{events: make([]event.Event, len(in)), records: make([]partition.Record, len(in))}
	for i := range in {
		r, e, out := &in[i], &d.events[i], &d.records[i]
		out.Offset, out.Key, out.Value, out.Event = r.Offset, r.Key, r.Value, e
		if err := avrocodec.DecodeEventHead(r.Value, e); err != nil {
			out.Bad = true
			*e = event.Event{}
			o.log.Error("a record of the log cannot be decoded and is passed over", "offset", r.Offset, "err", err)
			continue
		}
		if e.Kind == event.KindCatalog || e.Kind == event.KindMerge {
			if err := avrocodec.DecodeEvent(r.Value, e); err != nil {
				out.Bad = true
				continue
			}
		}
		out.Stamp = e.AcceptedAt
		if o.cfg.Machine.Ticks {
			out.Stamp = partition.Stamp(e.AcceptedAt, r.Timestamp, stampSlack)
		}
		out.Contacts, out.Account = o.contacts(e)
		o.spans.remember(r)
	}
	return d.records
}

// contacts seals what the event says about how to reach its person, so that the core,
// the store and the topics hold nothing that can be read without the key. What a person's own account
// states about itself takes the place of what it stated before. An email is one whatever its case,
// as in Customer.io.
func (o *Owner) contacts(e *event.Event) (told [][]byte, account [2][]byte) {
	// Customer.io's own id speaks of an account too, whichever key that has here.
	own := e.Kind == event.KindIdentify && (e.IDs.CustomerID == e.Person || e.IDs.CustomerID == "" && e.IDs.CioID != "")
	for i, c := range [2]struct {
		kind  byte
		plain string
	}{{seal.KindEmail, strings.ToLower(e.IDs.Email)}, {seal.KindPhone, e.IDs.Phone}} {
		if c.plain == "" {
			continue
		}
		sealed := o.deps.Keys.Seal(c.kind, c.plain)
		told = append(told, sealed)
		if own {
			account[i] = sealed
		}
	}
	return told, account
}
