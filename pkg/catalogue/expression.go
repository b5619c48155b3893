package catalogue

import (
	"errors"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/predicate"
)

// where reads the test of an event's properties; nil where there is none.
func (l *loader) where(f map[string]entry) cohort.Predicate {
	e, ok := f["where"]
	if !ok {
		return nil
	}
	return l.predicate(e, predicate.Properties, l.declaredBy(f))
}

// predicate reads an expression; nil with a fault, which points into the expression
// where that is on one line.
func (l *loader) predicate(e entry, about predicate.Subject, declared map[string]predicate.Type) cohort.Predicate {
	text, ok := l.text(e, e.key)
	if !ok {
		return nil
	}
	p, err := predicate.Compile(text, about, declared)
	if err == nil {
		return p
	}
	at := placeOf(e.node)
	if fault, ok := errors.AsType[*predicate.Error](err); ok && fault.Line == 1 {
		if s, ok := e.node.(*ast.StringNode); ok {
			at.column += fault.Column - 1
			if t := s.GetToken(); t != nil && (t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType) {
				at.column++
			}
		}
	}
	l.fault(e.path, at, "%s: %v", e.key, err)
	return nil
}
