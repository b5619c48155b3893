package track

import (
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// entity is one call of v2, its parts not yet looked at.
type entity struct {
	kind, action                    string
	identifiers, attributes, device wire.Value
	relationships                   wire.Value
	at                              int64
	body                            wire.Value
}

// Entity reads one entity of POST /api/v2/entity or /batch. One about an object
// concerns every person that it is related to, so emit is called once for each event, with
// the fields of e filled.
func Entity(body wire.Value, e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
	n := entity{body: body}
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "type":
			n.kind = v.Text()
		case "action":
			n.action = v.Text()
		case "identifiers":
			n.identifiers = v
		case "attributes":
			n.attributes = v
		case "device":
			n.device = v
		case "cio_relationships":
			n.relationships = v
		case "timestamp":
			n.at, fault = normalise.Seconds(name, v)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	e.EventAt = n.at
	switch n.kind {
	case "person":
		if fault := n.person(e); fault != nil {
			return fault
		}
		return emit()
	case "object":
		return n.object(e, emit)
	case "delivery":
		if fault := n.delivery(e); fault != nil {
			return fault
		}
		return emit()
	case "":
		return normalise.Unfit(normalise.ReasonMissing, "type", "type is person, object or delivery")
	}
	return normalise.Unfit(normalise.ReasonUnknownType, "type", "type is person, object or delivery")
}

func (n *entity) person(e *event.Event) *normalise.Fault {
	if n.action == actionMerge {
		return Merge(n.body, e)
	}
	if fault := readIdentifiers("identifiers", n.identifiers, &e.IDs); fault != nil {
		return fault
	}
	if e.IDs == (event.Identifiers{}) {
		return normalise.Unfit(normalise.ReasonMissing, "identifiers", "a person is named by id, email, phone or cio_id")
	}
	switch n.action {
	case "identify":
		e.Kind = event.KindIdentify
		if n.relationships.Present() {
			normalise.Put(&e.Properties, "cio_relationships", n.relationships)
		}
		return readAttributes(e, "attributes", n.attributes)
	case "event", "page", "screen":
		return n.behaviour(e)
	case actionDelete:
		e.Kind, e.Name = event.KindErase, actionDelete
	case actionSuppress:
		e.Kind, e.Name = event.KindErase, actionSuppress
	case actionUnsuppress:
		e.Kind, e.Name = event.KindUnerase, actionUnsuppress
	case "add_relationships", "delete_relationships":
		e.Kind, e.Name = event.KindRelation, n.action
		if n.relationships.Kind() != wire.Array {
			return normalise.Unfit(normalise.ReasonMissing, "cio_relationships", "cio_relationships is a list")
		}
		normalise.Put(&e.Properties, "cio_relationships", n.relationships)
	case addDevice, deleteDevice:
		return readDevice(n.action, n.device, e)
	default:
		return n.unknownAction()
	}
	return nil
}

// behaviour is an event; its data stands in attributes and not, as in v1, in data.
func (n *entity) behaviour(e *event.Event) *normalise.Fault {
	fault := readMessage(n.body, e, func(string, wire.Value) *normalise.Fault { return nil })
	if fault != nil {
		return fault
	}
	switch n.action {
	case "page":
		e.Kind = event.KindPage
	case "screen":
		e.Kind = event.KindScreen
	default:
		e.Kind = event.KindTrack
	}
	return normalise.Spread(&e.Properties, "attributes", n.attributes)
}

// object files what happens to an object with every person that is named as related.
func (n *entity) object(e *event.Event, emit func() *normalise.Fault) *normalise.Fault {
	name := ""
	switch n.action {
	case "identify", "identify_anonymous":
		name = "identify_object"
	case actionDelete:
		name = "delete_object"
	case "add_relationships", "delete_relationships":
		name = n.action
	default:
		return n.unknownAction()
	}
	if n.identifiers.Kind() != wire.Object {
		return normalise.Unfit(normalise.ReasonMissing, "identifiers", "an object is named by object_type_id and object_id, or cio_object_id")
	}
	if !n.relationships.Present() {
		return normalise.Nobody("the message speaks of an object and of no person")
	}
	if n.relationships.Kind() != wire.Array {
		return normalise.Unfit(normalise.ReasonInvalid, "cio_relationships", "cio_relationships is a list")
	}
	var fault *normalise.Fault
	people := 0
	err := n.relationships.Elements(func(_ int, relation wire.Value) error {
		normalise.Begin(e)
		e.Kind, e.Name, e.EventAt = event.KindRelation, name, n.at
		if fault = n.relate(e, relation); fault == nil {
			people++
			fault = emit()
		}
		if fault != nil {
			return fault
		}
		return nil
	})
	switch {
	case fault != nil:
		return fault
	case err != nil:
		return normalise.Syntax(err)
	case people == 0:
		return normalise.Nobody("the message speaks of an object and of no person")
	}
	return nil
}

func (n *entity) relate(e *event.Event, relation wire.Value) *normalise.Fault {
	fault := normalise.Each("cio_relationships", relation, func(name string, v wire.Value) *normalise.Fault {
		switch name {
		case "identifiers":
			return readIdentifiers("cio_relationships.identifiers", v, &e.IDs)
		case "relationship_attributes":
			normalise.Put(&e.Properties, name, v)
		}
		return nil
	})
	if fault != nil {
		return fault
	}
	if n.attributes.Present() {
		normalise.Put(&e.Properties, "object_attributes", n.attributes)
	}
	return normalise.Spread(&e.Properties, "identifiers", n.identifiers)
}

// delivery is a metric of a message; identifiers.id is the delivery and no person.
func (n *entity) delivery(e *event.Event) *normalise.Fault {
	var ids event.Identifiers
	if fault := readIdentifiers("identifiers", n.identifiers, &ids); fault != nil {
		return fault
	}
	if n.action != "event" {
		return n.unknownAction()
	}
	if ids.CustomerID == "" {
		return normalise.Unfit(normalise.ReasonMissing, "identifiers.id", "a delivery is named by its id")
	}
	if fault := n.behaviour(e); fault != nil {
		return fault
	}
	prefix := "delivery_"
	if e.Properties.Strings["device_token"] != "" {
		prefix = "push_"
	}
	e.Kind, e.Name = event.KindEngagement, prefix+e.Name
	normalise.PutText(&e.Properties, "delivery_id", ids.CustomerID)
	return nil
}

func (n *entity) unknownAction() *normalise.Fault {
	if n.action == "" {
		return normalise.Unfit(normalise.ReasonMissing, "action", "action is required")
	}
	return normalise.Unfit(normalise.ReasonUnknownType, "action", "this type has no such action")
}
