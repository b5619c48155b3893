// Package normalise holds what all surfaces share on the way from a message to an
// event.Event: identity, times by their unit, typed properties, consent, and the id
// that a message without one is given. It does no IO and reads no clock.
package normalise

import (
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/seal"
)

// Bounds in bytes. Customer.io's own limit for ids is 150.
const (
	maxPerson  = 512
	maxEventID = 256
	maxName    = 1024
)

// SourceAdmin is the road of calls that the operator makes.
const SourceAdmin = "admin"

// Scope is what a request says about every message in it.
type Scope struct {
	Source     string // event.Source... or SourceAdmin
	Workspace  string
	Call       string   // which call it is, without ids: part of derived event ids
	PathIDs    []string // ids in the path, unescaped: part of derived event ids
	ReceivedAt int64    // ms, by the wall clock
	Replay     bool
	EventClock bool // accepted_at is the event's own time
	Keys       *seal.Keys
	Recall     *Recall // nil = no message is recalled
	Timeless   []Memo  // the messages without a time that Finish has seen
	Pin        *Pin    // nil = the first event's id and time are what its message says
	Ahead      int64   // ms by which the last finished event's time lay ahead of its acceptance
}

// Begin empties e for the next message and keeps the memory of its maps.
func Begin(e *event.Event) {
	p := e.Properties
	clear(p.Strings)
	clear(p.Numbers)
	clear(p.Booleans)
	clear(p.Nested)
	*e = event.Event{Properties: p}
}

// Finish completes an event whose kind, name, identifiers, properties, id and time
// (0 = not said) have been read from raw: the rest follows from them and from the
// scope. ordinal tells apart the events that one message becomes.
func (s *Scope) Finish(e *event.Event, raw []byte, ordinal int) *Fault {
	if fault := Returned(&e.Properties); fault != nil {
		return fault
	}
	e.Source, e.Workspace, e.Replay = s.Source, s.Workspace, s.Replay
	s.name(e, raw, ordinal)
	if len(e.Name) > maxName {
		return Unfit(ReasonTooLong, "name", "the name has "+strconv.Itoa(len(e.Name))+" bytes, at most "+strconv.Itoa(maxName)+" are taken")
	}
	e.AcceptedAt = s.ReceivedAt
	if s.EventClock {
		e.AcceptedAt = e.EventAt
	}
	s.Ahead = max(0, e.EventAt-e.AcceptedAt)
	if s.Ahead > 0 {
		e.EventAt, e.Clamped = e.AcceptedAt, true
	}
	if e.IDs.Email == "" && strings.Contains(e.IDs.CustomerID, "@") {
		// A workspace that uses the email as id: it is a contact all the same.
		e.IDs.Email = e.IDs.CustomerID
	}
	if e.Kind == event.KindMerge {
		return s.merge(e)
	}
	e.Person = PersonKey(s.Keys, e.IDs)
	switch {
	case e.Person == "":
		return Nobody("the message names no person: give an id, an email or an anonymous id")
	case len(e.Person) > maxPerson:
		return tooLong(len(e.Person))
	}
	return nil
}

func tooLong(size int) *Fault {
	return Unfit(ReasonTooLong, "id", "the id has "+strconv.Itoa(size)+" bytes, at most "+strconv.Itoa(maxPerson)+" are taken")
}

// PersonKey is seal.PersonKey and, for whom that has no key, Customer.io's own id or a
// keyed hash of the phone number.
func PersonKey(k *seal.Keys, ids event.Identifiers) string {
	if key := seal.PersonKey(k, ids); key != "" {
		return key
	}
	if ids.CioID != "" {
		return CioPrefix + ids.CioID
	}
	if ids.Phone != "" {
		return "ph_" + strings.TrimPrefix(k.EmailKey("tel:"+ids.Phone), "em_")
	}
	return ""
}

// CioPrefix marks Customer.io's own id where ids of several kinds may stand.
const CioPrefix = "cio_"

// Identify reads an id whose kind is told by its shape, as in the paths of the Track
// API: cio_ and Customer.io's own id, an email, else the shop's id.
func Identify(ids *event.Identifiers, id string) {
	cio, isCio := strings.CutPrefix(id, CioPrefix)
	switch {
	case isCio && cio != "":
		ids.CioID = cio
	case strings.Contains(id, "@"):
		ids.Email = strings.TrimSpace(id)
	default:
		ids.CustomerID = id
	}
}
