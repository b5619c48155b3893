package telemetry

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Scope is the instrumentation scope of all our spans, metrics and log records.
const Scope = "github.com/cohortflow/cohortflow"

// SchemaURL is the version of the semantic conventions that the keys below follow.
const SchemaURL = semconv.SchemaURL

// Keys of the semantic conventions that we use. Keys are typed here and nowhere else,
// for messaging conventions still move. Version 1.45 renames:
//
//	messaging.system                  -> messaging.system.name
//	messaging.kafka.offset            -> kafka.offset
//	messaging.kafka.message.key       -> kafka.message.key
//	messaging.kafka.message.tombstone -> kafka.message.tombstone
const (
	ServiceName      = semconv.ServiceNameKey
	ServiceNamespace = semconv.ServiceNamespaceKey
	ServiceVersion   = semconv.ServiceVersionKey
	ServiceInstance  = semconv.ServiceInstanceIDKey

	MessagingSystem        = semconv.MessagingSystemKey
	MessagingOperationName = semconv.MessagingOperationNameKey
	MessagingOperationType = semconv.MessagingOperationTypeKey
	MessagingTopic         = semconv.MessagingDestinationNameKey
	MessagingPartition     = semconv.MessagingDestinationPartitionIDKey
	MessagingBatchCount    = semconv.MessagingBatchMessageCountKey
	MessagingConsumerGroup = semconv.MessagingConsumerGroupNameKey
	MessagingClientID      = semconv.MessagingClientIDKey
	MessagingMessageID     = semconv.MessagingMessageIDKey
	MessagingBodySize      = semconv.MessagingMessageBodySizeKey
	MessagingOffset        = semconv.MessagingKafkaOffsetKey
	MessagingTombstone     = semconv.MessagingKafkaMessageTombstoneKey

	DBSystem        = semconv.DBSystemNameKey
	DBOperationName = semconv.DBOperationNameKey
	DBBatchSize     = semconv.DBOperationBatchSizeKey

	HTTPMethod     = semconv.HTTPRequestMethodKey
	HTTPRoute      = semconv.HTTPRouteKey
	HTTPStatusCode = semconv.HTTPResponseStatusCodeKey

	ServerAddress = semconv.ServerAddressKey
	ServerPort    = semconv.ServerPortKey
	ErrorType     = semconv.ErrorTypeKey
)

// Keys of our own. Their values are bounded: a catalogue's cohorts, a table's reasons.
// There is no key for a person on purpose.
const (
	Cohort        = attribute.Key("cohort.name")
	Direction     = attribute.Key("cohort.direction") // entered or exited
	Reason        = attribute.Key("cohort.reason")
	TransitionID  = attribute.Key("cohort.transition.id") // spans only
	EventKind     = attribute.Key("cohort.event.kind")
	EventSource   = attribute.Key("cohort.event.source")
	EventSpan     = attribute.Key("cohort.event.span")     // how late or how far ahead: 1m, 1h, 1d, 30d, more
	EventKey      = attribute.Key("cohort.event.key")      // in the catalogue
	EventRule     = attribute.Key("cohort.event.rule")     // of the taxonomy: required or type
	EventProperty = attribute.Key("cohort.event.property") // that the catalogue declares
	Partition     = attribute.Key("cohort.partition")
	Destination   = attribute.Key("sink.destination")
	Outcome       = attribute.Key("sink.outcome")
	Attempt       = attribute.Key("sink.attempt")

	// PathwayType is full (acceptance to the end), edge (one hop) or internal.
	PathwayType = attribute.Key("pathway.type")
	PathwayFrom = attribute.Key("pathway.from")
	PathwayTo   = attribute.Key("pathway.to")
)

// Kafka are the attributes every messaging span and metric has.
func Kafka(operation string, operationType attribute.KeyValue, topic string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemKafka,
		MessagingOperationName.String(operation),
		operationType,
		MessagingTopic.String(topic),
	}
}

// OperationSend is the type of a span that sends records.
func OperationSend() attribute.KeyValue { return semconv.MessagingOperationTypeSend }

// OperationReceive is the type of a span that fetches records.
func OperationReceive() attribute.KeyValue { return semconv.MessagingOperationTypeReceive }

// OperationProcess is the type of a span that works off records.
func OperationProcess() attribute.KeyValue { return semconv.MessagingOperationTypeProcess }

// OperationSettle is the type of a span that commits a position.
func OperationSettle() attribute.KeyValue { return semconv.MessagingOperationTypeSettle }
