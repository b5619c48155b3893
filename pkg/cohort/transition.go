package cohort

// Op is what a transition record says.
type Op uint8

// Ops. OpWatermark is no transition: it is the fence and the heartbeat of the
// partition's owner and says how far the log has been worked off.
const (
	OpUnknown Op = iota
	OpEnter
	OpExit
	OpWatermark
	OpErased // proof that a person was erased: it names an opaque subject, no cohort
)

// Reason codes of transitions.
const (
	ReasonEvent             = "event"              // an event of the person made it so
	ReasonWindowEnded       = "window_ended"       // time passed: a window ran out, or a pause was long enough
	ReasonDefinitionChanged = "definition_changed" // the catalogue changed
	ReasonOutranked         = "outranked"          // a stronger cohort of the group took the person
	ReasonLateEvent         = "late_event"         // an event came late and corrects what was decided without it
	ReasonContactsChanged   = "contacts_changed"   // an exit and an entry of one instant: the stay goes on, the contacts are others
	ReasonWarmed            = "warmed"             // an exit and an entry of one instant: the stay goes on, its cohort is known in full from here
	ReasonMerged            = "merged"             // the person is another one from here on, who takes over what they were in
	ReasonErased            = "erased"             // the person was deleted or suppressed
)

// ID names a transition: where in the log it was decided. IDs of one partition
// are totally ordered, and that order is the order of publishing.
type ID struct {
	Partition int32
	Offset    int64 // input offset of the record that decided it
	Ordinal   int32 // within that record
}

// Less orders IDs of one partition.
func (a ID) Less(b ID) bool {
	return a.Offset < b.Offset || a.Offset == b.Offset && a.Ordinal < b.Ordinal
}

// Evidence names one event behind a value: its place in the same partition of the log.
type Evidence struct {
	At     int64 // event time
	Offset int64 // offset in customerio.events.v1, same partition
}

// Transition says that a person entered or left a cohort.
type Transition struct {
	ID          ID
	Op          Op
	Person      string
	Cohort      string // key in the catalogue
	Catalogue   string // revision (fingerprint) of the catalogue that decided
	EffectiveAt int64  // by the events' own clock
	DecidedAt   int64  // log time
	ValidUntil  int64  // when the stay ends by itself if nothing else happens; 0 = never or unknown
	Reason      string
	Elapsed     bool  // the stay was over at log time already; no sink delivers it
	Version     int64 // per person, gapless from 1
	Evidence    []Evidence
	SourceID    string   // event id of the event that decided it; empty for deadlines
	SourceAt    int64    // its event time; 0 for deadlines
	AcceptedAt  int64    // its accepted time; for deadlines the log time
	Contacts    [][]byte // sealed contacts of the person (pkg/seal), oldest first; nil if none known

	// WarmingUntil is the log time until which the cohort cannot be known in full, since
	// something that its rule asks about has been kept for too short a time; 0 = it is known.
	WarmingUntil int64
}

// GoesOn says whether an exit is told only for the entry that follows it: the stay goes on,
// and what has changed is how the person is reached or how well the cohort is known.
func (t *Transition) GoesOn() bool {
	return t.Op == OpExit && (t.Reason == ReasonContactsChanged || t.Reason == ReasonWarmed)
}

// Watermark is the fence and heartbeat record of an output partition.
type Watermark struct {
	Partition int32
	Processed int64  // every input offset below it is worked off and its transitions stand before this record
	LogTime   int64  // log time reached
	Last      ID     // highest transition published to this output by now; Offset -1 = none
	Epoch     int16  // producer epoch of the tenure
	Tenure    int64  // tenure number from the checkpoint, rising
	Owner     string // process that owns the partition
	At        int64  // wall clock of the owner, information only
}

// Membership is one current stay.
type Membership struct {
	Cohort     string
	EnteredAt  int64
	ValidUntil int64 // 0 = open-ended
}

// Profile is the current state of one person: what cohort.profiles.v1 keeps.
type Profile struct {
	Person      string
	Version     int64
	Catalogue   string
	UpdatedAt   int64 // log time of the last change
	ID          ID    // last transition that is included
	Memberships []Membership
	Deleted     bool
}
