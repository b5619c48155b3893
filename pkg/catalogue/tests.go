package catalogue

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// Test is an example of what the cohorts are meant to do: events, and who is where when.
type Test struct {
	Name   string
	Line   int // of the file, from 1
	Start  int64
	Events []event.Event // as they arrive; one whose time is before that of its predecessors is late
	Expect []Expectation
}

// Expectation says where a person stands once everything up to an instant, that instant
// included, has been decided.
type Expectation struct {
	Line    int
	Person  string
	At      int64
	Text    string // At as people wrote it
	In, Out []string
}

const (
	someone = "someone" // of whom a test speaks that names nobody
	noon    = "2026-01-05T12:00:00Z"
)

func (l *loader) tests(e entry, c *Catalogue) {
	for _, item := range l.list(e, "tests", 0) {
		f, ok := l.fields(item.path, "a test", item.node, []string{"name", "start", "events", "expect"}, []string{"name", "events", "expect"})
		if !ok {
			continue
		}
		t := Test{Name: l.optional(f, "name"), Line: l.places[item.path].line}
		start := noon
		if s := l.optional(f, "start"); s != "" {
			start = s
		}
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			l.fault(f["start"].path, placeOf(f["start"].node), "start is %q: write %s, or leave it out for that", start, noon)
		}
		t.Start = at.UnixMilli()
		if e, ok := f["events"]; ok {
			for _, item := range l.list(e, "events", 0) {
				t.Events = append(t.Events, l.testEvent(item, &t, c))
			}
		}
		if e, ok := f["expect"]; ok {
			for _, item := range l.list(e, "expect", 1) {
				t.Expect = append(t.Expect, l.expectation(item, &t, c))
			}
		}
		slices.SortStableFunc(t.Expect, func(a, b Expectation) int { return cmp.Compare(a.At, b.At) })
		c.Tests = append(c.Tests, t)
	}
}

func (l *loader) testEvent(item entry, t *Test, c *Catalogue) event.Event {
	e := event.Event{Kind: event.KindIdentify, Source: event.SourcePipelines, Person: someone, ID: "e" + strconv.Itoa(len(t.Events))}
	f, ok := l.fields(item.path, "an event of a test", item.node, []string{"person", "event", "at", "accepted", "replay", "id", "properties", "attributes"}, []string{"at"})
	if !ok {
		return e
	}
	e.EventAt, _ = l.moment(f, "at", t.Start)
	e.AcceptedAt = l.accepted(f, t, e.EventAt)
	e.Replay = l.truth(f, "replay")
	if s := l.optional(f, "person"); s != "" {
		e.Person = s
	}
	if s := l.optional(f, "id"); s != "" {
		e.ID = s
	}
	told, attributes := f["attributes"]
	named, does := f["event"]
	switch {
	case attributes == does:
		l.fault(item.path, l.places[item.path], "an event of a test has either event, or attributes that become known")
	case attributes:
		e.Properties = l.values(told)
		if _, ok := f["properties"]; ok {
			l.fault(item.path+".properties", l.places[item.path+".properties"], "attributes have no properties beside them: remove properties")
		}
	default:
		keys := make([]string, len(c.Spec.Events))
		for i := range c.Spec.Events {
			keys[i] = c.Spec.Events[i].Key
		}
		key := l.choice(named, "event", keys)
		if i := slices.Index(keys, key); i >= 0 {
			e.Kind, e.Name, e.Source = sample(&c.Spec.Events[i])
		}
		if p, ok := f["properties"]; ok {
			e.Properties = l.values(p)
		}
	}
	return e
}

// accepted reads when an event arrives: as it happens, or with the one above it where that came later,
// if nothing is said.
func (l *loader) accepted(f map[string]entry, t *Test, at int64) int64 {
	arrives := at
	if n := len(t.Events); n > 0 {
		arrives = max(at, t.Events[n-1].AcceptedAt)
	}
	e, given := f["accepted"]
	if !given {
		return arrives
	}
	said, text := l.moment(f, "accepted", t.Start)
	switch {
	case text == "": // at fault already
		return arrives
	case said < at:
		l.fault(e.path, placeOf(e.node), "accepted is %s, before the event happens: it has to be at or after at", text)
	case said < arrives:
		l.fault(e.path, placeOf(e.node), "accepted is %s, before the event above is: events stand in the order in which they arrive", text)
	}
	return max(said, arrives)
}

