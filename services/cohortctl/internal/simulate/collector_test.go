package simulate_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

func TestCollector_OrdersAndNets(t *testing.T) {
	c := simulate.NewCollector([]string{"z", "a"})
	for _, d := range []struct {
		person, cohort string
		at             int64
		enter          bool
	}{
		{"q", "a", 5, true},
		{"p", "a", 1, true},
		{"p", "z", 2, true},
		{"p", "a", 3, false},
		{"p", "a", 3, true}, // goes on
		{"q", "z", 4, true},
		{"q", "z", 4, false}, // none
		{"p", "a", 9, false},
	} {
		if err := c.Add(d.person, d.cohort, d.at, d.enter); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Add("p", "absent", 1, true); err == nil {
		t.Error("a cohort that is not there: got no error")
	}
	var got bytes.Buffer
	if err := c.Outcome().WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	want := `cohort,user_id,at,transition
z,p,1970-01-01T00:00:00.002Z,enter
a,p,1970-01-01T00:00:00.001Z,enter
a,p,1970-01-01T00:00:00.009Z,exit
a,q,1970-01-01T00:00:00.005Z,enter
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
}
