// Package report sums up a simulated run: how much goes in and out of every cohort, what
// each destination would have been sent, and whether that stays within its limits.
package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// Flow is what went in and out.
type Flow struct {
	Entries int      `json:"entries"`
	Exits   int      `json:"exits"`
	Peak    int      `json:"peak_size"` // most members at once
	PeakAt  *Instant `json:"peak_size_at,omitempty"`
	Rate    int      `json:"peak_per_minute"` // most entries and exits within any 60 s
	RateAt  *Instant `json:"peak_per_minute_at,omitempty"`
}

// Instant is written as RFC 3339 with milliseconds, in UTC.
type Instant int64

// MarshalText implements encoding.TextMarshaler.
func (i Instant) MarshalText() ([]byte, error) {
	return time.UnixMilli(int64(i)).UTC().AppendFormat(nil, simulate.TimeFormat), nil
}

// change is one entry or exit of a list that is sorted by time.
type change struct {
	at    int64
	list  int32 // of which audience or cohort
	enter bool
}

func changesOf(o *simulate.Outcome, cohort string, list int32) []change {
	i := slices.Index(o.Cohorts, cohort)
	if i < 0 {
		return nil
	}
	var all []change
	for _, r := range o.Rows(i) {
		all = append(all, change{at: r.At, list: list, enter: r.Enter})
	}
	sortByTime(all)
	return all
}

func sortByTime(all []change) {
	slices.SortFunc(all, func(a, b change) int { return cmp.Compare(a.at, b.at) })
}

// flowOf measures sorted changes. Within one instant exits come with the entries: the
// size counts when all of them are done.
func flowOf(all []change) Flow {
	var f Flow
	size := 0
	for i, c := range all {
		if c.enter {
			f.Entries++
			size++
		} else {
			f.Exits++
			size--
		}
		if (i+1 == len(all) || all[i+1].at != c.at) && size > f.Peak {
			f.Peak, f.PeakAt = size, instant(c.at)
		}
	}
	from := 0
	for to, c := range all {
		for all[from].at <= c.at-time.Minute.Milliseconds() {
			from++
		}
		if n := to - from + 1; n > f.Rate {
			f.Rate, f.RateAt = n, instant(all[from].at)
		}
	}
	return f
}

func instant(ms int64) *Instant {
	i := Instant(ms)
	return &i
}
