package normalise

import (
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Link says that what is kept under Key belongs to the person whom an event speaks of.
type Link struct {
	Key  string // weaker person key; nothing personal
	Name string // event.NameLink or event.NameRelink
	Tag  string // tells the links of one event apart
}

// Into is the person key that an event makes known: the one that it is filed under or,
// of a merge, the one that stays.
func Into(e *event.Event) string {
	if e.Kind == event.KindMerge {
		return e.Properties.Strings[event.PropertyInto]
	}
	return e.Person
}

// Links appends to dst the weaker keys that a finished event names beside the one it
// is filed under: customer id before email before anonymous id before Customer.io's own
// id. Phone numbers are no keys of people: families share them. What erases a person
// binds nothing to them.
func (s *Scope) Links(e *event.Event, dst []Link) []Link {
	switch e.Kind {
	case event.KindErase, event.KindUnerase, event.KindTick, event.KindCatalog:
		return dst
	default:
	}
	dst = s.weaker(e, &e.IDs, dst, "email", "anonymous", "cio")
	if e.Kind == event.KindMerge {
		dst = s.weaker(e, &e.Other, dst, "other-email", "other-anonymous", "other-cio")
	}
	return dst
}

func (s *Scope) weaker(e *event.Event, ids *event.Identifiers, dst []Link, email, anonymous, cio string) []Link {
	into := Into(e)
	add := func(key, name, tag string) {
		// A key that is too long is nobody's: such events are not taken.
		if key == "" || key == into || key == e.Person || len(key) > maxPerson {
			return
		}
		for i := range dst {
			if dst[i].Key == key {
				return
			}
		}
		dst = append(dst, Link{Key: key, Name: name, Tag: tag})
	}
	if ids.Email != "" {
		add(PersonKey(s.Keys, event.Identifiers{Email: ids.Email}), event.NameRelink, email)
	}
	add(ids.AnonymousID, event.NameLink, anonymous)
	if ids.CioID != "" {
		add(CioPrefix+ids.CioID, event.NameLink, cio)
	}
	return dst
}

// Record fills out with the record that tells the owner of a weaker key: out keeps the
// memory of its maps. It holds the identifiers of the message and none of its properties.
func (l *Link) Record(e, out *event.Event) {
	Begin(out)
	properties := out.Properties
	*out = *e
	out.Properties = properties
	out.Kind, out.Name, out.Person, out.ID = event.KindMerge, l.Name, l.Key, e.ID+"/link-"+l.Tag
	PutText(&out.Properties, event.PropertyInto, Into(e))
}

// merge files a merge under the person who vanishes, since their owner has to act on it.
func (s *Scope) merge(e *event.Event) *Fault {
	into := PersonKey(s.Keys, e.IDs)
	switch vanishing := PersonKey(s.Keys, e.Other); {
	case into == "":
		return Nobody("the message names no person that stays: give an id, an email or an anonymous id")
	case vanishing == "":
		return Nobody("the message names no person that vanishes: give an id, an email or an anonymous id")
	case vanishing == into:
		return Unfit(ReasonSamePerson, "", "both sides of the merge are one person by their identifiers: name two people")
	case len(into) > maxPerson || len(vanishing) > maxPerson:
		return tooLong(max(len(into), len(vanishing)))
	default:
		e.Person, e.Name = vanishing, event.NameMerge
	}
	PutText(&e.Properties, event.PropertyInto, into)
	return nil
}
