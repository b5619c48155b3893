package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Roles say which events of the catalogue a name of the recording plays, besides
// those that have the name anyway.
type Roles map[string][]Part

// Part is how an event has to look to play an event of the catalogue.
type Part struct {
	Event  string // key in the catalogue
	Name   string // one of its names; empty where it takes any
	Kinds  []event.Kind
	Source string
}

// ParseRoles reads "view=product_view,order=purchase+invoice": event of the catalogue,
// then names in the recording.
func ParseRoles(text string, events []cohort.Pattern) (Roles, error) {
	roles := Roles{}
	if text == "" {
		return roles, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, names, ok := strings.Cut(pair, "=")
		if !ok || key == "" || names == "" {
			return nil, fmt.Errorf("%q: write EVENT=NAME, with + between several names, like order=purchase+invoice", pair)
		}
		i := slices.IndexFunc(events, func(p cohort.Pattern) bool { return p.Key == key })
		if i < 0 {
			known := make([]string, len(events))
			for i, p := range events {
				known[i] = p.Key
			}
			return nil, fmt.Errorf("%q: the catalogue has no event %q; it has %s", pair, key, strings.Join(known, ", "))
		}
		part := Part{Event: key, Kinds: events[i].Kinds, Source: events[i].Source}
		if len(events[i].Names) > 0 {
			part.Name = events[i].Names[0]
		}
		for name := range strings.SplitSeq(names, "+") {
			if name == "" {
				return nil, fmt.Errorf("%q: a name is empty: write them with one + between two", pair)
			}
			if !slices.ContainsFunc(roles[name], func(p Part) bool { return p.Event == key }) {
				roles[name] = append(roles[name], part)
			}
		}
	}
	return roles, nil
}

// match gives the patterns of an event under its own name and in its parts.
func (r Roles) match(program *cohort.Program, e *event.Event) cohort.Patterns {
	patterns := program.Match(e)
	if len(r) == 0 {
		return patterns
	}
	parts, ok := r[e.Name]
	if !ok {
		return patterns
	}
	own := *e
	for i := range parts {
		parts[i].Play(e)
		patterns |= program.Match(e)
		e.Name, e.Kind, e.Source = own.Name, own.Kind, own.Source
	}
	return patterns
}

// Play makes the event look as the part demands.
func (p *Part) Play(e *event.Event) {
	if p.Name != "" {
		e.Name = p.Name
	}
	if len(p.Kinds) > 0 && !slices.Contains(p.Kinds, e.Kind) {
		e.Kind = p.Kinds[0]
	}
	if p.Source != "" {
		e.Source = p.Source
	}
}
