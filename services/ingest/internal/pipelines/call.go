// Package pipelines reads calls of the Data Pipelines API: from servers, browsers and
// phones that send them to us, and from Customer.io's outgoing Webhook destination,
// which sends the same shapes on.
package pipelines

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Types of calls.
const (
	Track    = "track"
	Identify = "identify"
	Page     = "page"
	Screen   = "screen"
	Group    = "group"
	Alias    = "alias"
)

// call is what the parts of one call say before the kind is known.
type call struct {
	kind, name, event, category            string
	userID, anonymousID, groupID, previous string
	timestamp, original, sent, received    int64
	traits, properties, context, relation  wire.Value
}

// Parse reads one call into e. kind is the type that the path says and wins over the
// call's own, which single calls may leave out; "" for batches. The envelope is the
// batch around the call, if there is one. receivedAt is our clock, in ms.
func Parse(kind string, v wire.Value, envelope *Envelope, receivedAt int64, e *event.Event) *normalise.Fault {
	c := call{kind: kind, sent: envelope.SentAt, context: envelope.Context}
	if fault := c.read(v, e); fault != nil {
		return fault
	}
	e.EventAt = c.at(receivedAt)
	e.IDs.CustomerID, e.IDs.AnonymousID = c.userID, c.anonymousID
	switch c.kind {
	case Track:
		return c.track(e)
	case Identify:
		e.Kind = event.KindIdentify
		return normalise.Each("traits", c.traits, func(name string, v wire.Value) *normalise.Fault {
			normalise.Attribute(e, name, v)
			return nil
		})
	case Page, Screen:
		e.Kind, e.Name = event.KindPage, c.name
		if c.kind == Screen {
			e.Kind = event.KindScreen
		}
		if c.category != "" {
			normalise.PutText(&e.Properties, "category", c.category)
		}
		return c.spreadProperties(e)
	case Group:
		return c.group(e)
	case Alias:
		return c.alias(e)
	case "":
		return normalise.Unfit(normalise.ReasonUnknownType, "type", "the type of the call is missing")
	}
	return normalise.Unfit(normalise.ReasonUnknownType, "type", "the type is none of track, identify, page, screen, group, alias")
}

func (c *call) read(v wire.Value, e *event.Event) *normalise.Fault {
	return normalise.Read(v, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case "type":
			if c.kind == "" {
				c.kind = v.Text()
			}
		case "messageId":
			e.ID, fault = normalise.ID(name, v)
		case "userId":
			c.userID, fault = normalise.ID(name, v)
		case "anonymousId":
			c.anonymousID, fault = normalise.ID(name, v)
		case "groupId":
			c.groupID, fault = normalise.ID(name, v)
		case "previousId":
			c.previous, fault = normalise.ID(name, v)
		case "event":
			c.event = v.Text()
		case "name":
			c.name = v.Text()
		case "category":
			c.category = v.Text()
		case "timestamp":
			c.timestamp, fault = normalise.Instant(name, v)
		case "originalTimestamp":
			c.original, fault = normalise.Instant(name, v)
		case "sentAt":
			if v.Present() {
				c.sent, fault = normalise.Instant(name, v)
			}
		case "receivedAt":
			c.received, fault = normalise.Instant(name, v)
		case "traits":
			c.traits = v
		case "properties":
			c.properties = v
		case "relationshipAttributes":
			c.relation = v
		case "context":
			if v.Present() {
				c.context = v
			}
		}
		return fault
	})
}

// at is when the call was made. A phone's clock may be wrong by hours: where the call
// says only its original time, what its clock showed when it sent is held against when
// that arrived. 0 = not said.
func (c *call) at(receivedAt int64) int64 {
	switch {
	case c.timestamp != 0:
		return c.timestamp
	case c.original != 0 && c.sent != 0:
		if c.received != 0 {
			receivedAt = c.received
		}
		return max(receivedAt-(c.sent-c.original), 1)
	}
	return c.original
}

func (c *call) spreadProperties(e *event.Event) *normalise.Fault {
	if fault := normalise.Spread(&e.Properties, "properties", c.properties); fault != nil {
		return fault
	}
	return c.contacts(e)
}

// contacts takes what the context says about how to reach the person.
func (c *call) contacts(e *event.Event) *normalise.Fault {
	// Reading every context for the few that have traits would cost more than the event.
	if !c.context.Mentions(`"traits"`) {
		return nil
	}
	return normalise.Each("context", c.context, func(name string, v wire.Value) *normalise.Fault {
		if name != "traits" || v.Kind() != wire.Object {
			return nil
		}
		return normalise.Read(v, func(name string, v wire.Value) *normalise.Fault {
			switch name {
			case "email":
				e.IDs.Email = strings.TrimSpace(v.Text())
			case "phone":
				e.IDs.Phone = strings.TrimSpace(v.Text())
			}
			return nil
		})
	})
}

func (c *call) group(e *event.Event) *normalise.Fault {
	if c.groupID == "" {
		return normalise.Unfit(normalise.ReasonMissing, "groupId", "a group call names its group")
	}
	e.Kind = event.KindGroup
	if fault := normalise.Spread(&e.Properties, "traits", c.traits); fault != nil {
		return fault
	}
	normalise.PutText(&e.Properties, "group_id", c.groupID)
	if c.relation.Present() {
		normalise.Put(&e.Properties, "relationship_attributes", c.relation)
	}
	return nil
}

// alias says that somebody has got another id. Customer.io does not act on it; who sends
// it means a merge. Without userId it would make a known person an unknown one.
func (c *call) alias(e *event.Event) *normalise.Fault {
	if c.previous == "" {
		return normalise.Unfit(normalise.ReasonMissing, "previousId", "an alias names the id that is given up")
	}
	if c.userID == "" {
		return normalise.Unfit(normalise.ReasonMissing, "userId", "an alias names the id that takes over")
	}
	e.Kind = event.KindMerge
	if c.previous == c.anonymousID {
		e.Other.AnonymousID = c.previous
	} else {
		e.Other.CustomerID = c.previous
	}
	return nil
}
