package catalogue

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// maxDepth bounds nesting, so that an alias inside itself comes to an end. The rules
// refuse sooner.
const maxDepth = 20

var conditionKinds = []string{"did", "did_not", "sum", "silent", "quiet", "attribute", "member", "during", "not", "all", "any"}

// condition reads one condition: a mapping with one key, the kind.
func (l *loader) condition(e entry, depth int) *cohort.Condition {
	c := &cohort.Condition{}
	if depth > maxDepth {
		l.fault(e.path, e.at, "conditions are nested too deep")
		return c
	}
	entries, ok := l.mapping(e.path, "a condition", e.node)
	if !ok {
		return c
	}
	if len(entries) != 1 {
		l.fault(e.path, l.places[e.path], "a condition is exactly one of %s: join several under all or any", strings.Join(conditionKinds, ", "))
		return c
	}
	switch k := entries[0]; k.key {
	case "did":
		c.Did = l.did(k)
	case "did_not":
		c.Not = &cohort.Condition{Did: l.didNot(k)}
	case "sum":
		c.Sum = l.sum(k)
	case "silent":
		f, _ := l.fields(k.path, "silent", k.node, []string{"event", "where", "for"}, []string{"event", "for"})
		c.Silent = &cohort.Silent{Event: l.event(f), Where: l.where(f), For: l.duration(f["for"], "for")}
	case "quiet":
		f, _ := l.fields(k.path, "quiet", k.node, []string{"event", "where", "for", "none_of"}, []string{"event", "for"})
		c.Quiet = &cohort.Quiet{Event: l.event(f), Where: l.where(f), For: l.duration(f["for"], "for"), NoneOf: l.noneOf(f)}
	case "attribute":
		c.Attribute = l.predicate(k, predicate.Attributes, nil)
	case "member":
		c.Member, _ = l.text(k, "member")
		l.point(k)
	case "during":
		c.During = l.during(k)
	case "not":
		c.Not = l.condition(k, depth+1)
	case "all":
		c.All = l.conditions(k, depth)
	case "any":
		c.Any = l.conditions(k, depth)
	default:
		l.fault(k.path, k.at, "unknown condition %q%s", k.key, suggest(k.key, conditionKinds))
	}
	return c
}

func (l *loader) conditions(e entry, depth int) []cohort.Condition {
	items := l.list(e, e.key, 1)
	list := make([]cohort.Condition, 0, len(items))
	for _, item := range items {
		list = append(list, *l.condition(item, depth+1))
	}
	return list
}

func (l *loader) did(e entry) *cohort.Did {
	f, _ := l.fields(e.path, "did", e.node, []string{"event", "where", "at_least", "within", "none_of"}, []string{"event"})
	d := &cohort.Did{Event: l.event(f), Where: l.where(f), AtLeast: 1, Within: l.duration(f["within"], "within"), NoneOf: l.noneOf(f)}
	if at, ok := f["at_least"]; ok {
		n, ok := l.integer(at, "at_least")
		if ok && (n < 1 || n > cohort.MaxAtLeast) {
			l.fault(at.path, placeOf(at.node), "at_least is %d: it goes from 1 to %d", n, cohort.MaxAtLeast)
		}
		d.AtLeast = int(n)
	}
	return d
}

// didNot is what people say for not did.
func (l *loader) didNot(e entry) *cohort.Did {
	f, _ := l.fields(e.path, "did_not", e.node, []string{"event", "where", "within"}, []string{"event"})
	return &cohort.Did{Event: l.event(f), Where: l.where(f), AtLeast: 1, Within: l.duration(f["within"], "within")}
}

func (l *loader) sum(e entry) *cohort.Sum {
	f, _ := l.fields(e.path, "sum", e.node, []string{"event", "where", "property", "at_least", "within"}, []string{"event", "property", "at_least"})
	s := &cohort.Sum{Event: l.event(f), Where: l.where(f), Within: l.duration(f["within"], "within"), Property: l.optional(f, "property"), AtLeast: 1}
	l.summable(f, s.Property)
	if at, ok := f["at_least"]; ok {
		n, ok := l.number(at, "at_least")
		if ok && !(n >= 0.0001 && n <= cohort.MaxSum) {
			l.fault(at.path, placeOf(at.node), "at_least is %g: it goes from 0.0001 to %g", n, cohort.MaxSum)
			n = 1
		}
		if ok {
			s.AtLeast = n
		}
	}
	return s
}

func (l *loader) event(f map[string]entry) string {
	e, ok := f["event"]
	if !ok {
		return ""
	}
	s, _ := l.text(e, "event")
	l.point(e)
	return s
}

func (l *loader) noneOf(f map[string]entry) []string {
	e, ok := f["none_of"]
	if !ok {
		return nil
	}
	return l.texts(e, "none_of", 1)
}

func (l *loader) duration(e entry, what string) int64 {
	if e.node == nil && e.path == "" {
		return 0
	}
	n := l.value(e.path, e.node)
	if n == nil {
		return 0
	}
	s, ok := n.(*ast.StringNode)
	if !ok {
		l.fault(e.path, placeOf(n), "%s: %v", what, fmt.Errorf("%s: %w", n.String(), errDuration))
		return 0
	}
	ms, err := ParseDuration(s.Value)
	if err != nil {
		l.fault(e.path, placeOf(n), "%s: %v", what, err)
	}
	return ms
}

// point makes faults of the rules point at the value instead of its key.
func (l *loader) point(e entry) {
	if e.node != nil {
		l.places[e.path] = placeOf(e.node)
	}
}
