// Package reporting reads Customer.io's reporting webhooks: one message metric, or one
// change of a person's subscription, a request. It knows the 69 published shapes by
// what they have in common and takes every other pair of object and metric as well:
// Customer.io lets you choose pairs for which no shape is published.
package reporting

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Metrics that tell of a person's consent and not of a message.
const (
	subscribed         = "subscribed"
	unsubscribed       = "unsubscribed"
	preferencesChanged = "cio_subscription_preferences_changed"
)

// Parse reads one body into e.
func Parse(body wire.Value, e *event.Event) *normalise.Fault {
	var object, misspelt, delivery, metric string
	var data wire.Value
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "event_id":
			e.ID, fault = normalise.ID(name, v)
		case "object_type":
			object = v.Text()
		case "object_type_type": // as the published schema of preference changes spells it
			misspelt = v.Text()
		case "delivery_type": // seen by receivers in production
			delivery = v.Text()
		case "metric":
			metric = v.Text()
		case "timestamp":
			e.EventAt, fault = normalise.Seconds(name, v)
		case "data":
			data = v
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if metric == "" {
		return normalise.Unfit(normalise.ReasonMissing, "metric", "a reporting event says what happened in metric")
	}
	for _, other := range []string{misspelt, delivery} {
		if object == "" {
			object = other
		}
	}
	e.Kind, e.Name = event.KindEngagement, name(object, metric)
	switch metric {
	case subscribed, unsubscribed, preferencesChanged:
		// However it is told, by the person or by the delivery that they left through: a
		// withdrawal that is taken for a message metric would keep an audience wrong.
		e.Kind = event.KindSubscription
	}
	if fault := readData(e, metric, data); fault != nil {
		return fault
	}
	switch metric {
	case subscribed, unsubscribed:
		normalise.PutTruth(&e.Properties, normalise.Unsubscribed, metric == unsubscribed)
	}
	return nil
}

// name is <object>_<metric>, with the spelling that the API for managing webhooks has
// for preference changes.
func name(object, metric string) string {
	metric = strings.TrimPrefix(metric, "cio_")
	if object == "" {
		return metric
	}
	return object + "_" + metric
}

func readData(e *event.Event, metric string, data wire.Value) *normalise.Fault {
	var deprecatedID, address string
	fault := normalise.Each("data", data, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "identifiers":
			fault = readIdentifiers(e, v)
		case "customer_id":
			deprecatedID, fault = normalise.ID("data.customer_id", v)
		case "email_address":
			address = strings.TrimSpace(v.Text())
		case "content":
			if metric == preferencesChanged {
				normalise.PutPreferences(&e.Properties, v)
			}
			// The text of a message (and its headers, below) is no fact about a person and may
			// be as large as a mail; it stays out of the log.
		case "headers":
		default:
			normalise.Put(&e.Properties, name, v)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if e.IDs.CustomerID == "" {
		e.IDs.CustomerID = deprecatedID
	}
	if e.IDs.Email == "" {
		e.IDs.Email = address
	}
	return nil
}

func readIdentifiers(e *event.Event, v wire.Value) *normalise.Fault {
	return normalise.Each("data.identifiers", v, func(name string, v wire.Value) *normalise.Fault {
		id, fault := normalise.ID("data.identifiers."+name, v)
		switch name {
		case "id":
			e.IDs.CustomerID = id
		case "email":
			e.IDs.Email = strings.TrimSpace(id)
		case "cio_id":
			e.IDs.CioID = id
		default:
			return nil
		}
		return fault
	})
}
