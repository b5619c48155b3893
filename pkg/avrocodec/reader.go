package avrocodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unsafe"
)

// ErrMalformed is wrapped by every error about the bytes themselves: the same
// input will fail again.
var ErrMalformed = errors.New("malformed record")

// SchemaID returns the schema id that a record's value carries.
func SchemaID(b []byte) (uint32, error) {
	if len(b) < headerLen {
		return 0, fmt.Errorf("read schema id: %w: %d bytes, and the header alone takes %d", ErrMalformed, len(b), headerLen)
	}
	if b[0] != 0 {
		return 0, fmt.Errorf("read schema id: %w: first byte is %#02x, want 0x00 (Confluent wire format)", ErrMalformed, b[0])
	}
	return binary.BigEndian.Uint32(b[1:headerLen]), nil
}

// reader walks over an Avro body. The first error sticks and ends the input, so
// that callers check once, at the end.
type reader struct {
	b   []byte
	i   int // never beyond len(b)
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: at byte %d of %d: %s", ErrMalformed, r.i, len(r.b), fmt.Sprintf(format, args...))
	}
	r.i = len(r.b)
}

// open checks the header and stands before the body.
func (r *reader) open(b []byte) {
	r.b = b
	if len(b) < headerLen || b[0] != 0 {
		_, r.err = SchemaID(b)
		r.i = len(b)
		return
	}
	r.i = headerLen
}

// end gives the outcome of reading a whole record.
func (r *reader) end(topic string) error {
	if r.err == nil && r.i != len(r.b) {
		r.fail("%d bytes are left after the last field; the writer's schema is another one", len(r.b)-r.i)
	}
	return r.outcome(topic)
}

// outcome is end for a reader that stops early.
func (r *reader) outcome(topic string) error {
	if r.err != nil {
		return fmt.Errorf("decode %s: %w", topic, r.err)
	}
	return nil
}

func (r *reader) long() int64 {
	if r.i < len(r.b) {
		if c := r.b[r.i]; c < 0x80 {
			r.i++
			return int64(c>>1) ^ -int64(c&1)
		}
	}
	return r.longSlow()
}

func (r *reader) longSlow() int64 {
	v, n := binary.Varint(r.b[r.i:])
	if n <= 0 {
		r.fail("a number is cut off or longer than 64 bits")
		return 0
	}
	r.i += n
	return v
}

// int32 reads an Avro int.
func (r *reader) int32() int32 {
	v := r.long()
	if v != int64(int32(v)) {
		r.fail("%d does not fit an int", v)
		return 0
	}
	return int32(v)
}

func (r *reader) bool() bool {
	if r.i >= len(r.b) || r.b[r.i] > 1 {
		r.fail("a boolean is missing or neither 0 nor 1")
		return false
	}
	r.i++
	return r.b[r.i-1] == 1
}

func (r *reader) double() float64 {
	if len(r.b)-r.i < 8 {
		r.fail("a double is cut off")
		return 0
	}
	v := math.Float64frombits(binary.LittleEndian.Uint64(r.b[r.i:]))
	r.i += 8
	return v
}

// bytes aliases the input; its capacity ends with it.
func (r *reader) bytes() []byte {
	n := r.long()
	if uint64(n) > uint64(len(r.b)-r.i) {
		r.fail("a length of %d, and %d bytes are left", n, len(r.b)-r.i)
		return nil
	}
	end := r.i + int(n)
	s := r.b[r.i:end:end]
	r.i = end
	return s
}

// text aliases the input.
func (r *reader) text() string {
	s := r.bytes()
	return unsafe.String(unsafe.SliceData(s), len(s))
}

// present reads the branch of a null-first union.
func (r *reader) present() bool {
	if r.i < len(r.b) {
		switch r.b[r.i] {
		case branchNull:
			r.i++
			return false
		case branchValue:
			r.i++
			return true
		}
	}
	r.fail("a union's branch is missing or neither 0 nor 1")
	return false
}

func (r *reader) optText() string {
	if !r.present() {
		return ""
	}
	return r.text()
}

func (r *reader) optLong() int64 {
	if !r.present() {
		return 0
	}
	return r.long()
}

// addedTime reads an optional time that a later version of the schema put at its
// end: a record of an earlier version ends before it, which says 0.
func (r *reader) addedTime() int64 {
	if r.i == len(r.b) {
		return 0
	}
	return r.optLong()
}

// block reads the head of a block of an array or map and returns its count, 0
// at the end. Every item takes at least least bytes, so a count is never larger
// than the input that is there for it.
func (r *reader) block(least int) int {
	n := r.long()
	if n < 0 {
		n = -n // the smallest int64 stays negative and is refused below
		if size := r.long(); uint64(size) > uint64(len(r.b)-r.i) {
			r.fail("a block of %d bytes, and %d are left", size, len(r.b)-r.i)
			return 0
		}
	}
	if uint64(n) > uint64(len(r.b)-r.i)/uint64(least) {
		r.fail("a count of %d, and %d bytes are left", n, len(r.b)-r.i)
		return 0
	}
	return int(n)
}

// Maps are used again: cleared, and made only when there is something to put in.

func (r *reader) texts(m map[string]string) map[string]string {
	clear(m)
	for n := r.block(2); n > 0; n = r.block(2) {
		if m == nil {
			m = make(map[string]string, n)
		}
		for ; n > 0 && r.err == nil; n-- {
			k := r.text()
			m[k] = r.text()
		}
	}
	return m
}

func (r *reader) numbers(m map[string]float64) map[string]float64 {
	clear(m)
	for n := r.block(9); n > 0; n = r.block(9) {
		if m == nil {
			m = make(map[string]float64, n)
		}
		for ; n > 0 && r.err == nil; n-- {
			k := r.text()
			m[k] = r.double()
		}
	}
	return m
}

func (r *reader) booleans(m map[string]bool) map[string]bool {
	clear(m)
	for n := r.block(2); n > 0; n = r.block(2) {
		if m == nil {
			m = make(map[string]bool, n)
		}
		for ; n > 0 && r.err == nil; n-- {
			k := r.text()
			m[k] = r.bool()
		}
	}
	return m
}
