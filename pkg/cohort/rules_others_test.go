package cohort

import (
	"strings"
	"testing"
)

// Where somebody stood in a cohort with a pause is not known of the past. It is taken for neither: no
// end begins by it, and nobody enters by it.
func TestMember_IsUnknownOfThePast(t *testing.T) {
	lingering := when("lingering", has("view", 1, hour))
	lingering.Dwell = 10 * minute
	with := when("with", Condition{All: []Condition{{Member: "lingering"}, has("order", 1, 0)}})
	with.Dwell = hour
	f := newFold(t, compile(t, shopSpec(nil, lingering, with)))
	f.event("p", "view", "v", 0, 0)
	f.event("p", "order", "o1", 0, 0)
	f.event("p", "order", "o2", 50*minute, 100*minute)
	f.drain()
	// They were in the other one until minute 70, so the hour's pause is not over before minute 130.
	if last := f.all[len(f.all)-1]; last.Cohort != "with" || last.Op != OpExit || last.EffectiveAt < 130*minute {
		t.Errorf("got %v", told(f.all))
	}
}

func TestGroup_AStrongerStayIsUnknownOfThePast(t *testing.T) {
	strong := when("strong", has("order", 1, hour))
	strong.Dwell = 10 * minute
	f := newFold(t, compile(t, shopSpec([]Group{{Key: "g", Cohorts: []string{"strong", "weak"}}}, strong, when("weak", has("view", 1, 2*hour)))))
	f.event("p", "order", "o", 0, 0)
	f.event("p", "view", "v", 65*minute, 105*minute)
	// Until minute 70 the stronger one held them.
	if last := f.all[len(f.all)-1]; last.Cohort != "weak" || last.Op != OpEnter || last.EffectiveAt < 70*minute {
		t.Errorf("got %v", told(f.all))
	}
}

// An attribute that decides one cohort decides those that ask about it, at once.
func TestMember_IsDecidedWithTheAttributesOfTheOther(t *testing.T) {
	_, pro := plans()
	f := newFold(t, compile(t, shopSpec(nil, when("pro", Condition{Attribute: planIs("pro")}), when("with", Condition{Member: "pro"}))))
	lines(t, f.occur("p", occurrence{at: minute, id: pro}, minute),
		`enter pro @1 event by "`+pro+`" 0`, `enter with @1 event by "`+pro+`" 0`)
}

// Whoever yields to a stronger cohort is no member for those that ask either.
func TestMember_OfAGroupYields(t *testing.T) {
	f := newFold(t, compile(t, shopSpec([]Group{{Key: "g", Cohorts: []string{"buyer", "browser"}}},
		when("buyer", has("order", 1, day)), when("browser", has("view", 1, day)), when("with", Condition{Member: "browser"}))))
	f.event("p", "view", "v", 0, 0)
	f.event("p", "order", "o", hour, hour)
	lines(t, f.all,
		`enter browser @0 event by "v" 0`, `enter with @0 event by "v" 0`,
		`enter buyer @60 event by "o" 1`, `exit browser @60 outranked by "o" 1`, `exit with @60 event by "o" 0`)
}

// A cohort of two groups yields in both.
func TestGroup_TwoOfThem(t *testing.T) {
	for _, role := range []string{"order", "cart"} {
		f := newFold(t, compile(t, shopSpec([]Group{
			{Key: "g", Cohorts: []string{"order", "weak"}}, {Key: "h", Cohorts: []string{"cart", "weak"}},
		}, when("order", has("order", 1, day)), when("cart", has("cart", 1, day)), when("weak", has("view", 1, day)))))
		f.event("p", "view", "v", 0, 0)
		f.event("p", role, "x", hour, hour)
		lines(t, f.all[1:], "enter "+role+` @60 event by "x" 1`, `exit weak @60 outranked by "x" 1`)
	}
}

func TestCompile_RefusesGroupsThatOrderNothing(t *testing.T) {
	cohorts := []Definition{when("a", has("view", 1, day)), when("b", has("order", 1, day))}
	for _, list := range [][]string{{"a"}, {"a", "b", "a"}} {
		_, err := Compile(shopSpec([]Group{{Key: "g", Cohorts: list}}, cohorts...))
		if err == nil || !strings.Contains(err.Error(), "group") {
			t.Errorf("%v: got %v", list, err)
		}
	}
}

// A cohort that asks for one event and for three is concerned by each of the three.
func TestApply_ConcernsWhoAsksForTheOldest(t *testing.T) {
	f := newFold(t, compile(t, shopSpec(nil, when("c", Condition{All: []Condition{has("view", 3, day), has("view", 1, day)}}))))
	f.event("p", "view", "a", 10*minute, 10*minute)
	f.event("p", "view", "b", 20*minute, 20*minute)
	lines(t, f.event("p", "view", "c", 5*minute, 21*minute), `enter c @20 late_event by "c" 2 0 1`)
}
