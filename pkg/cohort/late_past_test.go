package cohort

import "testing"

// plans gives ids of events that tell the plans free and pro.
func plans() (free, pro string) {
	for n := 0; free == "" || pro == ""; n++ {
		switch o := (occurrence{id: id(n)}); o.plan() {
		case "free":
			free = o.id
		case "pro":
			pro = o.id
		}
	}
	return free, pro
}

// An attribute is kept as last told. What it was before that is not known, so a late event enters
// nobody by it at an instant before.
func TestApply_LateEventDoesNotTakeAnAttributeForThePast(t *testing.T) {
	_, pro := plans()
	f := newFold(t, compile(t, shopSpec(nil, when("pro_viewer", Condition{All: []Condition{
		{Attribute: planIs("pro")}, has("view", 1, hour),
	}}))))
	f.occur("p", occurrence{at: 100 * minute, id: pro}, 100*minute)
	f.occur("p", occurrence{role: "view", at: 50 * minute, id: "v"}, 105*minute)
	lines(t, f.all, `enter pro_viewer @100 late_event by "v" 1 0`)
}

// Nor does it begin the end of a stay: whoever is no longer pro may have been then, so the pause
// begins when the plan changed, not at the view that comes late.
func TestApply_LateEventDoesNotEndAStayByALaterAttribute(t *testing.T) {
	free, pro := plans()
	d := when("pro_viewer", Condition{All: []Condition{{Attribute: planIs("pro")}, has("view", 2, hour)}})
	d.Dwell = 30 * minute
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.occur("p", occurrence{at: 0, id: pro}, 0)
	f.occur("p", occurrence{role: "view", at: 10 * minute, id: "v1"}, 10*minute)
	f.occur("p", occurrence{role: "view", at: 20 * minute, id: "v2"}, 20*minute)
	f.occur("p", occurrence{at: 60 * minute, id: free}, 65*minute)
	f.occur("p", occurrence{role: "view", at: 40 * minute, id: "v3"}, 66*minute)
	f.drain()
	lines(t, f.all,
		`enter pro_viewer @20 event by "v2" 0 1 2`,
		`exit pro_viewer @90 window_ended by "" 2 4 3`)
}

// A cohort with a pause depends on what happened, so where somebody stood in it before their stay is
// not known: a late event enters nobody by it at an instant before.
func TestApply_LateEventDoesNotTakeAMembershipForThePast(t *testing.T) {
	lingering := when("lingering", has("view", 1, hour))
	lingering.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec(nil, lingering, when("bought_then", Condition{All: []Condition{
		{Member: "lingering"}, has("order", 1, hour),
	}}))))
	f.event("p", "view", "v", 100*minute, 100*minute)
	f.event("p", "order", "o", 90*minute, 105*minute)
	lines(t, f.all,
		`enter lingering @100 event by "v" 0`,
		`enter bought_then @100 late_event by "o" 1 0`)
}

// From the beginning of the stay in the other cohort on it is known, up to now.
func TestApply_LateEventTakesAMembershipSinceItsBeginning(t *testing.T) {
	lingering := when("lingering", has("view", 1, hour))
	lingering.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec(nil, lingering, when("bought_then", Condition{All: []Condition{
		{Member: "lingering"}, has("order", 1, hour),
	}}))))
	f.event("p", "view", "v", 100*minute, 100*minute)
	f.event("p", "cart", "c", 130*minute, 130*minute)
	f.event("p", "order", "o", 110*minute, 135*minute)
	lines(t, f.all,
		`enter lingering @100 event by "v" 0`,
		`enter bought_then @110 event by "o" 0 2`)
}

// The rule said no at minute 90, so the stay was about to end at minute 120. A view that comes late
// undoes that: by what is known now the rule said yes until the plan changed at minute 100, and the
// pause begins there.
func TestApply_LateEventBeginsThePauseAnew(t *testing.T) {
	free, pro := plans()
	d := when("pro_viewer", Condition{All: []Condition{{Attribute: planIs("pro")}, has("view", 1, hour)}})
	d.Dwell = 30 * minute
	f := newFold(t, compile(t, shopSpec(nil, d)))
	f.recode = true
	f.occur("p", occurrence{at: 0, id: pro}, 0)
	f.occur("p", occurrence{role: "view", at: 30 * minute, id: "v1"}, 30*minute)
	f.occur("p", occurrence{at: 100 * minute, id: free}, 100*minute)
	f.occur("p", occurrence{role: "view", at: 80 * minute, id: "v2"}, 110*minute)
	f.drain()
	lines(t, f.all,
		`enter pro_viewer @30 event by "v1" 0 1`,
		`exit pro_viewer @130 window_ended by "" 2`)
}