// sample gives an event that a pattern takes.
func sample(p *cohort.Pattern) (kind event.Kind, name, source string) {
	kind, source = event.KindTrack, cmp.Or(p.Source, event.SourcePipelines)
	if len(p.Kinds) > 0 {
		kind = p.Kinds[0]
	}
	if len(p.Names) > 0 {
		name = p.Names[0]
	}
	return kind, name, source
}

func (l *loader) expectation(item entry, t *Test, c *Catalogue) Expectation {
	x := Expectation{Person: someone, Line: l.places[item.path].line}
	f, ok := l.fields(item.path, "an expectation", item.node, []string{"person", "at", "in", "out"}, []string{"at"})
	if !ok {
		return x
	}
	x.Line = l.places[item.path].line
	switch name := l.optional(f, "person"); {
	case name != "":
		x.Person = name
	case len(t.Events) > 0:
		x.Person = t.Events[0].Person
		if slices.ContainsFunc(t.Events, func(e event.Event) bool { return e.Person != x.Person }) {
			l.fault(item.path, l.places[item.path], "the test has several people: say which person is meant")
		}
	}
	x.At, x.Text = l.moment(f, "at", t.Start)
	known := c.cohortKeys()
	for i := range c.Audiences {
		if key := c.Audiences[i].Cohort; key != "" && !slices.Contains(known, key) {
			known = append(known, key)
		}
	}
	for _, side := range []struct {
		name string
		list *[]string
	}{{"in", &x.In}, {"out", &x.Out}} {
		e, ok := f[side.name]
		if !ok {
			continue
		}
		*side.list = l.texts(e, side.name, 0)
		for i, key := range *side.list {
			if !slices.Contains(known, key) {
				path := e.path + "[" + strconv.Itoa(i) + "]"
				l.fault(path, l.nearest(path), "unknown cohort %q%s", key, suggest(key, known))
			}
		}
	}
	if len(x.In)+len(x.Out) == 0 {
		l.fault(item.path, l.places[item.path], "an expectation says nothing: give in or out")
	}
	return x
}

// moment reads at or accepted: a duration from the start, 0, or an instant.
func (l *loader) moment(f map[string]entry, name string, start int64) (int64, string) {
	e, ok := f[name]
	if !ok {
		return start, ""
	}
	n := l.value(e.path, e.node)
	switch n := n.(type) {
	case nil:
		return start, ""
	case *ast.StringNode:
		if n.Value == "0" {
			return start, "0"
		}
		if t, err := time.Parse(time.RFC3339, n.Value); err == nil {
			return t.UnixMilli(), n.Value
		}
		if ms, err := ParseDuration(n.Value); err == nil {
			return start + ms, n.Value
		}
	case *ast.IntegerNode:
		if n.String() == "0" {
			return start, "0"
		}
	default:
	}
	l.fault(e.path, placeOf(n), "%s is %s: write a duration from the start of the test (0, 30m, 7d1h), or an instant like %s", name, n, noon)
	return start, ""
}

// values reads properties or attributes. null takes an attribute away.
func (l *loader) values(e entry) event.Properties {
	p := event.Properties{
		Strings: map[string]string{}, Numbers: map[string]float64{}, Booleans: map[string]bool{}, Nested: map[string]string{},
	}
	entries, _ := l.mapping(e.path, e.key, e.node)
	for _, v := range entries {
		if _, null := v.node.(*ast.NullNode); null {
			p.Nested[v.key] = "null"
			continue
		}
		switch n := l.value(v.path, v.node).(type) {
		case *ast.BoolNode:
			p.Booleans[v.key] = n.Value
		case *ast.IntegerNode, *ast.FloatNode:
			p.Numbers[v.key], _ = l.number(v, v.key)
		case *ast.StringNode:
			p.Strings[v.key] = n.Value
		case nil:
		default:
			l.fault(v.path, placeOf(n), "%q has to be a text, a number, true or false: conditions read nothing else", v.key)
		}
	}
	return p
}
