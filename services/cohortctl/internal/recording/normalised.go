package recording

import (
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// kindsKnown are the words of the field kind.
//
//nolint:gochecknoglobals // a table
var kindsKnown = func() (words []string) {
	for k := event.KindTrack; k <= event.KindCatalog; k++ {
		words = append(words, k.String())
	}
	return words
}()

// normalised reads an event as it stands in customerio.events.v1: the fields are those
// of its Avro schema. What is empty may be left out, and a text may be wrapped as
// {"string": "..."}, which is how Avro writes one that may be null.
func (l *lines) normalised(fields members) error {
	e := event.Event{Source: event.SourcePipelines, EventAt: never, AcceptedAt: never}
	for i := range fields {
		m := &fields[i]
		if m.value.kind() == 'n' {
			continue
		}
		if err := l.unwrap(m); err != nil {
			return err
		}
		if err := l.field(m, &e); err != nil {
			return err
		}
	}
	if e.EventAt == never {
		return misfitAt(0, "event_at is missing: say when it happened, like %s", instantExample)
	}
	return l.hand(&e)
}

// never stands for a time that was not said.
const never = -1 << 63

func (l *lines) field(m *member, e *event.Event) error {
	switch m.name {
	case "kind":
		var word string
		if err := m.text(&word); err != nil {
			return err
		}
		if !slices.Contains(kindsKnown, word) {
			return misfitAt(m.value.at, "kind %q is not known: it has to be one of %s", cut(word), strings.Join(kindsKnown, ", "))
		}
		e.Kind = event.ParseKind(word)
	case "event_at":
		return m.instant(&e.EventAt)
	case "accepted_at":
		return m.instant(&e.AcceptedAt)
	case "replay":
		switch m.value.kind() {
		case 't':
			e.Replay = true
		case 'f':
		default:
			return misfitAt(m.value.at, "replay has to be true or false")
		}
	case "source":
		return m.text(&e.Source)
	case "workspace":
		return m.text(&e.Workspace)
	case "event_id":
		return m.text(&e.ID)
	case "name":
		return m.text(&e.Name)
	case "person":
		return m.text(&e.Person)
	case "customer_id":
		return m.text(&e.IDs.CustomerID)
	case "email":
		return m.text(&e.IDs.Email)
	case "anonymous_id":
		return m.text(&e.IDs.AnonymousID)
	case "strings", "numbers", "booleans", "nested":
		return l.typed(m, &e.Properties)
	}
	return nil // what newer schemas add, and what does not count here
}

// unwrap takes Avro's wrapping off a text.
func (l *lines) unwrap(m *member) error {
	if m.value.kind() != '{' || m.name == "strings" || m.name == "numbers" || m.name == "booleans" || m.name == "nested" {
		return nil
	}
	inner, err := l.json.members(m.value)
	if err != nil {
		return err
	}
	if len(inner) == 1 && inner[0].name == "string" {
		m.value = inner[0].value
	}
	return nil
}

// typed reads one of the four maps of properties.
func (l *lines) typed(m *member, p *event.Properties) error {
	if !l.o.Properties {
		return nil
	}
	all, err := l.json.members(m.value)
	if err != nil {
		return err
	}
	for _, of := range all {
		switch kind := of.value.kind(); {
		case m.name == "strings" && kind == '"', m.name == "numbers" && kind == '0', m.name == "booleans" && (kind == 't' || kind == 'f'):
			put(p, of.name, of.value)
		case m.name == "nested" && kind == '"':
			if p.Nested == nil {
				p.Nested = make(map[string]string)
			}
			p.Nested[of.name] = of.value.unquote()
		default:
			return misfitAt(of.value.at, "%s.%s is of another type: %s holds %s", m.name, of.name, m.name, holds[m.name])
		}
	}
	return nil
}

//nolint:gochecknoglobals // a table
var holds = map[string]string{"strings": "texts", "numbers": "numbers", "booleans": "true and false", "nested": "JSON written as text"}
