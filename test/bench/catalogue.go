package main

import (
	_ "embed"
	"strings"
)

//go:embed catalogue.yaml
var benchCatalogue string

// Of the bench's catalogue: what the runs ask about.
const (
	cohortLookers   = "looked_7d"
	cohortReachable = "reachable_looker_7d" // SalesWings is told of it
	cohortBuyers    = "recent_purchaser_7d" // as in the catalogue that Cohortflow starts with
	audienceConsent = "win_lookers"
	cohortAdded     = "segment_c" // not there until the catalogue changes
)

// changedCatalogue is the bench's catalogue with one cohort more. Everything that it asks
// about was kept before, so nobody has to wait for it to warm.
func changedCatalogue() string {
	return strings.Replace(benchCatalogue, "\nconsent:\n",
		"\n  - key: "+cohortAdded+"\n    when:\n      attribute: attributes.segment == \"c\"\n\nconsent:\n", 1)
}
