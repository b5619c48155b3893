package catalogue

import (
	"errors"
	"fmt"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

var errDuration = errors.New("a duration is whole numbers with units: 30m, 24h, 7d, 1h30m (ms s m h d w)")

// units is in the order in which they are tried: ms before m.
var units = []struct {
	name string
	ms   int64
}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", 86_400_000}, {"w", 604_800_000}}

// ParseDuration reads 30m, 24h, 7d, 1h30m as whole milliseconds, from 1 ms to ten years.
// A day is 24 hours.
func ParseDuration(s string) (int64, error) {
	var total int64
	for rest := s; rest != ""; {
		var n int64
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			if n = n*10 + int64(rest[digits]-'0'); n > cohort.MaxDuration {
				return 0, fmt.Errorf("duration %q is too long: at most 3650d", s)
			}
			digits++
		}
		rest = rest[digits:]
		found := false
		for _, u := range units {
			if len(rest) >= len(u.name) && rest[:len(u.name)] == u.name {
				if n > cohort.MaxDuration/u.ms {
					return 0, fmt.Errorf("duration %q is too long: at most 3650d", s)
				}
				total, rest, found = total+n*u.ms, rest[len(u.name):], true
				break
			}
		}
		if digits == 0 || !found {
			return 0, fmt.Errorf("%q: %w", s, errDuration)
		}
		if total > cohort.MaxDuration {
			return 0, fmt.Errorf("duration %q is too long: at most 3650d", s)
		}
	}
	switch {
	case s == "":
		return 0, errDuration
	case total == 0:
		return 0, fmt.Errorf("duration %q is nothing: at least 1ms", s)
	}
	return total, nil
}
