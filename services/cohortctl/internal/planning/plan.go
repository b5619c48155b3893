package planning

import (
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/report"
)

// Plan is what the next catalogue would change.
type Plan struct {
	Catalogue string    `json:"catalogue"` // revision of the next one
	InForce   []InForce `json:"in_force"`
	// Decides says that the next catalogue decides otherwise about people: with the same
	// decisions no sweep comes, and only what is delivered may change.
	Decides      bool          `json:"decides_otherwise"`
	Changes      []Change      `json:"changes"`
	People       int64         `json:"people"`       // looked at
	PeopleMoved  int64         `json:"people_moved"` // of them, those who would enter or leave something
	Cohorts      []Cohort      `json:"cohorts"`
	Lists        []List        `json:"lists"`
	Destinations []Destination `json:"destinations"`
	Warming      []Warming     `json:"warming"`
	Untold       []Untold      `json:"untold"`
	Partitions   []Partition   `json:"partitions"`
}

// InForce is a catalogue in force, and where it is.
type InForce struct {
	Catalogue  string  `json:"catalogue"`
	Partitions []int32 `json:"partitions"`
}

// Cohort is how a cohort would move.
type Cohort struct {
	Cohort   string   `json:"cohort"`
	Change   string   `json:"change"` // new, edited, follows, removed or same
	Now      int64    `json:"members_now"`
	Enter    int64    `json:"enter"`
	Leave    int64    `json:"leave"`
	After    int64    `json:"members_after"`
	Entering []string `json:"entering,omitempty"` // some of their person keys
	Leaving  []string `json:"leaving,omitempty"`
}

// List is what one audience, or one cohort sent as it is, would send to a destination.
type List struct {
	Destination string `json:"destination"`
	List        string `json:"list"`
	Mode        string `json:"mode,omitempty"` // of an audience
	Adds        int64  `json:"adds"`
	Removes     int64  `json:"removes"`
	Held        int64  `json:"held"`     // entries that are not sent, since their cohort is not known in full yet
	Missing     int64  `json:"missing"`  // people who belong on it and would not be sent, since nothing about them changes
	Leaving     int64  `json:"leaving"`  // people who would stay on a list that is no more until they leave its cohort
	Stranded    int64  `json:"stranded"` // people who would stay on it though they do not belong there
	Dropped     bool   `json:"dropped"`  // the next catalogue does not have it
}

// Destination is everything that would be sent to one place.
type Destination struct {
	Destination string `json:"destination"`
	Adds        int64  `json:"adds"`
	Removes     int64  `json:"removes"`
	Requests    int64  `json:"requests"`           // filled as far as they go
	Takes       *int64 `json:"takes_ms,omitempty"` // at its limits; null where none is known
	Limit       string `json:"limit,omitempty"`
	Source      string `json:"limit_source"`
}

// Warming is a cohort that would not be known in full.
type Warming struct {
	Cohort  string `json:"cohort"`
	Until   int64  `json:"until_ms"`    // log time
	Forever bool   `json:"forever"`     // waiting does not help: its rule asks about all of the past
	Already bool   `json:"already"`     // it is so under the catalogue in force
	Members int64  `json:"members_now"` // under the catalogue in force
}

// Untold is a cohort that asks about attributes that no catalogue in force keeps: they are
// known of a person once they are told again.
type Untold struct {
	Cohort     string   `json:"cohort"`
	Attributes []string `json:"attributes"`
}

// Partition is where one partition stands.
type Partition struct {
	Partition int32  `json:"partition"`
	State     string `json:"state"` // none, current (what is planned is in force there) or other
	Catalogue string `json:"catalogue,omitempty"`
	Offset    int64  `json:"offset"`
	LogTime   int64  `json:"log_time_ms"`
	Lag       *int64 `json:"lag,omitempty"` // records of the log that are not in the state
	At        int64  `json:"planned_at_ms"` // instant of log time for which the plan holds
	Sweep     *int32 `json:"sweep_at,omitempty"`
}

// States of partitions.
const (
	StateNone    = "none"
	StateCurrent = "current"
	StateOther   = "other"
)

// made puts together what was found out.
func made(cfg *Config, stages []*stage, lists []list, t *tally) *Plan {
	p := &Plan{
		Catalogue: cfg.Next.Program.Revision(), People: t.people, PeopleMoved: t.moved,
		InForce: []InForce{}, Changes: []Change{}, Cohorts: []Cohort{}, Lists: []List{}, Destinations: []Destination{}, Warming: []Warming{}, Untold: []Untold{},
	}
	old := olds(stages)
	for _, in := range old {
		one := InForce{Catalogue: in.Program.Revision()}
		for _, s := range stages {
			if s.old == in {
				one.Partitions = append(one.Partitions, s.partition)
			}
		}
		p.InForce = append(p.InForce, one)
		p.Decides = p.Decides || one.Catalogue != p.Catalogue
	}
	for _, s := range stages {
		p.Partitions = append(p.Partitions, told(s))
	}
	kinds := map[string]string{}
	if len(old) > 0 {
		p.Changes = Differences(old[0].Catalogue, cfg.Next)
		for _, c := range p.Changes {
			if c.Kind == KindCohort {
				kinds[c.Key] = c.Change
			}
		}
	}
	p.cohorts(cfg.Next, old, t, kinds)
	p.delivered(lists, t.sent)
	p.warming(stages, t)
	p.untold(old, cfg.Next)
	return p
}

