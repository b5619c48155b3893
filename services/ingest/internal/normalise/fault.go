package normalise

// Reasons why a message is in quarantine and not in the log: a small, fixed set, fit
// for counting.
const (
	ReasonNoIdentity   = "no_identity"      // well formed, speaks of nobody we could name
	ReasonMalformed    = "malformed_json"   // cannot be parsed
	ReasonTooDeep      = "too_deep"         // nested beyond the limit
	ReasonShape        = "unexpected_shape" // JSON, but not what the call takes
	ReasonUnknownType  = "unknown_type"     // a type or action we do not know
	ReasonMissing      = "missing_field"
	ReasonInvalid      = "invalid_field"
	ReasonTimestamp    = "invalid_timestamp"
	ReasonTooLong      = "too_long"  // an id or a name
	ReasonTooLarge     = "too_large" // the message as a whole
	ReasonTooMany      = "too_many_items"
	ReasonEncoding     = "unreadable_encoding"
	ReasonReplayWindow = "outside_replay_window"
	ReasonSamePerson   = "same_person"    // a merge of somebody with themselves
	ReasonLoop         = "loop"           // what we have told others, come back
	ReasonTaxonomy     = "taxonomy"       // an event breaks what the catalogue declares of it
	ReasonInternal     = "internal_error" // a defect of ours, found on this message
)

// Fault says why a message is no event.
type Fault struct {
	Reason  string
	Field   string // as the sender spells it; may be empty
	Message string // what is wrong and what would be right; nothing personal
	// Benign: the sender did nothing wrong and is not told.
	Benign bool
}

func (f *Fault) Error() string {
	if f.Field == "" {
		return f.Message
	}
	return f.Field + ": " + f.Message
}

// Unfit is a fault of the sender.
func Unfit(reason, field, message string) *Fault {
	return &Fault{Reason: reason, Field: field, Message: message}
}

// Nobody is a message that is right and speaks of nobody.
func Nobody(message string) *Fault {
	return &Fault{Reason: ReasonNoIdentity, Message: message, Benign: true}
}
