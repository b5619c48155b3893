package predicate

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// maxProbes bounds the values that NeverHolds tries.
const maxProbes = 20_000

// literals are what an expression compares with. They say which values make a difference.
type literals struct {
	texts   []string
	numbers []float64
	open    bool // it computes, so that other values could make one too
}

//nolint:gochecknoglobals // a table
var comparing = []string{
	operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional, operators.Equals, operators.NotEquals,
	operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.In, operators.Index,
	"contains", "startsWith", "endsWith",
}

func (l *literals) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		switch v := e.AsLiteral().(type) {
		case types.String:
			l.texts = append(l.texts, string(v))
		case types.Int:
			l.numbers = append(l.numbers, float64(v))
		case types.Uint:
			l.numbers = append(l.numbers, float64(v))
		case types.Double:
			l.numbers = append(l.numbers, float64(v))
		case types.Bool:
		default:
			l.open = true
		}
	case ast.CallKind:
		l.open = l.open || !slices.Contains(comparing, e.AsCall().FunctionName())
	default:
	}
}

// values lists one value of each kind that the expression can tell apart.
func (l *literals) values() []cohort.Value {
	list := []cohort.Value{{}, {Kind: cohort.ValueTrue}, {Kind: cohort.ValueFalse}, {Kind: cohort.ValueText}, {Kind: cohort.ValueText, Text: "\x00"}}
	for _, a := range l.texts {
		list = append(list, cohort.Value{Kind: cohort.ValueText, Text: a}, cohort.Value{Kind: cohort.ValueText, Text: a + "\x00"})
		for _, b := range l.texts {
			list = append(list, cohort.Value{Kind: cohort.ValueText, Text: a + b})
		}
	}
	numbers := slices.Clone(l.numbers)
	slices.Sort(numbers)
	for i, n := range numbers {
		list = append(list, cohort.Value{Kind: cohort.ValueNumber, Number: n})
		if i > 0 {
			list = append(list, cohort.Value{Kind: cohort.ValueNumber, Number: (n + numbers[i-1]) / 2})
		}
	}
	if n := len(numbers); n > 0 {
		list = append(list, cohort.Value{Kind: cohort.ValueNumber, Number: numbers[0] - 1}, cohort.Value{Kind: cohort.ValueNumber, Number: numbers[n-1] + 1})
	}
	return list
}

// trial is one choice of values.
type trial map[string]cohort.Value

// Value implements cohort.Values.
func (t trial) Value(name string) (cohort.Value, bool) {
	v := t[name]
	return v, v.Kind != cohort.ValueNone
}

// NeverHolds says whether no values at all make the predicate true. It is sure of what it
// says, but says it only of expressions that compare, and of few names at a time.
func (p *Predicate) NeverHolds() bool {
	if p.literals.open {
		return false
	}
	values := p.literals.values()
	tries := 1
	for range p.names {
		if tries *= len(values); tries > maxProbes {
			return false
		}
	}
	t := make(trial, len(p.names))
	for n := range tries {
		for _, name := range p.names {
			t[name] = values[n%len(values)]
			n /= len(values)
		}
		if p.Holds(t) {
			return false
		}
	}
	return true
}
