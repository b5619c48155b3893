// Package event holds the one normalised form of everything that Customer.io
// tells us, whatever surface it came through. It is pure: no IO, clock, log or
// context. Times are whole milliseconds since 1970 UTC.
package event

// Kind says what an event is. The text form is what stands in the topic.
type Kind uint8

// Kinds. Tick, Catalog and Sweep are written by the owner of a partition, the rest by ingest.
const (
	KindUnknown Kind = iota
	KindTrack
	KindIdentify
	KindPage
	KindScreen
	KindGroup
	KindEngagement   // message metrics: sent, opened, clicked, ...
	KindSubscription // subscribed, unsubscribed, preferences changed
	KindDevice
	KindMerge
	KindErase    // delete or suppress a person
	KindUnerase  // unsuppress
	KindRelation // relationships and objects
	KindTick     // log time moves, nothing else happens
	KindCatalog  // the catalogue in force from here on
	KindSweep    // a slice of people is looked at anew, after the catalogue has changed
)

var kindNames = [...]string{
	"unknown", "track", "identify", "page", "screen", "group", "engagement",
	"subscription", "device", "merge", "erase", "unerase", "relation", "tick", "catalog", "sweep",
}

// String returns the text that stands in the topic.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindUnknown]
}

// ParseKind is the inverse of String; unknown text gives KindUnknown, so that
// records of a newer release are carried, not refused.
func ParseKind(s string) Kind {
	for i, n := range kindNames {
		if n == s {
			return Kind(i)
		}
	}
	return KindUnknown
}

// Source surfaces: by which road an event came.
const (
	SourceReporting   = "reporting_webhook"
	SourcePipelines   = "pipelines"
	SourceDestination = "webhook_destination"
	SourceTrackV1     = "track_v1"
	SourceTrackV2     = "track_v2"
	SourceOwner       = "owner" // ticks and catalogues
)

// Identifiers are what a message says about who it speaks of. Empty = not said.
type Identifiers struct {
	CustomerID  string
	Email       string // as sent, trimmed; personal data
	AnonymousID string
	CioID       string
	Phone       string // as sent, trimmed; personal data
}

// Properties are the event's own fields (track) or the attributes set (identify).
// Scalars keep their type; null, objects and arrays are kept as JSON text in Nested
// (so null, which removes an attribute, is the text "null"). An integer that a
// float64 cannot hold exactly is kept in Nested too.
type Properties struct {
	Strings  map[string]string
	Numbers  map[string]float64
	Booleans map[string]bool
	Nested   map[string]string
}

// Event is one message.
type Event struct {
	Kind       Kind
	Source     string
	Workspace  string
	ID         string // dedupe key: messageId, event_id, ULID; derived from the raw bytes where the client sends none
	Name       string // event, page or screen name as sent; "<object>_<metric>" for engagement; empty where there is none
	EventAt    int64  // when it happened, by its own clock; never later than AcceptedAt
	AcceptedAt int64  // when ingest took it (with --clock events: EventAt)
	Person     string // person key, see PersonKey; empty for ticks and catalogues
	IDs        Identifiers
	Other      Identifiers // merge and alias: the one that vanishes
	Properties Properties
	Replay     bool
	Clamped    bool // EventAt was ahead of AcceptedAt and was set to it
}

// Own says whether a record is one that Cohortflow wrote beside the messages it was sent: by the
// owner of a partition, by ingest to link two keys, or passed on from one key to another.
func (e *Event) Own() bool {
	return e.Source == SourceOwner || e.Kind == KindMerge && (e.Name == NameLink || e.Name == NameRelink) || e.Properties.Numbers[PropertyHops] > 0
}

// Names of the records of KindMerge that say where somebody has gone. Person is who
// vanishes, Properties.Strings[PropertyInto] the person key that they become.
const (
	NameLink   = "link"   // one person under two keys: the first such record holds
	NameRelink = "relink" // the same of a key that may change hands: the latest by event time holds
	NameMerge  = "merge"  // an explicit merge of two people
	NameAbsorb = "absorb" // by the owner of the vanished: what they were, in PropertyState, for Person

	NameDelete   = "delete"   // of KindErase: state gone; later events make a new person
	NameSuppress = "suppress" // of KindErase: state gone; later events are dropped until KindUnerase
)

// Properties of our own records. The prefix is kept for us: ingest takes no other
// event that has one.
const (
	PropertyPrefix = "cohortflow."
	PropertyInto   = PropertyPrefix + "into"
	PropertyState  = PropertyPrefix + "state" // base64
	PropertyHops   = PropertyPrefix + "hops"  // number: how often an owner has passed the record on
)
