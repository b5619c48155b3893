package cohort

import (
	"math"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// ValueKind says what a Value is.
type ValueKind uint8

// Kinds of values. They stand in states: their numbers never change.
const (
	ValueNone ValueKind = iota // removed, or never told
	ValueText
	ValueNumber
	ValueTrue
	ValueFalse
)

// Value is one property or attribute: a scalar.
type Value struct {
	Kind   ValueKind
	Text   string
	Number float64
}

// Properties shows an event's properties as Values. Nested ones are not there.
type Properties struct{ Of *event.Properties }

// Value implements Values.
func (p Properties) Value(name string) (Value, bool) {
	if p.Of == nil {
		return Value{}, false
	}
	if s, ok := p.Of.Strings[name]; ok {
		return Value{Kind: ValueText, Text: s}, true
	}
	if n, ok := p.Of.Numbers[name]; ok {
		return Value{Kind: ValueNumber, Number: n}, true
	}
	if b, ok := p.Of.Booleans[name]; ok {
		return truthValue(b), true
	}
	return Value{}, false
}

func truthValue(b bool) Value {
	if b {
		return Value{Kind: ValueTrue}
	}
	return Value{Kind: ValueFalse}
}

// tells gives what an event says about an attribute: a value, its removal, or nothing
// (false). A text that is too long is kept as its beginning, since a predicate that
// asks for more than that is a mistake.
func tells(p *event.Properties, name string) (Value, bool) {
	v, ok := Properties{p}.Value(name)
	if !ok && p != nil {
		// Null takes an attribute away; so does a value of a kind that no predicate can read.
		_, ok = p.Nested[name]
	}
	if len(v.Text) > MaxText {
		v.Text = v.Text[:MaxText]
	}
	return v, ok
}

// amountScale: sums are counted in ten-thousandths, so that they are exact and no
// order of adding matters.
const amountScale = 10_000

// amount reads a numeric property for a sum; 0 where it counts nothing.
func amount(p *event.Properties, name string) int64 {
	if p == nil {
		return 0
	}
	return scaled(p.Numbers[name])
}

func scaled(v float64) int64 {
	switch {
	case !(v > 0): // NaN too
		return 0
	case v >= MaxSum:
		return int64(MaxSum * amountScale)
	default:
		return int64(math.Round(v * amountScale))
	}
}
