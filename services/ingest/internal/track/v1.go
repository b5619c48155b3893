// Package track reads the Track API, v1 and v2.
package track

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Names of what is no behaviour of a person but a command; every surface uses them.
const (
	actionDelete     = "delete"
	actionSuppress   = "suppress"
	actionUnsuppress = "unsuppress"
	actionMerge      = "merge"
	addDevice        = "add_device"
	deleteDevice     = "delete_device"
)

// Identify reads PUT /api/v1/customers/{identifier}: attributes, flat. The Go client
// sends null where it has none.
func Identify(identifier string, body wire.Value, e *event.Event) *normalise.Fault {
	e.Kind = event.KindIdentify
	normalise.Identify(&e.IDs, identifier)
	return readAttributes(e, "", body)
}

// readAttributes takes the attributes of a person in; some of them are identifiers or
// say how the update is meant.
func readAttributes(e *event.Event, field string, v wire.Value) *normalise.Fault {
	return normalise.Each(field, v, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "id":
			var id string
			if id, fault = normalise.ID(name, v); fault != nil {
				return fault
			}
			if id == "" || e.IDs.CustomerID == "" || e.IDs.CustomerID == id {
				e.IDs.CustomerID = first(e.IDs.CustomerID, id)
				return nil
			}
			// A known person is given another id: which one counts is not for ingest to say.
		case "cio_id":
			e.IDs.CioID = first(e.IDs.CioID, strings.TrimPrefix(v.Text(), normalise.CioPrefix))
			return nil
		case "anonymous_id":
			e.IDs.AnonymousID, fault = normalise.ID(name, v)
			return fault
		case "_timestamp":
			if e.EventAt == 0 {
				e.EventAt, fault = normalise.Seconds(name, v)
			}
			return fault
		}
		normalise.Attribute(e, name, v)
		return nil
	})
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Delete reads DELETE /api/v1/customers/{identifier}.
func Delete(identifier string, e *event.Event) *normalise.Fault {
	return command(identifier, event.KindErase, actionDelete, e)
}

// Suppress reads POST …/suppress: the person is deleted and refused from then on.
func Suppress(identifier string, e *event.Event) *normalise.Fault {
	return command(identifier, event.KindErase, actionSuppress, e)
}

// Unsuppress reads POST …/unsuppress.
func Unsuppress(identifier string, e *event.Event) *normalise.Fault {
	return command(identifier, event.KindUnerase, actionUnsuppress, e)
}

func command(identifier string, kind event.Kind, action string, e *event.Event) *normalise.Fault {
	e.Kind, e.Name = kind, action
	normalise.Identify(&e.IDs, identifier)
	return nil
}

// Event reads POST …/events. identifier is "" for /api/v1/events: the event then is an
// anonymous one or, without anonymous_id, an invitation of data.recipient.
func Event(identifier string, body wire.Value, e *event.Event) *normalise.Fault {
	if identifier != "" {
		normalise.Identify(&e.IDs, identifier)
	}
	var data wire.Value
	fault := readMessage(body, e, func(name string, v wire.Value) *normalise.Fault {
		switch name {
		case "data":
			data = v
		case "anonymous_id":
			var fault *normalise.Fault
			e.IDs.AnonymousID, fault = normalise.ID(name, v)
			return fault
		}
		return nil
	})
	if fault != nil {
		return fault
	}
	if fault := normalise.Spread(&e.Properties, "data", data); fault != nil {
		return fault
	}
	if identifier == "" && e.IDs.AnonymousID == "" {
		recipient := strings.TrimSpace(e.Properties.Strings["recipient"])
		if recipient == "" {
			return normalise.Unfit(normalise.ReasonMissing, "anonymous_id", "an event outside of a customer has anonymous_id, or data.recipient when it is an invitation")
		}
		e.IDs.Email = recipient
	}
	return nil
}

// readMessage reads what every kind of event has and hands the rest to f.
func readMessage(body wire.Value, e *event.Event, f func(name string, v wire.Value) *normalise.Fault) *normalise.Fault {
	kind := ""
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "name":
			e.Name = v.Text()
		case "id":
			e.ID, fault = normalise.ID(name, v)
		case "type":
			kind = v.Text()
		case "timestamp":
			e.EventAt, fault = normalise.Seconds(name, v)
		default:
			fault = f(name, v)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if e.Name == "" {
		return normalise.Unfit(normalise.ReasonMissing, "name", "name is required")
	}
	switch kind {
	case "page":
		e.Kind = event.KindPage
	case "screen":
		e.Kind = event.KindScreen
	default:
		e.Kind = event.KindTrack
	}
	return nil
}

// Device reads PUT …/devices.
func Device(identifier string, body wire.Value, e *event.Event) *normalise.Fault {
	normalise.Identify(&e.IDs, identifier)
	found := false
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		if name != "device" || !v.Present() {
			return nil
		}
		found = true
		return readDevice(addDevice, v, e)
	})
	if fault == nil && !found {
		return normalise.Unfit(normalise.ReasonMissing, "device", "device is required")
	}
	return fault
}

// DeleteDevice reads DELETE …/devices/{device_id}.
func DeleteDevice(identifier, device string, e *event.Event) *normalise.Fault {
	e.Kind, e.Name = event.KindDevice, deleteDevice
	normalise.Identify(&e.IDs, identifier)
	normalise.PutText(&e.Properties, "device_token", device)
	return nil
}

// readDevice reads a device of v1 (id) or v2 (token). Clients differ in what else they
// put beside: attributes as an object, or flat.
func readDevice(action string, v wire.Value, e *event.Event) *normalise.Fault {
	e.Kind, e.Name = event.KindDevice, action
	token := ""
	fault := normalise.Each("device", v, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "id", "token":
			token, fault = normalise.ID("device."+name, v)
		case "platform":
			normalise.Put(&e.Properties, "device_platform", v)
		case "last_used":
			var at int64
			if at, fault = normalise.Seconds("device.last_used", v); at != 0 {
				normalise.PutNumber(&e.Properties, "device_last_used", float64(at/1000))
			}
		case "attributes":
			if v.Present() {
				normalise.Put(&e.Properties, "device_attributes", v)
			}
		default:
			normalise.Put(&e.Properties, name, v)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if token == "" {
		return normalise.Unfit(normalise.ReasonMissing, "device.token", "a device has an id (v1) or a token (v2)")
	}
	normalise.PutText(&e.Properties, "device_token", token)
	return nil
}
