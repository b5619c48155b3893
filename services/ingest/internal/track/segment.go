package track

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// MaxSegmentIDs is how many people one call may put into a manual segment.
const MaxSegmentIDs = 1000

// Segment reads POST /api/v1/segments/{id}/add_customers and …/remove_customers:
// several people, so emit is called once for each with the fields of e filled.
func Segment(segment, action, idType string, body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
	var ids wire.Value
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		if name == "ids" {
			ids = v
		}
		return nil
	})
	if fault != nil {
		return fault
	}
	if ids.Kind() != wire.Array {
		return normalise.Unfit(normalise.ReasonMissing, "ids", "ids is a list of people")
	}
	people := 0
	err := ids.Elements(func(i int, v wire.Value) error {
		if i >= MaxSegmentIDs {
			fault = normalise.Unfit(normalise.ReasonTooMany, "ids", "at most 1000 people a call")
			return fault
		}
		id, bad := normalise.ID("ids", v)
		if bad != nil {
			fault = bad
			return fault
		}
		normalise.Begin(e)
		e.Kind, e.Name = event.KindRelation, action
		normalise.PutText(&e.Properties, "segment_id", segment)
		switch idType {
		case "email":
			e.IDs.Email = strings.TrimSpace(id)
		case "cio_id":
			e.IDs.CioID = strings.TrimPrefix(id, normalise.CioPrefix)
		default:
			e.IDs.CustomerID = id
		}
		switch fault = emit(); {
		case fault == nil:
			people++
		case !fault.Benign: // somebody without an id stands in the list as ""
			return fault
		}
		return nil
	})
	switch {
	case err != nil && (fault == nil || fault.Benign):
		return normalise.Syntax(err)
	case err != nil:
		return fault
	case people == 0:
		return normalise.Nobody("the list names nobody")
	}
	return nil
}