func told(s *stage) Partition {
	one := Partition{Partition: s.partition, State: StateNone}
	if s.old == nil {
		return one
	}
	one.State, one.Catalogue, one.Offset, one.LogTime, one.Lag, one.At = StateOther, s.checkpoint.Catalogue, s.checkpoint.Offset, s.checkpoint.LogTime, s.lag, s.at
	if s.inForce {
		one.State = StateCurrent
	}
	if s.checkpoint.Sweep > 0 {
		one.Sweep = new(s.checkpoint.Sweep - 1)
	}
	return one
}

// cohorts lists those of the next catalogue in its order, then those that are no more.
func (p *Plan) cohorts(next *catalogue.Catalogue, old []*inForce, t *tally, kinds map[string]string) {
	keys := slices.Clone(next.Program.Cohorts())
	for _, in := range old {
		for _, key := range in.Program.Cohorts() {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.cohorts)) { // of catalogues before, where a sweep has not ended them yet
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		m := t.of(key)
		one := Cohort{Cohort: key, Change: kinds[key], Now: m.now, Enter: m.enter, Leave: m.leave, After: m.now + m.enter - m.leave, Entering: m.entering, Leaving: m.leaving}
		if one.Change == "" {
			one.Change = ChangeSame
			if !slices.Contains(next.Program.Cohorts(), key) {
				one.Change = ChangeRemoved
			}
		}
		p.Cohorts = append(p.Cohorts, one)
	}
}

// delivered sums up what would be sent.
func (p *Plan) delivered(lists []list, what []sent) {
	moves := map[string][]report.Moves{}
	var names []string
	for i := range lists {
		l, s := &lists[i], what[i]
		p.Lists = append(p.Lists, List{
			Destination: l.destination, List: l.key, Mode: l.mode, Adds: s.adds, Removes: s.removes,
			Held: s.held, Missing: s.missing, Leaving: s.leaving, Stranded: s.stranded, Dropped: l.after == "",
		})
		if !slices.Contains(names, l.destination) {
			names = append(names, l.destination)
		}
		moves[l.destination] = append(moves[l.destination], report.Moves{Adds: s.adds, Removes: s.removes})
	}
	for _, name := range names {
		need := report.NeedOf(name, moves[name])
		one := Destination{Destination: name, Requests: need.Requests, Limit: need.Limit, Source: need.Source}
		for _, m := range moves[name] {
			one.Adds += m.Adds
			one.Removes += m.Removes
		}
		if need.Limit != "" {
			one.Takes = new(need.Takes.Milliseconds())
		}
		p.Destinations = append(p.Destinations, one)
	}
}

// warming lists what would not be known in full, with the latest instant of all partitions.
func (p *Plan) warming(stages []*stage, t *tally) {
	until, already := map[string]int64{}, map[string]bool{}
	for _, s := range stages {
		if s.old == nil {
			continue
		}
		before := s.before.Warming(s.at)
		for key, at := range s.after.Warming(s.at) {
			until[key] = max(until[key], at)
			already[key] = already[key] || before[key] >= at
		}
	}
	for i := range p.Cohorts {
		key := p.Cohorts[i].Cohort
		if at, warms := until[key]; warms {
			p.Warming = append(p.Warming, Warming{
				Cohort: key, Until: at, Forever: at >= cohort.Forever, Already: already[key], Members: t.of(key).now,
			})
		}
	}
}

// untold lists the cohorts that ask about attributes that are not kept so far.
func (p *Plan) untold(old []*inForce, next *catalogue.Catalogue) {
	for i := range next.Spec.Cohorts {
		d := &next.Spec.Cohorts[i]
		one := Untold{Cohort: d.Key}
		for _, name := range attributesOf(d) {
			if slices.ContainsFunc(old, func(in *inForce) bool { return !keepsAttribute(in.Catalogue, name) }) {
				one.Attributes = append(one.Attributes, name)
			}
		}
		if len(one.Attributes) > 0 {
			p.Untold = append(p.Untold, one)
		}
	}
}

func keepsAttribute(c *catalogue.Catalogue, name string) bool {
	return slices.ContainsFunc(c.Spec.Cohorts, func(d cohort.Definition) bool { return slices.Contains(attributesOf(&d), name) })
}

// attributesOf lists the attributes that the rule of a cohort reads, sorted.
func attributesOf(d *cohort.Definition) (names []string) {
	var visit func(n *cohort.Condition)
	visit = func(n *cohort.Condition) {
		if n == nil {
			return
		}
		if n.Attribute != nil {
			names = append(names, n.Attribute.Attributes()...)
		}
		visit(n.Not)
		for _, list := range [][]cohort.Condition{n.All, n.Any} {
			for i := range list {
				visit(&list[i])
			}
		}
	}
	visit(d.When)
	visit(d.Enter)
	visit(d.Stay)
	slices.Sort(names)
	return slices.Compact(names)
}
