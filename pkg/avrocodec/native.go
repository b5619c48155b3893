package avrocodec

import (
	"fmt"
	"time"

	"github.com/linkedin/goavro/v2"
)

// goavro's names for the branches of our unions.
const (
	branchText = "string"
	branchLong = "long"
	branchInt  = "int"
	branchTime = "long.timestamp-millis"
)

// reference is the codec on goavro: a record as a map from field names to values.
type reference[T any] struct {
	codec    *goavro.Codec
	toMap    func(v *T) map[string]any
	fromMap  func(m fields, v *T)
	standing string // what is decoded, for errors
}

func (c reference[T]) Append(dst []byte, v *T) ([]byte, error) {
	b, err := c.codec.BinaryFromNative(dst, c.toMap(v))
	if err != nil {
		return dst, fmt.Errorf("encode %s: %w", c.standing, err)
	}
	return b, nil
}

func (c reference[T]) Decode(body []byte, v *T) error {
	native, rest, err := c.codec.NativeFromBinary(body)
	if err != nil {
		return fmt.Errorf("decode %s: %w: %w", c.standing, ErrMalformed, err)
	}
	if len(rest) > 0 {
		return fmt.Errorf("decode %s: %w: %d bytes are left after the last field", c.standing, ErrMalformed, len(rest))
	}
	m, ok := native.(map[string]any)
	if !ok {
		return fmt.Errorf("decode %s: %w: not a record", c.standing, ErrMalformed)
	}
	var fault error
	*v = *new(T)
	c.fromMap(fields{m, &fault}, v)
	if fault != nil {
		return fmt.Errorf("decode %s: %w: %w", c.standing, ErrMalformed, fault)
	}
	return nil
}

// opt is a value of a null-first union, null when it is the zero value.
func opt[V comparable](branch string, v V) any {
	var zero V
	if v == zero {
		return nil
	}
	return map[string]any{branch: v}
}

// some is a value of a null-first union that is never null.
func some(branch string, v any) any { return map[string]any{branch: v} }

func nativeMap[V any](m map[string]V) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// fields reads a native record; the first value of a wrong type is the fault.
type fields struct {
	m     map[string]any
	fault *error
}

func field[V any](f fields, name string) V {
	v, ok := f.m[name].(V)
	if !ok && *f.fault == nil {
		*f.fault = fmt.Errorf("field %s is %T, want %T", name, f.m[name], v)
	}
	return v
}

func (f fields) text(name string) string { return field[string](f, name) }
func (f fields) long(name string) int64  { return field[int64](f, name) }
func (f fields) int(name string) int32   { return field[int32](f, name) }
func (f fields) bool(name string) bool   { return field[bool](f, name) }
func (f fields) bytes(name string) []byte {
	return field[[]byte](f, name)
}
func (f fields) time(name string) int64 { return field[time.Time](f, name).UnixMilli() }

// branch reads a null-first union; null gives the zero value.
func branch[V any](f fields, name, of string) (v V) {
	if f.m[name] == nil {
		return v
	}
	return field[V](fields{field[map[string]any](f, name), f.fault}, of)
}

func (f fields) optText(name string) string { return branch[string](f, name, branchText) }
func (f fields) optLong(name string) int64  { return branch[int64](f, name, branchLong) }
func (f fields) optInt(name string) int32   { return branch[int32](f, name, branchInt) }
func (f fields) optTime(name string) int64 {
	if f.m[name] == nil {
		return 0
	}
	return branch[time.Time](f, name, branchTime).UnixMilli()
}

func mapOf[V any](f fields, name string) map[string]V {
	native := field[map[string]any](f, name)
	if len(native) == 0 {
		return nil
	}
	out := make(map[string]V, len(native))
	for k := range native {
		out[k] = field[V](fields{native, f.fault}, k)
	}
	return out
}

func listOf[V any](f fields, name string, item func(f fields) V) []V {
	var out []V
	for _, native := range field[[]any](f, name) {
		m, ok := native.(map[string]any)
		if !ok {
			m = map[string]any{"": native} // a list of plain values: one field without a name
		}
		out = append(out, item(fields{m, f.fault}))
	}
	return out
}
