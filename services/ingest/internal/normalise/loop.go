package normalise

import (
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Returned finds what we have told others and what comes back as an event: were it
// taken, it could cause what it tells of, for ever. The sender did as they were set up
// to do and is not told.
func Returned(p *event.Properties) *Fault {
	var s sight
	look(&s, p.Strings)
	look(&s, p.Numbers)
	look(&s, p.Booleans)
	look(&s, p.Nested)
	inside := false
	for _, json := range p.Nested {
		inside = inside || strings.Contains(json, `"transition_id"`) && strings.Contains(json, `"cohort"`)
	}
	switch {
	case s.own:
		return loop("a property of our own records (" + event.PropertyPrefix + "…) came back: take it out of what is sent to Customer.io")
	case s.id && s.cohort, inside:
		return loop("a transition of ours (transition_id and cohort) came back: exclude it where it is sent on to Customer.io or from there")
	}
	return nil
}

func loop(message string) *Fault {
	return &Fault{Reason: ReasonLoop, Message: message, Benign: true}
}

// sight is which of our names were seen. A transition is named by transition_id and
// cohort everywhere: in the values of SalesWings activities and in our topics. On its
// way it may be spelled anew, stand at a path or remain inside of an object.
type sight struct{ own, id, cohort bool }

func look[V any](s *sight, properties map[string]V) {
	for name := range properties {
		s.own = s.own || strings.HasPrefix(name, event.PropertyPrefix)
		part := name[strings.LastIndexByte(name, '.')+1:]
		if part == "" {
			continue
		}
		switch part[0] {
		case 'c', 'C':
			s.cohort = s.cohort || strings.EqualFold(part, "cohort")
		case 't', 'T':
			s.id = s.id || len(part) <= len("transition id") && plain(part) == "transitionid"
		}
	}
}

// plain brings transition_id, transitionId and "Transition ID" to one spelling.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_' || r == '-' || r == ' ':
			return -1
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, name)
}
