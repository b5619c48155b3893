package catalogue

import (
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// Property is what an event declares of one of its properties.
type Property struct {
	Name     string
	Type     string // one of propertyTypes
	Required bool
}

var propertyTypes = []string{"string", "number", "boolean", "any"}

func typeOf(word string) predicate.Type {
	switch word {
	case "string":
		return predicate.Text
	case "number":
		return predicate.Number
	case "boolean":
		return predicate.Truth
	default:
		return predicate.Any
	}
}

// properties reads what an event declares: a type by name, or a mapping with type and required.
func (l *loader) properties(key string, e entry) (list []Property) {
	entries, ok := l.mapping(e.path, "properties", e.node)
	if !ok {
		return nil
	}
	declared := make(map[string]predicate.Type, len(entries))
	for _, p := range entries {
		property := Property{Name: p.key}
		if _, short := l.value(p.path, p.node).(*ast.StringNode); short {
			property.Type = l.choice(p, "type", propertyTypes)
		} else if f, ok := l.fields(p.path, "a property", p.node, []string{"type", "required", "description"}, []string{"type"}); ok {
			if t, ok := f["type"]; ok {
				property.Type = l.choice(t, "type", propertyTypes)
			}
			property.Required = l.truth(f, "required")
			l.optional(f, "description")
		}
		declared[p.key] = typeOf(property.Type)
		list = append(list, property)
	}
	if l.declared == nil {
		l.declared = make(map[string]map[string]predicate.Type)
	}
	l.declared[key] = declared
	return list
}

// truth reads true or false; false where nothing is said.
func (l *loader) truth(f map[string]entry, name string) bool {
	e, ok := f[name]
	if !ok {
		return false
	}
	b, ok := l.value(e.path, e.node).(*ast.BoolNode)
	if !ok {
		l.fault(e.path, placeOf(e.node), "%s has to be true or false", name)
		return false
	}
	return b.Value
}

// declaredBy gives what the event of a condition declares; nil = nothing.
func (l *loader) declaredBy(f map[string]entry) map[string]predicate.Type {
	if s, ok := f["event"].node.(*ast.StringNode); ok {
		return l.declared[s.Value]
	}
	return nil
}

// summable refuses a sum over a property that is declared to be something else than a number.
func (l *loader) summable(f map[string]entry, property string) {
	declared := l.declaredBy(f)
	if declared == nil || property == "" {
		return
	}
	e := f["property"]
	switch t, ok := declared[property]; {
	case !ok:
		known := make([]string, 0, len(declared))
		for name, t := range declared {
			if t == predicate.Number || t == predicate.Any {
				known = append(known, name)
			}
		}
		slices.Sort(known)
		l.fault(e.path, placeOf(e.node), "the event declares no property %q%s", property, suggest(property, known))
	case t != predicate.Number && t != predicate.Any:
		l.fault(e.path, placeOf(e.node), "property %q is declared to be no number: sums add numbers", property)
	}
}
