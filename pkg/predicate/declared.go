package predicate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// Type is what the values of a declared name are.
type Type uint8

// Types.
const (
	Any Type = iota // not said
	Text
	Number
	Truth
)

var celTypes = map[Type]*types.Type{Any: types.DynType, Text: types.StringType, Number: types.DoubleType, Truth: types.BoolType}

// provider knows one structure, whose fields are the declared names.
type provider struct {
	*types.Registry
	name     string
	declared map[string]Type
}

// FindStructType implements types.Provider.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if name == p.name {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldNames implements types.Provider.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	if name == p.name {
		return slices.Sorted(maps.Keys(p.declared)), true
	}
	return p.Registry.FindStructFieldNames(name)
}

// FindStructFieldType implements types.Provider.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name != p.name {
		return p.Registry.FindStructFieldType(name, field)
	}
	t, ok := p.declared[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{Type: celTypes[t]}, true
}

// checkDeclared checks names and types against what is declared. Only the check is made
// on a structure: what runs looks names up, since any of them can be missing.
func checkDeclared(text string, about Subject, declared map[string]Type) error {
	registry, err := types.NewRegistry()
	if err != nil {
		return &Error{1, 1, err.Error()}
	}
	const structure = "cohortflow.Declared"
	env, err := cel.NewEnv(
		cel.CustomTypeProvider(&provider{Registry: registry, name: structure, declared: declared}),
		cel.Variable(string(about), cel.ObjectType(structure)),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(maxSize),
		cel.ClearMacros(), cel.Macros(cel.HasMacro),
	)
	if err != nil {
		return &Error{1, 1, err.Error()}
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		return first(issues, about)
	}
	d := declaration{about: about, declared: declared, tree: parsed.NativeRep(), make: ast.NewExprFactory()}
	ast.PostOrderVisit(d.tree.Expr(), ast.NewExprVisitor(d.visit))
	if d.fault != nil {
		return d.fault
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return first(issues, about)
	}
	return truth(checked)
}

type declaration struct {
	about    Subject
	declared map[string]Type
	tree     *ast.AST
	make     ast.ExprFactory
	fault    error
}

func (d *declaration) visit(e ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		if s := e.AsSelect(); isIdent(s.Operand(), d.about) {
			d.known(e, s.FieldName())
		}
	case ast.CallKind:
		c := e.AsCall()
		switch args := c.Args(); {
		case c.FunctionName() == operators.Index && len(args) == 2 && isIdent(args[0], d.about):
			// properties["total"] is properties.total.
			if name, ok := literalText(args[1]); ok {
				d.known(e, name)
				e.SetKindCase(d.make.NewSelect(e.ID(), args[0], name))
			}
		case len(args) == 2 && (c.FunctionName() == operators.Equals || c.FunctionName() == operators.NotEquals || c.FunctionName() == operators.In):
			// Numbers are all of one kind: total == 100 means 100.0.
			for i, other := range args {
				if d.isNumber(other) {
					d.widen(args[1-i])
				}
			}
		}
	default:
	}
}

func (d *declaration) known(e ast.Expr, name string) {
	if _, ok := d.declared[name]; ok || d.fault != nil {
		return
	}
	at := placeOf(d.tree, e)
	at.Message = fmt.Sprintf("the event declares no property %q%s", name, suggest(name, slices.Sorted(maps.Keys(d.declared))))
	d.fault = at
}

func (d *declaration) isNumber(e ast.Expr) bool {
	if e.Kind() != ast.SelectKind {
		return false
	}
	s := e.AsSelect()
	return isIdent(s.Operand(), d.about) && d.declared[s.FieldName()] == Number
}

func (d *declaration) widen(e ast.Expr) {
	switch e.Kind() {
	case ast.LiteralKind:
		if n, ok := e.AsLiteral().(types.Int); ok {
			e.SetKindCase(d.make.NewLiteral(e.ID(), types.Double(n)))
		}
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			d.widen(x)
		}
	default:
	}
}

func isIdent(e ast.Expr, about Subject) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == string(about)
}

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// placeOf gives where something that is read of the subject stands.
func placeOf(tree *ast.AST, e ast.Expr) *Error {
	fault := &Error{Line: 1, Column: 1}
	if at := tree.SourceInfo().GetStartLocation(e.ID()); at.Line() > 0 {
		fault.Line, fault.Column = at.Line(), at.Column()+1
	}
	return fault
}

// suggest names the declared name that shares the longest beginning, else all.
func suggest(name string, known []string) string {
	best, length := "", 2
	for _, k := range known {
		n := 0
		for n < len(k) && n < len(name) && strings.EqualFold(k[n:n+1], name[n:n+1]) {
			n++
		}
		if n > length {
			best, length = k, n
		}
	}
	if best != "" {
		return fmt.Sprintf(": did you mean %q?", best)
	}
	return ": it has " + strings.Join(known, ", ")
}
