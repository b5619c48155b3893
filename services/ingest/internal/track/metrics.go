package track

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/normalise"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Metric reads POST /api/v1/metrics. It names a delivery and nobody, unless the
// recipient is an email; and that is believed only of who has shown a key (trusted),
// since the endpoint is open to everybody.
func Metric(body wire.Value, trusted bool, e *event.Event) *normalise.Fault {
	return readMetric(body, "delivery_", "metric", trusted, e)
}

// PushEvent reads POST /api/v1/push/events, the older form.
func PushEvent(body wire.Value, e *event.Event) *normalise.Fault {
	return readMetric(body, "push_", "event", false, e)
}

func readMetric(body wire.Value, prefix, key string, trusted bool, e *event.Event) *normalise.Fault {
	e.Kind = event.KindEngagement
	metric := ""
	fault := normalise.Read(body, func(name string, v wire.Value) *normalise.Fault {
		var fault *normalise.Fault
		switch name {
		case key:
			metric = v.Text()
		case "timestamp":
			e.EventAt, fault = normalise.Seconds(name, v)
		case "device_id":
			normalise.Put(&e.Properties, "device_token", v)
		case "recipient":
			if text := strings.TrimSpace(v.Text()); trusted && strings.Contains(text, "@") {
				e.IDs.Email = text
			}
			normalise.Put(&e.Properties, name, v)
		default:
			normalise.Put(&e.Properties, name, v)
		}
		return fault
	})
	if fault != nil {
		return fault
	}
	if e.Properties.Strings["delivery_id"] == "" {
		return normalise.Unfit(normalise.ReasonMissing, "delivery_id", "delivery_id is required")
	}
	if metric == "" {
		return normalise.Unfit(normalise.ReasonMissing, key, key+" is required")
	}
	e.Name = prefix + metric
	return nil
}

// Unsubscribe reads POST /unsubscribe/{delivery_id}, which says who only to Customer.io.
func Unsubscribe(delivery string, e *event.Event) *normalise.Fault {
	e.Kind, e.Name = event.KindSubscription, "delivery_unsubscribed"
	normalise.PutText(&e.Properties, "delivery_id", delivery)
	normalise.PutTruth(&e.Properties, normalise.Unsubscribed, true)
	return nil
}
