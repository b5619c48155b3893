package kafkaio

import (
	"fmt"
	"time"
)

// A broker forgets a producer some time after its newest record, and with it which epochs are fenced:
// after that an older epoch is taken again. So a writer that has heard of no acknowledgement for long
// sends nothing more, neither what waits nor what has to be repeated. Its owner may have looked at the
// clock before it was held up, and cannot look again between two batches.
var errHeldUp = fmt.Errorf("%w: no acknowledgement for so long that the broker may have forgotten who is fenced", ErrAmbiguous)

// heldUpLocked ends the writer if its fence may be forgotten. A machine that was suspended shows that on
// the wall clock alone, a clock that was set back does not hide what the other one shows.
func (w *FencedWriter) heldUpLocked(now time.Time) bool {
	if w.err != nil || w.heard.IsZero() {
		return false
	}
	held := max(now.Sub(w.heard), now.Round(0).Sub(w.heard.Round(0)))
	if held <= w.cfg.HeldUp {
		return false
	}
	w.failLocked(errHeldUp)
	return true
}
