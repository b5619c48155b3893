package audit

import (
	"slices"
	"testing"
)

// A flow that runs is read topic by topic, the events first: what is said of later ones is no fault.
func TestAudit_FindsNothingInAFlowThatRuns(t *testing.T) {
	for _, cut := range []struct {
		name   string
		after  int64          // ms before the end, after which events are not read
		told   bool           // nor transitions
		topics map[string]int // records that are not read of each partition
	}{
		{"events are read first", 20_000, false, nil},
		{"and transitions of the same time", 20_000, true, nil},
		{"and of half the time", 10_000, true, nil},
		{"and transitions next", 20_000, false, map[string]int{transitionsTopic: 30}},
		{"and profiles", 12_000, false, map[string]int{transitionsTopic: 20, profilesTopic: 20}},
		{"the processor is behind", 0, false, map[string]int{transitionsTopic: 60, profilesTopic: 60, receiptsTopic: 200, "ads.suppression.meta.v1": 60, "ads.suppression.google.v1": 60}},
		{"the sink is behind", 0, false, map[string]int{receiptsTopic: 100, "ads.suppression.meta.v1": 20}},
	} {
		t.Run(cut.name, func(t *testing.T) {
			c := recorded(t)
			last := (&auditor{books: c.Books}).until()
			for p, list := range c.Books[eventsTopic] {
				c.Books[eventsTopic][p] = slices.DeleteFunc(list, func(r Record) bool { return cut.after > 0 && r.At > last-cut.after })
			}
			for p, list := range c.Books[transitionsTopic] {
				c.Books[transitionsTopic][p] = slices.DeleteFunc(list, func(r Record) bool { return cut.told && r.At > last-cut.after })
			}
			for topic, n := range cut.topics {
				for p, list := range c.Books[topic] {
					c.Books[topic][p] = list[:max(0, len(list)-n)]
				}
			}
			report, err := Run(c.Books, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !report.Sound() {
				t.Errorf("found %v", report.Findings)
			}
			if report.Counts["transitions compared with the fold"] < 100 {
				t.Errorf("%d transitions were compared: this judges little", report.Counts["transitions compared with the fold"])
			}
		})
	}
}
