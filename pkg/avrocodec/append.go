package avrocodec

import (
	"encoding/binary"
	"math"
	"slices"
)

// headerLen is the zero byte and the schema id before every body.
const headerLen = 5

func appendHeader(dst []byte, id uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), id)
}

// Avro's long and int are the zig-zag varint of encoding/binary.
func appendLong(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendVarint(dst, int64(len(s))), s...)
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// The branches of a null-first union, as a zig-zag long.
const (
	branchNull  = 0
	branchValue = 2
)

// appendOptText writes ["null","string"]; empty is null.
func appendOptText(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, branchNull)
	}
	return appendText(append(dst, branchValue), s)
}

// appendOptTime writes ["null",timestamp-millis]; 0 is null.
func appendOptTime(dst []byte, v int64) []byte {
	if v == 0 {
		return append(dst, branchNull)
	}
	return appendLong(append(dst, branchValue), v)
}

// keysOnStack is how many keys of a map are sorted without allocating.
const keysOnStack = 32

// Maps are written by sorted key, so that equal records are equal bytes.
func sortedKeys[V any](buf []string, m map[string]V) []string {
	for k := range m {
		buf = append(buf, k)
	}
	slices.Sort(buf)
	return buf
}

func appendTexts(dst []byte, m map[string]string) []byte {
	if len(m) == 0 {
		return append(dst, 0)
	}
	dst = appendLong(dst, int64(len(m)))
	var buf [keysOnStack]string
	for _, k := range sortedKeys(buf[:0], m) {
		dst = appendText(appendText(dst, k), m[k])
	}
	return append(dst, 0)
}

func appendNumbers(dst []byte, m map[string]float64) []byte {
	if len(m) == 0 {
		return append(dst, 0)
	}
	dst = appendLong(dst, int64(len(m)))
	var buf [keysOnStack]string
	for _, k := range sortedKeys(buf[:0], m) {
		dst = binary.LittleEndian.AppendUint64(appendText(dst, k), math.Float64bits(m[k]))
	}
	return append(dst, 0)
}

func appendBooleans(dst []byte, m map[string]bool) []byte {
	if len(m) == 0 {
		return append(dst, 0)
	}
	dst = appendLong(dst, int64(len(m)))
	var buf [keysOnStack]string
	for _, k := range sortedKeys(buf[:0], m) {
		dst = appendBool(appendText(dst, k), m[k])
	}
	return append(dst, 0)
}
