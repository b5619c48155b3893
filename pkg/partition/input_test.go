package partition

import "testing"

// A stamp that is ahead of the broker's append time counts as of then, beyond the slack and not within it.
func TestStamp_OneThatIsAheadCountsAsOfTheAppend(t *testing.T) {
	for _, c := range []struct{ accepted, appended, slack, want int64 }{
		{1_000, 900, 100, 1_000},
		{1_001, 900, 100, 900},
		{500, 900, 100, 500}, // late is late
		{1 << 50, 900, 100, 900},
		{1 << 50, 0, 100, 1 << 50}, // the topic carries no append time
	} {
		if got := Stamp(c.accepted, c.appended, c.slack); got != c.want {
			t.Errorf("Stamp(%d, %d, %d): got %d, want %d", c.accepted, c.appended, c.slack, got, c.want)
		}
	}
}
