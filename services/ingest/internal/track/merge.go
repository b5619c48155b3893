package track

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Merge reads POST /api/v1/merge_customers and the same action of v2: the secondary
// person vanishes into the primary one.
func Merge(body wire.Value, e *event.Event) *normalise.Fault {
	e.Kind = event.KindMerge
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		switch name {
		case "primary":
			return readIdentifiers(name, v, &e.IDs)
		case "secondary":
			return readIdentifiers(name, v, &e.Other)
		case "timestamp":
			var fault *normalise.Fault
			e.EventAt, fault = normalise.Seconds(name, v)
			return fault
		}
		return nil
	})
	switch none := (event.Identifiers{}); {
	case fault != nil:
		return fault
	case e.IDs == none:
		return normalise.Unfit(normalise.ReasonMissing, "primary", "the person that stays is named by id, email or cio_id")
	case e.Other == none:
		return normalise.Unfit(normalise.ReasonMissing, "secondary", "the person that vanishes is named by id, email or cio_id")
	}
	return nil
}

// readIdentifiers reads {id, email, phone, cio_id}, of which one is usual.
func readIdentifiers(field string, v wire.Value, ids *event.Identifiers) *normalise.Fault {
	return normalise.Each(field, v, func(name string, v wire.Value) *normalise.Fault {
		id, fault := normalise.ID(field+"."+name, v)
		if fault != nil {
			return fault
		}
		switch name {
		case "id":
			ids.CustomerID = id
		case "email":
			ids.Email = strings.TrimSpace(id)
		case "phone":
			ids.Phone = strings.TrimSpace(id)
		case "cio_id":
			ids.CioID = strings.TrimPrefix(id, normalise.CioPrefix)
		case "anonymous_id":
			ids.AnonymousID = id
		}
		return nil
	})
}
