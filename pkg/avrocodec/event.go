package avrocodec

import (
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
)

// AppendEvent appends the value of a customerio.events.v1 record to dst. It
// allocates only to grow dst (and to sort a map of more than 32 keys); equal
// events give equal bytes.
func AppendEvent(dst []byte, id uint32, e *event.Event) []byte {
	return appendEvent(appendHeader(dst, id), e)
}

// DecodeEvent decodes the value of a customerio.events.v1 record and overwrites
// all of e. See the package comment for what e aliases.
func DecodeEvent(b []byte, e *event.Event) error {
	r := reader{}
	r.open(b)
	r.event(e)
	return r.end(schemas.EventsTopic)
}

// DecodeEventHead is DecodeEvent without the properties: it stops before them,
// leaves the four maps empty and does not look at whether they are well formed.
func DecodeEventHead(b []byte, e *event.Event) error {
	r := reader{}
	r.open(b)
	r.eventHead(e)
	clear(e.Properties.Strings)
	clear(e.Properties.Numbers)
	clear(e.Properties.Booleans)
	clear(e.Properties.Nested)
	return r.outcome(schemas.EventsTopic)
}

func appendEvent(dst []byte, e *event.Event) []byte {
	dst = appendText(dst, e.Kind.String())
	dst = appendText(dst, e.Source)
	dst = appendText(dst, e.Workspace)
	dst = appendText(dst, e.ID)
	dst = appendOptText(dst, e.Name)
	dst = appendLong(dst, e.EventAt)
	dst = appendLong(dst, e.AcceptedAt)
	dst = appendOptText(dst, e.Person)
	dst = appendIdentifiers(dst, &e.IDs)
	dst = appendIdentifiers(dst, &e.Other)
	dst = appendBool(dst, e.Replay)
	dst = appendBool(dst, e.Clamped)
	dst = appendTexts(dst, e.Properties.Strings)
	dst = appendNumbers(dst, e.Properties.Numbers)
	dst = appendBooleans(dst, e.Properties.Booleans)
	return appendTexts(dst, e.Properties.Nested)
}

func appendIdentifiers(dst []byte, ids *event.Identifiers) []byte {
	dst = appendOptText(dst, ids.CustomerID)
	dst = appendOptText(dst, ids.Email)
	dst = appendOptText(dst, ids.AnonymousID)
	dst = appendOptText(dst, ids.CioID)
	return appendOptText(dst, ids.Phone)
}

func (r *reader) event(e *event.Event) {
	r.eventHead(e)
	e.Properties.Strings = r.texts(e.Properties.Strings)
	e.Properties.Numbers = r.numbers(e.Properties.Numbers)
	e.Properties.Booleans = r.booleans(e.Properties.Booleans)
	e.Properties.Nested = r.texts(e.Properties.Nested)
}

func (r *reader) eventHead(e *event.Event) {
	e.Kind = event.ParseKind(r.text())
	e.Source = r.text()
	e.Workspace = r.text()
	e.ID = r.text()
	e.Name = r.optText()
	e.EventAt = r.long()
	e.AcceptedAt = r.long()
	e.Person = r.optText()
	r.identifiers(&e.IDs)
	r.identifiers(&e.Other)
	e.Replay = r.bool()
	e.Clamped = r.bool()
}

func (r *reader) identifiers(ids *event.Identifiers) {
	ids.CustomerID = r.optText()
	ids.Email = r.optText()
	ids.AnonymousID = r.optText()
	ids.CioID = r.optText()
	ids.Phone = r.optText()
}
