package normalise

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// Names under which consent stands in the properties of every event that tells of it,
// whatever surface it came by.
const (
	Unsubscribed = "unsubscribed"
	Preferences  = "cio_subscription_preferences"
)

// IsUnsubscribed reads the attribute as Customer.io does: true, 1, "1" and "true" in
// any casing.
func IsUnsubscribed(v wire.Value) bool {
	switch v.Kind() {
	case wire.Bool:
		truth, _ := v.Truth()
		return truth
	case wire.Number:
		f, ok := v.Float()
		return ok && f == 1
	case wire.String:
		text := strings.TrimSpace(v.Text())
		return text == "1" || strings.EqualFold(text, "true")
	}
	return false
}

// PutPreferences files subscription preferences twice: whole, as they replace what was
// known, and one boolean each under the dotted name, so that a reader needs no JSON. They come as
// an object or as JSON inside a string.
func PutPreferences(p *event.Properties, v wire.Value) {
	if v.Kind() == wire.String {
		inner := wire.Of([]byte(v.Text()))
		if inner.Kind() != wire.Object || wire.Check(inner.Raw()) != nil || inner.Members(none) != nil {
			PutText(p, Preferences, v.Text())
			return
		}
		v = inner
	}
	Put(p, Preferences, v)
	if v.Kind() != wire.Object {
		return
	}
	// A member that is no object is kept by the whole alone.
	_ = v.Members(func(group string, choices wire.Value) error {
		if choices.Kind() != wire.Object {
			return nil
		}
		return choices.Members(func(name string, choice wire.Value) error {
			if truth, ok := choice.Truth(); ok {
				PutTruth(p, Preferences+"."+group+"."+name, truth)
			}
			return nil
		})
	})
}

func none(string, wire.Value) error { return nil }
