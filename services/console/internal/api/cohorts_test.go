package api

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/services/console/internal/census"
)

func TestCohorts_TellsTheCatalogueInForce(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	w.track("bob", "order", noon)
	w.spend("cyd", 500, noon)
	got := get[Cohorts](t, w.server(), "/v1/cohorts")
	spare := []Audience{{Key: "spare", Name: "Spared", Mode: "exclude", Platforms: []string{"meta", "x"}, Reason: new("RECENT_PURCHASE"), LawfulBasis: new("legitimate_interest")}}
	win := []Audience{{Key: "win", Mode: "target", Platforms: []string{"meta"}, Consent: new("ads")}}
	none, nowhere := []Audience{}, []string{}
	want := Cohorts{
		Catalogues: []InForce{{Revision: w.program.Revision(), Partitions: []int32{0, 1, 2}}},
		SizeSource: "count",
		Cohorts: []Cohort{
			{
				Key: "buyers", Name: "Bought in a month", Owner: "paid media", Rule: new("when:\n  did:\n    event: order\n    within: 30d"),
				Groups: []string{"worth"}, Audiences: spare, Destinations: []string{"saleswings", "ads.meta", "ads.x"}, Size: new(int64(2)), Everywhere: true,
			},
			{
				Key: "spenders", Rule: new("when:\n  sum:\n    event: order\n    property: total\n    at_least: 200\n    within: 30d"),
				Groups: []string{"worth"}, Audiences: none, Destinations: nowhere, Size: new(int64(1)), Everywhere: true,
			},
			{
				Key: "browsers", Description: "Looks, and does not buy.",
				Rule:   new("dwell: 1h\nwhen:\n  all:\n    - did:\n        event: view\n        at_least: 2\n        within: 1d\n    - not:\n        did:\n          event: order\n          within: 1d"),
				Groups: nowhere, Audiences: win, Destinations: nowhere, Size: new(int64(0)), Everywhere: true,
			},
			{
				Key: "lost", Rule: new("when:\n  silent:\n    event: order\n    for: 60d"),
				Groups: nowhere, Audiences: none, Destinations: []string{"saleswings"}, Size: new(int64(0)), Everywhere: true,
			},
			{
				Key: "win", Audience: true, Rule: new("cohort: browsers\nconsent: ads"),
				Groups: nowhere, Audiences: win, Destinations: nowhere, Size: new(int64(0)), Everywhere: true,
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSize_CountsWhereCheckpointsDoNotSay(t *testing.T) {
	w := newWorld(t)
	for _, person := range []string{"ada", "bob", "cyd", "dan", "eve"} {
		w.track(person, "order", noon)
	}
	w.track("fay", "view", noon)
	got := get[Size](t, w.server(), "/v1/cohorts/buyers/size")
	if got.Size != 5 || got.Source != "count" || got.Verified != nil || len(got.Partitions) != partitions {
		t.Errorf("got %+v, want a count of 5", got)
	}
	total := int64(0)
	for _, p := range got.Partitions {
		total += p.Size
		if p.Offset != int64(len(w.log[p.Partition])) {
			t.Errorf("partition %d: as of offset %d, want %d", p.Partition, p.Offset, len(w.log[p.Partition]))
		}
	}
	if total != 5 {
		t.Errorf("the partitions come to %d", total)
	}
	verified := get[Size](t, w.server(), "/v1/cohorts/buyers/size?verify=true").Verified
	if verified == nil || verified.Counted != 5 || verified.People != 6 || verified.Kept != nil || verified.Agrees != nil {
		t.Errorf("got %+v, want 5 of 6 people counted, and nothing to compare with", verified)
	}
}

// What the checkpoints carry and the count are compared only where they speak of one instant.
func TestVerified_AgreesOnlyAboutOneInstant(t *testing.T) {
	part := func(counted, kept int64, steady bool) census.Part {
		return census.Part{Steady: steady, Counted: map[string]int64{"c": counted}, Kept: map[string]int64{"c": kept}}
	}
	for name, test := range map[string]struct {
		parts []census.Part
		want  *bool
	}{
		"the same":                        {[]census.Part{part(3, 3, true), part(0, 0, true)}, new(true)},
		"another":                         {[]census.Part{part(3, 3, true), part(1, 2, true)}, new(false)},
		"moved on":                        {[]census.Part{part(3, 3, true), part(1, 2, false)}, nil},
		"moved on, and another elsewhere": {[]census.Part{part(3, 4, true), part(1, 2, false)}, new(false)},
		"not kept":                        {[]census.Part{part(3, 3, true), {Steady: true, Counted: map[string]int64{"c": 1}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, verified(&census.Count{Parts: test.parts}, "c").Agrees); diff != "" {
				t.Errorf("agrees (-want +got)\n%s", diff)
			}
		})
	}
}
