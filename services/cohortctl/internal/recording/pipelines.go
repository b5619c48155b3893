package recording

import (
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// Types of calls of the Pipelines API, with the kinds that they become.
//
//nolint:gochecknoglobals // a table
var callKinds = map[string]event.Kind{
	"track": event.KindTrack, "identify": event.KindIdentify, "page": event.KindPage, "screen": event.KindScreen,
	"group": event.KindGroup, "alias": event.KindMerge,
}

// Attributes that tell of consent. Ingest brings them to the same form.
const (
	unsubscribed = "unsubscribed"
	preferences  = "cio_subscription_preferences"
)

// call reads one call of the Pipelines API that begins at a byte of the line. It is a
// smaller reader than that of ingest, which belongs to ingest: the commands and the
// message metrics that come as track calls are plain events here, and a wrong clock is
// not corrected by sentAt.
func (l *lines) call(fields members, at int) error {
	e := event.Event{Source: event.SourcePipelines, EventAt: never, AcceptedAt: never}
	var kind, name, eventName, category string
	original := int64(never)
	for i := range fields {
		m := &fields[i]
		if m.value.kind() == 'n' {
			continue
		}
		var err error
		switch m.name {
		case "type":
			err = m.text(&kind)
			if e.Kind = callKinds[kind]; err == nil && e.Kind == event.KindUnknown {
				err = misfitAt(m.value.at, "type %q is not known: it has to be one of track, identify, page, screen, group, alias", cut(kind))
			}
		case "messageId":
			err = m.text(&e.ID)
		case "userId":
			err = m.text(&e.IDs.CustomerID)
		case "anonymousId":
			err = m.text(&e.IDs.AnonymousID)
		case "event":
			err = m.text(&eventName)
		case "name":
			err = m.text(&name)
		case "category":
			err = m.text(&category)
		case "timestamp":
			err = m.instant(&e.EventAt)
		case "originalTimestamp":
			err = m.instant(&original)
		}
		if err != nil {
			return err
		}
	}
	if e.EventAt == never {
		if e.EventAt = original; original == never {
			return misfitAt(at, "timestamp is missing: say when it happened, like %s", instantExample)
		}
	}
	switch e.Kind {
	case event.KindTrack:
		if e.Name = eventName; eventName == "" {
			return misfitAt(at, "event is missing: a track call names its event")
		}
	case event.KindPage, event.KindScreen:
		e.Name = name
	case event.KindUnknown:
		return misfitAt(at, "type is missing: it has to be one of track, identify, page, screen, group, alias")
	default:
	}
	if err := l.tellProperties(fields, category, &e); err != nil {
		return err
	}
	return l.hand(&e)
}

func (l *lines) tellProperties(fields members, category string, e *event.Event) error {
	if m := fields.find("context"); m != nil && e.IDs.CustomerID == "" {
		if err := l.contact(m.value, e); err != nil {
			return err
		}
	}
	if category != "" && l.o.Properties {
		_ = putText(&e.Properties, "category", category)
	}
	name := "properties"
	if e.Kind == event.KindIdentify || e.Kind == event.KindGroup {
		name = "traits"
	}
	m := fields.find(name)
	if m == nil || !l.o.Properties && e.Kind != event.KindIdentify {
		return nil
	}
	all, err := l.json.members(m.value)
	if err != nil {
		return err
	}
	for _, of := range all {
		switch {
		case e.Kind == event.KindIdentify && of.name == "email" && of.value.kind() == '"':
			e.IDs.Email = strings.TrimSpace(of.value.unquote())
		case !l.o.Properties:
		case e.Kind == event.KindIdentify && of.name == unsubscribed && of.value.kind() != 'n':
			_ = putBoolean(&e.Properties, unsubscribed, strconv.FormatBool(isTrue(of.value)))
		case e.Kind == event.KindIdentify && of.name == preferences:
			l.preferences(of.value, &e.Properties)
		default:
			put(&e.Properties, of.name, of.value)
		}
	}
	return nil
}

// contact finds the email in context.traits of somebody who has no customer id.
func (l *lines) contact(context value, e *event.Event) error {
	for _, name := range [...]string{"traits", "email"} {
		all, err := l.json.members(context)
		if err != nil {
			return err
		}
		m := all.find(name)
		switch {
		case m == nil:
			return nil
		case name == "email" && m.value.kind() == '"':
			e.IDs.Email = strings.TrimSpace(m.value.unquote())
		}
		context = m.value
	}
	return nil
}

// isTrue reads the attribute unsubscribed as Customer.io does.
func isTrue(v value) bool {
	text := string(v.raw)
	if v.kind() == '"' {
		text = strings.ToLower(strings.TrimSpace(v.unquote()))
	}
	return text == "true" || text == "1"
}

// preferences files one boolean for each choice, under its dotted name, beside the
// whole. They come as an object or as JSON inside a text; what is neither is kept whole.
func (l *lines) preferences(v value, p *event.Properties) {
	put(p, preferences, v)
	if v.kind() == '"' {
		v = whole([]byte(v.unquote()))
	}
	groups, err := l.json.members(v)
	if err != nil {
		return
	}
	for _, g := range groups {
		choices, err := l.json.members(g.value)
		if err != nil {
			continue
		}
		for _, c := range choices {
			if kind := c.value.kind(); kind == 't' || kind == 'f' {
				put(p, preferences+"."+g.name+"."+c.name, c.value)
			}
		}
	}
}
