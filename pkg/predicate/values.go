package predicate

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// activation gives an expression its only variable, without a map for each event.
type activation struct {
	subject string
	values  values
}

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	if name != a.subject {
		return nil, false
	}
	return &a.values, true
}

// Parent implements cel.Activation.
func (a *activation) Parent() cel.Activation { return nil }

// values shows cohort.Values as a map of CEL, of which only lookups work: an expression
// that counts or walks the names would depend on what else an event carries.
type values struct{ of cohort.Values }

var _ traits.Mapper = (*values)(nil)

// Find implements traits.Mapper.
func (v *values) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	x, ok := v.of.Value(string(name))
	if !ok {
		return nil, false
	}
	switch x.Kind {
	case cohort.ValueText:
		return types.String(x.Text), true
	case cohort.ValueNumber:
		return types.Double(x.Number), true
	case cohort.ValueTrue:
		return types.True, true
	case cohort.ValueFalse:
		return types.False, true
	case cohort.ValueNone:
	}
	return nil, false
}

// Get implements traits.Indexer.
func (v *values) Get(key ref.Val) ref.Val {
	if x, ok := v.Find(key); ok {
		return x
	}
	return types.NewErr("no such name: %v", key)
}

// Contains implements traits.Container.
func (v *values) Contains(key ref.Val) ref.Val {
	_, ok := v.Find(key)
	return types.Bool(ok)
}

// Size implements traits.Sizer.
func (v *values) Size() ref.Val { return types.NewErr("names cannot be counted") }

// Iterator implements traits.Iterable.
func (v *values) Iterator() traits.Iterator {
	return types.NewRefValMap(types.DefaultTypeAdapter, nil).Iterator()
}

// ConvertToNative implements ref.Val.
func (v *values) ConvertToNative(reflect.Type) (any, error) { return nil, errNative }

// ConvertToType implements ref.Val.
func (v *values) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("%s", fmt.Sprintf("no conversion to %s", t.TypeName()))
}

// Equal implements ref.Val.
func (v *values) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(v) == other) }

// Type implements ref.Val.
func (v *values) Type() ref.Type { return types.MapType }

// Value implements ref.Val.
func (v *values) Value() any { return v.of }

// sizes tells the estimate how large what comes in can be.
type sizes struct{}

// EstimateSize implements checker.CostEstimator.
func (sizes) EstimateSize(cost.AstNode) *cost.SizeEstimate {
	return &cost.SizeEstimate{Min: 0, Max: maxText}
}

// EstimateCallCost implements checker.CostEstimator.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
