package audit

import (
	"fmt"
	"testing"
)

// A crash has the sink tell the eighth and the ninth version again. What SalesWings holds in the end is the eighth.
func TestTaken_TheNewestHoldsUnlessItWasRefused(t *testing.T) {
	for _, c := range []struct {
		refused int64
		sound   bool
	}{
		{0, false},
		{8, false},
		{9, true},  // told again, and refused that time
		{10, true}, // it took the place of the ninth, and was refused
	} {
		a := &auditor{report: newReport(), byID: map[string]*entry{}, byPerson: map[string][]*entry{}, refused: map[string]bool{}}
		for version := int64(8); version <= 10; version++ {
			e := &entry{}
			e.ID, e.Person, e.Cohort, e.Version = fmt.Sprint("0-281-", version), "c", "vip", version
			a.byID[e.ID] = e
			a.byPerson["c"] = append(a.byPerson["c"], e)
			a.refused[e.ID] = version == c.refused
		}
		for _, version := range []int64{8, 9, 8} {
			a.options.Taken = append(a.options.Taken, Taken{TransitionID: fmt.Sprint("0-281-", version)})
		}
		a.judgeTaken()
		if sound := len(a.report.Findings) == 0; sound != c.sound {
			t.Errorf("refused %d: %+v", c.refused, a.report.Findings)
		}
	}
}
