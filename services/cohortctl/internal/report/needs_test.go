package report_test

import (
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/report"
)

func TestNeedOf_CountsRequestsAndTheLimitThatDecides(t *testing.T) {
	for _, c := range []struct {
		name     string
		lists    []report.Moves
		requests int64
		takes    time.Duration
		limit    string
	}{
		// Lists do not share requests, nor do both directions; a day's limit is slower than a minute's.
		{"google", []report.Moves{{Adds: 10_001, Removes: 1}, {Adds: 1}}, 4, 4 * 24 * time.Hour / 100_000, "100000 requests per day"},
		{"meta", []report.Moves{{Removes: 1_001}}, 2, 2 * time.Hour / 5_000, "5000 requests per hour"},
		// All are activities there.
		{report.SalesWings, []report.Moves{{Adds: 60}, {Adds: 20, Removes: 21}}, 2, 100 * time.Millisecond, "20 requests per second"},
		{report.SalesWings, nil, 0, 0, "20 requests per second"},
		{"reddit", []report.Moves{{Adds: 1}}, 1, 0, ""},
		{"elsewhere", []report.Moves{{Adds: 1}}, 0, 0, ""},
	} {
		if got := report.NeedOf(c.name, c.lists); got.Requests != c.requests || got.Takes != c.takes || got.Limit != c.limit || got.Source == "" {
			t.Errorf("%s %v: got %+v, want %d requests within %s by %q", c.name, c.lists, got, c.requests, c.takes, c.limit)
		}
	}
}
