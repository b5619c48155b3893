package pipelines

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// track files a track call. Some names are commands of Customer.io and no behaviour;
// they get the kind and the name that the Track API has for the same command.
func (c *call) track(e *event.Event) *normalise.Fault {
	if c.event == "" {
		return normalise.Unfit(normalise.ReasonMissing, "event", "a track call names its event")
	}
	e.Kind, e.Name = event.KindTrack, c.event
	switch c.event {
	case "Device Created or Updated":
		e.Kind, e.Name = event.KindDevice, "add_device"
		return c.device(e)
	case "Device Deleted":
		e.Kind, e.Name = event.KindDevice, "delete_device"
		return c.device(e)
	case "User Deleted":
		e.Kind, e.Name = event.KindErase, "delete"
	case "User Suppressed":
		e.Kind, e.Name = event.KindErase, "suppress"
	case "User Unsuppressed":
		e.Kind, e.Name = event.KindUnerase, "unsuppress"
	case "Relationship Deleted":
		e.Kind, e.Name = event.KindRelation, "delete_relationships"
		return c.renamed(e)
	case "Object Deleted":
		e.Kind, e.Name = event.KindRelation, "delete_object"
		return c.renamed(e)
	case "Report Delivery Event":
		return c.delivery(e)
	case "Report Content Event":
		return c.content(e)
	default:
		if fault := c.spreadProperties(e); fault != nil {
			return fault
		}
		messageMetric(e)
		return nil
	}
	return c.spreadProperties(e)
}

// renamed files the properties of a command under the names of the Track API.
func (c *call) renamed(e *event.Event) *normalise.Fault {
	return normalise.Each("properties", c.properties, func(name string, v wire.Value) *normalise.Fault {
		if known := spelling[name]; known != "" {
			name = known
		}
		normalise.Put(&e.Properties, name, v)
		return nil
	})
}

// device adds the token and the platform, which stand in the context.
func (c *call) device(e *event.Event) *normalise.Fault {
	if fault := c.renamed(e); fault != nil {
		return fault
	}
	if fault := c.contacts(e); fault != nil {
		return fault
	}
	return normalise.Each("context", c.context, func(name string, v wire.Value) *normalise.Fault {
		if name != "device" {
			return nil
		}
		return normalise.Each("context.device", v, func(name string, v wire.Value) *normalise.Fault {
			switch name {
			case "token":
				normalise.Put(&e.Properties, "device_token", v)
			case "type":
				normalise.Put(&e.Properties, "device_platform", v)
			}
			return nil
		})
	})
}

// delivery is a metric that a phone reports back. Android puts the delivery id where
// the anonymous id stands; that is no person.
func (c *call) delivery(e *event.Event) *normalise.Fault {
	e.Kind = event.KindEngagement
	if fault := c.renamed(e); fault != nil {
		return fault
	}
	metric := e.Properties.Strings["metric"]
	delete(e.Properties.Strings, "metric")
	if metric == "" {
		return normalise.Unfit(normalise.ReasonMissing, "properties.metric", "a delivery event says what happened in metric")
	}
	e.Name = "delivery_" + metric
	if id := e.Properties.Strings["delivery_id"]; id == e.IDs.AnonymousID {
		e.IDs.AnonymousID = ""
	}
	return c.contacts(e)
}

func (c *call) content(e *event.Event) *normalise.Fault {
	if fault := c.renamed(e); fault != nil {
		return fault
	}
	e.Kind = event.KindEngagement
	e.Name = "content_" + strings.TrimSuffix(e.Properties.Strings["action_type"], "_content")
	return c.contacts(e)
}

// messageMetric recognises a metric that Journeys sends as a track call. It gets the
// name that the reporting webhook has for it, so that both roads agree; the source
// tells them apart. Names alone do not decide: a shop may call its own events so.
func messageMetric(e *event.Event) {
	text := e.Properties.Strings
	switch e.Name {
	case "Subscribed", "Unsubscribed", "Subscription Preferences Changed":
		if text["delivery_id"] == "" && text["email_address"] == "" && text["customer_id"] == "" {
			return
		}
		e.Kind = event.KindSubscription
		switch e.Name {
		case "Subscription Preferences Changed":
			preferences(e)
			e.Name = "customer_subscription_preferences_changed"
		default:
			normalise.PutTruth(&e.Properties, normalise.Unsubscribed, e.Name == "Unsubscribed")
			e.Name = "customer_" + strings.ToLower(e.Name)
		}
		return
	}
	if text["delivery_id"] == "" {
		return
	}
	channel, said, ok := strings.Cut(e.Name, " ")
	object := objects[channel]
	metric := metrics[said]
	if !ok || object == "" || metric == "" {
		return
	}
	e.Kind, e.Name = event.KindEngagement, object+"_"+metric
	if metric == "unsubscribed" {
		e.Kind = event.KindSubscription
		normalise.PutTruth(&e.Properties, normalise.Unsubscribed, true)
	}
}

func preferences(e *event.Event) {
	if content, ok := e.Properties.Strings["content"]; ok {
		delete(e.Properties.Strings, "content")
		normalise.PutPreferences(&e.Properties, wire.Quote(content))
	}
}

// spelling: properties of commands as Pipelines and as the Track API write them.
// objects and metrics: how Journeys calls them as a source of Pipelines, and how its
// reporting webhooks do.
//
//nolint:gochecknoglobals // tables
var (
	spelling = map[string]string{
		"last_used": "device_last_used", "deliveryId": "delivery_id", "objectId": "object_id", "objectTypeId": "object_type_id",
		"actionType": "action_type", "actionValue": "action_value", "contentId": "content_id", "templateId": "template_id",
	}
	objects = map[string]string{
		"Email": "email", "Push": "push", "SMS": "sms", "In-App": "in_app", "Webhook": "webhook", "Slack": "slack", "WhatsApp": "whatsapp",
	}
	metrics = map[string]string{
		"Drafted": "drafted", "Attempted": "attempted", "Deferred": "deferred", "Sent": "sent", "Delivered": "delivered",
		"Opened": "opened", "Link Clicked": "clicked", "Clicked": "clicked", "Converted": "converted", "Unsubscribed": "unsubscribed",
		"Bounced": "bounced", "Suppressed": "dropped", "Dropped": "dropped", "Marked as Spam": "spammed", "Failed": "failed",
		"Undeliverable": "undeliverable", "Replied": "replied",
	}
)
