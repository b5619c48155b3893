package receipts

import "time"

// Messages of receipts with outcome skipped: why nothing was delivered.
const (
	MessageElapsed  = "the stay was over when it was decided"
	MessageErased   = "proof of an erasure: what there was to take back stands before it"
	MessageMerged   = "the person is another one from here on, and the obligation has moved there"
	MessageContacts = "the contacts have changed and none was given up: the stay goes on"
)

// MessageWarming is the message for a cohort that is not known in full before until
// (ms, log time).
func MessageWarming(until int64) string {
	return "warming until " + time.UnixMilli(until).UTC().Format(time.RFC3339)
}
