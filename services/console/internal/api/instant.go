package api

import (
	"time"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

// Instants are told as RFC 3339 in UTC with milliseconds, as the core counts.
const layout = "2006-01-02T15:04:05.000Z07:00"

// The years that RFC 3339 can write, in ms.
const (
	earliest = -62_135_596_800_000
	latest   = 253_402_300_799_999
)

func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format(layout) }

// optional is nil where there is no instant: 0, never, or before anything was known.
func optional(ms int64) *string {
	if ms == 0 || ms == cohort.Never || ms < earliest || ms > latest {
		return nil
	}
	text := instant(ms)
	return &text
}
