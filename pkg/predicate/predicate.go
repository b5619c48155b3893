// Package predicate is the expression language of catalogues: CEL over an event's
// properties or a person's attributes. It is the only importer of cel-go. A predicate
// depends on nothing but what it is asked about: no clock, no random number.
package predicate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Subject is what an expression speaks of: the name of its only variable.
type Subject string

// Subjects.
const (
	Properties Subject = "properties" // of an event
	Attributes Subject = "attributes" // of a person
)

const (
	maxSize = 2048   // characters of an expression
	maxCost = 10_000 // estimated steps for one event; texts count by their length
	maxText = 256    // characters that texts are taken to have at most, for the estimate
)

// Predicate is a compiled expression. It may be used by many at once.
type Predicate struct {
	text    string
	names   []string
	subject Subject
	program cel.Program

	literals literals
}

// Error is a fault of an expression.
type Error struct {
	Line, Column int // within the expression, from 1
	Message      string
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Compile checks an expression. Declared are the names that there are, with their types;
// nil = any, of any type. The error is an *Error.
func Compile(text string, about Subject, declared map[string]Type) (*Predicate, error) {
	if strings.TrimSpace(text) == "" {
		return nil, &Error{1, 1, fmt.Sprintf("the expression is empty: write %s.total >= 100, for example", about)}
	}
	env, err := cel.NewEnv(
		cel.Variable(string(about), cel.MapType(cel.StringType, cel.DynType)),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxSize),
		cel.ClearMacros(), cel.Macros(cel.HasMacro),
	)
	if err != nil {
		return nil, &Error{1, 1, err.Error()}
	}
	checked, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, first(issues, about)
	}
	if err := truth(checked); err != nil {
		return nil, err
	}
	r := reading{about: about, checked: checked.NativeRep()}
	ast.PostOrderVisit(r.checked.Expr(), ast.NewExprVisitor(r.visit))
	if r.fault != nil {
		return nil, r.fault
	}
	if declared != nil {
		if err := checkDeclared(text, about, declared); err != nil {
			return nil, err
		}
	}
	if cost, err := env.EstimateCost(checked, sizes{}); err != nil {
		return nil, &Error{1, 1, err.Error()}
	} else if cost.Max > maxCost {
		return nil, &Error{1, 1, fmt.Sprintf("the expression may take %d steps for one event, more than %d: simplify it", cost.Max, maxCost)}
	}
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, &Error{1, 1, err.Error()}
	}
	canonical, err := cel.AstToString(checked)
	if err != nil {
		canonical = text
	}
	slices.Sort(r.names)
	p := &Predicate{text: canonical, names: slices.Compact(r.names), subject: about, program: program}
	ast.PostOrderVisit(r.checked.Expr(), ast.NewExprVisitor(p.literals.visit))
	return p, nil
}

func truth(checked *cel.Ast) error {
	if k := checked.OutputType().Kind(); k != types.BoolKind && k != types.DynKind {
		return &Error{1, 1, fmt.Sprintf("the expression gives %s, not true or false: compare it with something", checked.OutputType())}
	}
	return nil
}

func first(issues *cel.Issues, about Subject) error {
	if list := issues.Errors(); len(list) > 0 {
		message := list[0].Message
		if name, ok := strings.CutPrefix(message, "undeclared reference to '"); ok {
			name, _, _ = strings.Cut(name, "'")
			message = fmt.Sprintf("unknown name %q: the expression speaks of %s, as in %s.%s", name, about, about, name)
		}
		return &Error{max(1, list[0].Location.Line()), list[0].Location.Column() + 1, message}
	}
	return &Error{1, 1, issues.Err().Error()}
}

// reading finds the names that an expression reads.
type reading struct {
	about   Subject
	checked *ast.AST
	names   []string
	fault   error
}

func (r *reading) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); isIdent(s.Operand(), r.about) {
			r.name(s.FieldName(), e)
		}
	case ast.CallKind:
		c := e.AsCall()
		args := c.Args()
		switch {
		case c.FunctionName() == "matches" && len(args) > 0:
			if _, ok := literalText(args[len(args)-1]); !ok {
				r.fail(e, "matches needs its pattern in quotes: one that an event sends cannot be checked beforehand")
			}
			return
		case c.FunctionName() == operators.In && len(args) == 2 && isIdent(args[1], r.about):
			if name, ok := literalText(args[0]); ok {
				r.name(name, e)
				return
			}
		case c.FunctionName() == operators.Index && len(args) == 2 && isIdent(args[0], r.about):
			if name, ok := literalText(args[1]); ok {
				r.name(name, e)
				return
			}
		default:
			return
		}
		r.fail(e, "%s needs a name in quotes here: which ones are read has to be known beforehand", r.about)
	default:
	}
}

// personal data must not come to stand in the state of a person.
var personal = []string{"email", "phone", "phone_number", "first_name", "last_name"} //nolint:gochecknoglobals // a table

func (r *reading) name(name string, e ast.Expr) {
	r.names = append(r.names, name)
	if r.about == Attributes && slices.Contains(personal, strings.ToLower(name)) {
		r.fail(e, "attribute %q is personal data, which is not kept in states: ask about an attribute that Customer.io computes from it", name)
	}
}

func (r *reading) fail(e ast.Expr, format string, args ...any) {
	if r.fault != nil {
		return
	}
	fault := placeOf(r.checked, e)
	fault.Message = fmt.Sprintf(format, args...)
	r.fault = fault
}

// Holds implements cohort.Predicate.
func (p *Predicate) Holds(v cohort.Values) bool {
	out, _, err := p.program.Eval(&activation{subject: string(p.subject), values: values{v}})
	if err != nil {
		return false // something is missing or of another type
	}
	return out == types.True
}

// Text implements cohort.Predicate: the expression without regard to white space.
func (p *Predicate) Text() string { return p.text }

// Attributes implements cohort.Predicate.
func (p *Predicate) Attributes() []string { return p.names }

var errNative = errors.New("values of an event are no native map")
