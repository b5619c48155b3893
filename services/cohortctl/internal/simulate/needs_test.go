package simulate_test

import (
	"testing"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

type weekends struct{}

func (weekends) At(t int64) (in bool, next int64) { return false, t + 1 }
func (weekends) String() string                   { return "weekends" }

func TestNeeds_AreFoundHoweverDeep(t *testing.T) {
	deep := func(c cohort.Condition) *cohort.Spec {
		inner := cohort.Condition{Not: &cohort.Condition{Any: []cohort.Condition{{Did: &cohort.Did{Event: "v"}}, c}}}
		return &cohort.Spec{Cohorts: []cohort.Definition{{
			Key: "c", Enter: &cohort.Condition{Did: &cohort.Did{Event: "v"}}, Stay: &cohort.Condition{All: []cohort.Condition{inner}},
		}}}
	}
	for name, c := range map[string]struct {
		spec                *cohort.Spec
		properties, endless bool
	}{
		"plain":    {deep(cohort.Condition{Silent: &cohort.Silent{Event: "v", For: 1}}), false, false},
		"a sum":    {deep(cohort.Condition{Sum: &cohort.Sum{Event: "v", Property: "total", AtLeast: 1}}), true, false},
		"a span":   {deep(cohort.Condition{During: &cohort.During{From: 1, To: 2}}), false, false},
		"weekends": {deep(cohort.Condition{During: &cohort.During{Weekly: weekends{}}}), false, true},
	} {
		if got := simulate.NeedsProperties(c.spec); got != c.properties {
			t.Errorf("%s: needs properties: got %v, want %v", name, got, c.properties)
		}
		if got := simulate.Endless(c.spec); got != c.endless {
			t.Errorf("%s: endless: got %v, want %v", name, got, c.endless)
		}
	}
}
