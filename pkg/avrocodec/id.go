package avrocodec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// FormatID returns a transition id as it stands in every topic:
// "<partition>-<offset>-<ordinal>", decimal, no leading zeros. None of the three
// is negative in an id of a transition.
func FormatID(id cohort.ID) string { return string(AppendID(nil, id)) }

// AppendID is FormatID into dst.
func AppendID(dst []byte, id cohort.ID) []byte {
	dst = strconv.AppendInt(dst, int64(id.Partition), 10)
	dst = strconv.AppendInt(append(dst, '-'), id.Offset, 10)
	return strconv.AppendInt(append(dst, '-'), int64(id.Ordinal), 10)
}

// ParseID is the inverse of FormatID. It takes that one form only, so that equal
// ids are equal texts.
func ParseID(s string) (cohort.ID, error) {
	p, rest, ok1 := strings.Cut(s, "-")
	o, n, ok2 := strings.Cut(rest, "-")
	partition, ok3 := parseCount(p, math.MaxInt32)
	offset, ok4 := parseCount(o, math.MaxInt64)
	ordinal, ok5 := parseCount(n, math.MaxInt32)
	if !(ok1 && ok2 && ok3 && ok4 && ok5) {
		return cohort.ID{}, fmt.Errorf("parse transition id %.64q: %w: want <partition>-<offset>-<ordinal>", s, ErrMalformed)
	}
	return cohort.ID{Partition: int32(partition), Offset: offset, Ordinal: int32(ordinal)}, nil
}

func parseCount(s string, most int64) (int64, bool) {
	if s == "" || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var v int64
	for _, c := range []byte(s) {
		d := int64(c) - '0'
		if d < 0 || d > 9 || v > (most-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	return v, true
}

// maxIDLen is enough for three negative extremes.
const maxIDLen = 11 + 1 + 20 + 1 + 11

func appendIDText(dst []byte, id cohort.ID) []byte {
	var buf [maxIDLen]byte
	return appendBytes(dst, AppendID(buf[:0], id))
}

func (r *reader) id() cohort.ID {
	start := r.i
	id, err := ParseID(r.text())
	if err != nil && r.err == nil {
		r.i = start
		r.fail("transition id: want <partition>-<offset>-<ordinal>")
	}
	return id
}
