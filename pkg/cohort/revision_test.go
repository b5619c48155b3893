package cohort

import "testing"

// A revision stands in every transition and checkpoint: what the language learns must not move
// those of catalogues that do not use it.
func TestRevision_StaysThroughReleases(t *testing.T) {
	if got, want := compile(t, standard()).Revision(), "5c115cac05ddd2e5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRevision_ChangesWithPausesAndGroups(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Spec){
		"nothing":         func(*Spec) {},
		"a pause":         func(s *Spec) { s.Cohorts[3].Dwell = hour },
		"another pause":   func(s *Spec) { s.Cohorts[3].Dwell = day },
		"a group":         func(s *Spec) { s.Groups = []Group{{Key: "g", Cohorts: []string{s.Cohorts[3].Key, s.Cohorts[4].Key}}} },
		"in other order":  func(s *Spec) { s.Groups = []Group{{Key: "g", Cohorts: []string{s.Cohorts[4].Key, s.Cohorts[3].Key}}} },
		"a silence":       func(s *Spec) { s.Cohorts[5].When.Silent.For++ },
		"a test":          func(s *Spec) { s.Cohorts[3].When.Did.Where = amountOf(1) },
		"another test":    func(s *Spec) { s.Cohorts[3].When.Did.Where = amountOf(2) },
		"a test of event": func(s *Spec) { s.Events[2].Where = amountOf(1) },
	} {
		s := standard()
		change(&s)
		revision := compile(t, s).Revision()
		if other, twice := seen[revision]; twice {
			t.Errorf("%s and %s have one revision", name, other)
		}
		seen[revision] = name
	}
}
