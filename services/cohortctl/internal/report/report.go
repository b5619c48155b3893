package report

import (
	"slices"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// Report is what a run would have meant for everybody who acts on it. Sizes of
// destinations count memberships: somebody in two cohorts counts twice.
type Report struct {
	Counts       simulate.Counts `json:"events"`
	People       int             `json:"people"`
	Transitions  int             `json:"transitions"`
	Cohorts      []Cohort        `json:"cohorts"`
	Audiences    []Audience      `json:"audiences"`
	Destinations []Destination   `json:"destinations"`
}

// Cohort is one cohort of the catalogue.
type Cohort struct {
	Cohort string `json:"cohort"`
	Flow
}

// Audience is one audience on one platform.
type Audience struct {
	Audience string `json:"audience"`
	Platform string `json:"platform"`
	Mode     string `json:"mode"`
	Cohort   string `json:"cohort"`
	Flow
}

// Destination is everything that goes to one place together, held to what it takes.
type Destination struct {
	Destination string `json:"destination"`
	Flow
	Limits []Held `json:"limits"`
	Source string `json:"limits_source"`
	// Holds is null where no rate is known.
	Holds *bool `json:"holds"`
	// At the pace that the limits allow: the longest wait of a change in ms, the share
	// that is there within the objective, and whether that is enough.
	LongestWait *int64   `json:"longest_wait_ms,omitempty"`
	InTime      *float64 `json:"in_time,omitempty"`
	ObjectiveMs int64    `json:"objective_ms"`
	SLOHolds    *bool    `json:"slo_holds"`
}

// Held is one limit and what was needed of it.
type Held struct {
	Needed   int    `json:"needed_requests"` // in the busiest span, with requests filled as far as they go
	Requests int    `json:"limit_requests"`
	Per      string `json:"per"`
	Holds    bool   `json:"holds"`
}

// Make measures a run.
func Make(o *simulate.Outcome, h *simulate.History, c *catalogue.Catalogue) *Report {
	r := &Report{Counts: h.Counts(), People: h.People(), Transitions: o.Transitions()}
	for _, key := range o.Cohorts {
		r.Cohorts = append(r.Cohorts, Cohort{key, flowOf(changesOf(o, key, 0))})
	}
	platforms := map[string][]string{} // cohorts of their audiences
	for _, a := range c.Audiences {
		f := flowOf(changesOf(o, a.Cohort, 0))
		for _, p := range a.Platforms {
			r.Audiences = append(r.Audiences, Audience{a.Key, p, a.Mode, a.Cohort, f})
			platforms[p] = append(platforms[p], a.Cohort)
		}
	}
	names := make([]string, 0, len(platforms))
	for p := range platforms {
		names = append(names, p)
	}
	slices.Sort(names)
	for _, p := range names {
		r.Destinations = append(r.Destinations, hold(o, p, platforms[p]))
	}
	if len(c.Deliver.SalesWings) > 0 {
		r.Destinations = append(r.Destinations, hold(o, SalesWings, c.Deliver.SalesWings))
	}
	return r
}

// hold sums up what goes to a destination, from one list for each cohort, and compares.
func hold(o *simulate.Outcome, name string, cohorts []string) Destination {
	var all []change
	for i, key := range cohorts {
		all = append(all, changesOf(o, key, int32(i))...)
	}
	sortByTime(all)
	out := Destination{Destination: name, Flow: flowOf(all), Limits: []Held{}, Source: sizeOnly, ObjectiveMs: objective.Milliseconds()}
	d, known := destinations[name]
	if !known {
		return out
	}
	out.Source = d.source
	if len(d.limits) == 0 {
		return out
	}
	sent, lists := all, len(cohorts)
	if name == SalesWings { // activities of all cohorts, in and out, share requests
		sent, lists = slices.Clone(all), 1
		for i := range sent {
			sent[i].list, sent[i].enter = 0, true
		}
	}
	holds := true
	for _, l := range d.limits {
		held := Held{Needed: d.most(sent, lists, l.Per), Requests: l.Requests, Per: spanName(l.Per)}
		held.Holds = held.Needed <= l.Requests
		holds = holds && held.Holds
		out.Limits = append(out.Limits, held)
	}
	longest, inTime := d.waits(sent)
	ms, slo := longest.Milliseconds(), inTime >= objectiveShare
	out.Holds, out.LongestWait, out.InTime, out.SLOHolds = &holds, &ms, &inTime, &slo
	return out
}
