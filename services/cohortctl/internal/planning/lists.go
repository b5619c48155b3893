package planning

import (
	"slices"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/report"
)

// list is what a destination holds of people because of one audience, or of one cohort
// that it is sent as it is.
type list struct {
	destination string // platform, or report.SalesWings
	key         string // of the audience; for SalesWings of the cohort
	mode        string // of the audience; empty for SalesWings

	before map[*inForce]string // cohort that feeds it, where the catalogue has the list
	known  map[*inForce]bool   // the catalogue has the destination
	after  string              // cohort that would feed it; empty = it would be no more
	runs   bool                // the next catalogue has the destination, so a sink would write there
}

// sent is what would go to a list, and where it would be wrong thereafter: a destination
// hears of changes, so it is told nothing about those who stay.
type sent struct {
	adds, removes int64
	held          int64 // entries into a cohort that warms, which SalesWings is not told of
	missing       int64 // belong on the list and are not sent
	leaving       int64 // are on a list that would be no more, and are taken off when they leave its cohort
	stranded      int64 // are on the list and are not taken off
}

func (s *sent) add(o *sent) {
	s.adds += o.adds
	s.removes += o.removes
	s.held += o.held
	s.missing += o.missing
	s.leaving += o.leaving
	s.stranded += o.stranded
}

// sends says whether our sink sends the list; those of audiences that target are left to
// who reads the transitions.
func (l *list) sends() bool { return l.mode != catalogue.ModeTarget }

// listsOf gives every list of the catalogues in force and of the next one by destination,
// SalesWings last, in the order of the next catalogue and then of those in force.
func listsOf(stages []*stage, next *catalogue.Catalogue) []list {
	var all []list
	find := func(destination, key, mode string) *list {
		for i := range all {
			if l := &all[i]; l.destination == destination && l.key == key {
				return l
			}
		}
		all = append(all, list{destination: destination, key: key, mode: mode, before: map[*inForce]string{}, known: map[*inForce]bool{}})
		return &all[len(all)-1]
	}
	each := func(c *catalogue.Catalogue, take func(l *list, feeding string)) {
		for i := range c.Audiences {
			a := &c.Audiences[i]
			for _, platform := range a.Platforms {
				take(find(platform, a.Key, a.Mode), a.Cohort)
			}
		}
		for _, key := range c.Deliver.SalesWings {
			take(find(report.SalesWings, key, ""), key)
		}
	}
	each(next, func(l *list, feeding string) { l.after = feeding })
	for _, old := range olds(stages) {
		each(old.Catalogue, func(l *list, feeding string) { l.before[old] = feeding })
		for i := range all {
			all[i].known[old] = slices.ContainsFunc(all, func(o list) bool {
				return o.sends() && o.destination == all[i].destination && o.before[old] != ""
			})
		}
	}
	for i := range all {
		all[i].runs = slices.ContainsFunc(all, func(o list) bool {
			return o.sends() && o.destination == all[i].destination && o.after != ""
		})
	}
	var places []string
	for i := range all {
		if name := all[i].destination; name != report.SalesWings && !slices.Contains(places, name) {
			places = append(places, name)
		}
	}
	places = append(places, report.SalesWings)
	slices.SortStableFunc(all, func(a, b list) int {
		return slices.Index(places, a.destination) - slices.Index(places, b.destination)
	})
	return all
}

// count adds one person.
func (l *list) count(to *sent, old *inForce, was, is []cohort.Membership, moves []cohort.Transition) {
	holds, belongs, entry, exit, held := contains(was, l.before[old]), contains(is, l.after), false, false, false
	retired := l.after == "" && l.runs && l.mode == catalogue.ModeExclude // the sink empties it, as people leave
	for i := range moves {
		if d := &moves[i]; retired && d.Cohort == l.before[old] && d.Op == cohort.OpExit {
			exit = true
		} else if l.after != "" && d.Cohort == l.after {
			entry, exit = d.Op == cohort.OpEnter, d.Op == cohort.OpExit
			held = entry && d.WarmingUntil > d.DecidedAt && l.destination == report.SalesWings
		}
	}
	if l.after != "" && l.sends() && !l.known[old] && belongs {
		entry = true // whoever begins to be delivered to reads the transitions from their start
	}
	switch {
	case held:
		to.held++
		return
	case entry:
		to.adds++
		holds = true
	case exit:
		to.removes++
		holds = false
	}
	switch {
	case !l.sends():
	case belongs && !holds:
		to.missing++
	case holds && !belongs && retired:
		to.leaving++
	case holds && !belongs:
		to.stranded++
	}
}

func contains(list []cohort.Membership, key string) bool {
	return key != "" && slices.ContainsFunc(list, func(m cohort.Membership) bool { return m.Cohort == key })
}
