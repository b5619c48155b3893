package avrocodec

// Times of all records are whole milliseconds since 1970 UTC.

// Ops of suppression records.
const (
	OpSuppress = "SUPPRESS"
	OpRelease  = "RELEASE"
)

// Identifier is a digest by which an ad platform knows a person.
type Identifier struct {
	Type         string // "email" or "phone"
	Rule         string // normalisation rule applied before hashing
	RulesVersion int32
	Encoding     string // "hex" or "base64"
	Value        string
}

// Suppression is one record of ads.suppression.<platform>.v1.
type Suppression struct {
	Op                  string // OpSuppress or OpRelease
	Tenant              string
	Audience            string // key in the catalogue
	Platform            string
	Subject             string // opaque name of the person, no digest
	Cohort              string
	Catalogue           string
	Version             int64 // rises with every record of one key
	EffectiveAt         int64 // by the events' own clock
	EmittedAt           int64
	ExpiresAt           int64 // 0 = not known
	Reason              string
	Identifiers         []Identifier
	PreviousIdentifiers []Identifier // to be removed
	TransitionID        string       // see FormatID
	SourceID            string       // event id; empty when time decided
	AcceptedAt          int64
}

// Outcomes of receipts.
const (
	OutcomeDelivered  = "delivered"
	OutcomeSuperseded = "superseded" // a newer version took its place before it was sent
	OutcomeRefused    = "refused"
	OutcomeAmbiguous  = "ambiguous" // sent, and no answer told what became of it
	OutcomeRetrying   = "retrying"
	OutcomeSkipped    = "skipped" // nothing to deliver there
	OutcomeDeadLetter = "dead_letter"
)

// Receipt is what a destination answered to one transition at one attempt.
type Receipt struct {
	Destination  string
	TransitionID string // see FormatID
	Person       string
	Cohort       string
	Op           string // "enter", "exit" or "erased"
	Version      int64
	Outcome      string
	Status       int32  // as the destination's protocol counts; 0 = no answer
	Message      string // nothing personal
	Attempt      int32  // from 1
	At           int64
	AcceptedAt   int64
	EffectiveAt  int64
}

// Quarantine is a request, or a part of one, that ingest could not understand.
type Quarantine struct {
	ID          string
	Source      string
	Workspace   string
	Reason      string // code, fit for counting
	Detail      string
	Method      string
	Path        string
	Headers     map[string]string // allow list, no credentials
	ContentType string
	Body        []byte
	ReceivedAt  int64
	Truncated   bool // the body was longer than Body
}

// DeadLetter is a transition that a destination refused for good.
type DeadLetter struct {
	Destination  string
	TransitionID string // see FormatID; empty when the record could not be read
	Reason       string // nothing personal
	Transition   []byte // value of the cohort.transitions.v1 record, schema id included
	At           int64
	Attempts     int32
}
