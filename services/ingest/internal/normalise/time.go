package normalise

import (
	"strconv"
	"strings"
	"time"

	"github.com/cohortflow/cohortflow/services/ingest/internal/wire"
)

// latest is the end of the year 9999. A time beyond it has another unit than its
// path says.
const latest = 253402300799999

// Seconds reads a time of the Track API or of a reporting webhook: unix seconds, as a
// number or as text. 0 = not said.
func Seconds(field string, v wire.Value) (ms int64, fault *Fault) {
	return number(field, v, 1000)
}

// Instant reads a time of the Pipelines API: ISO 8601 text, or a bare number of
// milliseconds. 0 = not said.
func Instant(field string, v wire.Value) (ms int64, fault *Fault) {
	if v.Kind() != wire.String {
		return number(field, v, 1)
	}
	text := strings.TrimSpace(v.Text())
	if text == "" {
		return 0, nil
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return within(field, t.UnixMilli())
		}
	}
	return number(field, v, 1)
}

// layouts: RFC 3339 with any fraction first, for nearly all have it.
//
//nolint:gochecknoglobals // a table
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05", time.DateOnly}

func number(field string, v wire.Value, unit int64) (int64, *Fault) {
	var text string
	switch v.Kind() {
	case wire.Absent, wire.Null:
		return 0, nil
	case wire.Number:
		text = string(v.Raw())
	case wire.String:
		if text = strings.TrimSpace(v.Text()); text == "" {
			return 0, nil
		}
	default:
		return 0, Unfit(ReasonTimestamp, field, "a time is a number or text")
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		if whole > latest/unit {
			return within(field, latest+1)
		}
		return within(field, whole*unit)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f {
		return 0, Unfit(ReasonTimestamp, field, "the time cannot be read: give ISO 8601 (Pipelines) or unix seconds (Track, reporting)")
	}
	if f *= float64(unit); f > latest || f < 0 {
		return within(field, -1)
	}
	return within(field, int64(f+0.5))
}

func within(field string, ms int64) (int64, *Fault) {
	if ms < 0 || ms > latest {
		return 0, Unfit(ReasonTimestamp, field, "the time lies before 1970 or after 9999: look at the unit, seconds for Track and reporting, milliseconds for Pipelines")
	}
	return ms, nil
}
