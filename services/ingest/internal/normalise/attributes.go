package normalise

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Attribute takes one attribute of a person in: consent is brought to its one form,
// a contact goes to the identifiers, the rest to the properties. null is kept as
// such, for it removes the attribute.
func Attribute(e *event.Event, name string, v wire.Value) {
	switch name {
	case "email":
		if contact(&e.IDs.Email, v) {
			return
		}
	case "phone":
		if contact(&e.IDs.Phone, v) {
			return
		}
	case Unsubscribed:
		if v.Present() {
			PutTruth(&e.Properties, name, IsUnsubscribed(v))
			return
		}
	case Preferences:
		if v.Present() {
			PutPreferences(&e.Properties, v)
			return
		}
	}
	Put(&e.Properties, name, v)
}

// contact fills an identifier that is not yet known. One that is and differs stays
// where it is, and the new one becomes a property: which of them counts is not for
// ingest to say.
func contact(known *string, v wire.Value) bool {
	text := strings.TrimSpace(v.Text())
	if text == "" || *known != "" && *known != text {
		return false
	}
	*known = text
	return true
}
