package cohort

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// occurrence is one event of a timeline.
type occurrence struct {
	role string
	at   int64
	id   string
}

// history is everything that happened, whole: the naive evaluator keeps all of it.
type history []occurrence

// times lists the instants of a role up to t, newest first, each (instant, id) once.
func (h history) times(role string, t int64) []int64 {
	var found []int64
	seen := map[occurrence]bool{}
	for _, o := range h {
		if o.role == role && o.at <= t && !seen[o] {
			seen[o] = true
			found = append(found, o.at)
		}
	}
	slices.SortFunc(found, func(a, b int64) int { return cmp.Compare(b, a) })
	return found
}

// standardAnswer says by the oracle's definitions whether each of the seven is a member at t.
func (h history) standardAnswer(t, settle, h2, h24, d3, d7, d60 int64) map[string]bool {
	views, carts, orders := h.times("view", t), h.times("cart", t), h.times("order", t)
	abandoned := func(window int64) bool {
		if len(carts) == 0 || t >= carts[0]+window {
			return false
		}
		for i, a := range carts {
			switch {
			case a+settle > t,
				slices.ContainsFunc(carts, func(x int64) bool { return a < x && x <= a+settle }),
				slices.ContainsFunc(orders, func(o int64) bool { return o >= a }):
				continue
			}
			whole := true
			for k := i; k > 0; k-- {
				whole = whole && carts[k-1]-carts[k] <= window
			}
			if whole {
				return true
			}
		}
		return false
	}
	intent := 0
	for _, v := range views {
		if v > t-h24 && (len(orders) == 0 || v > orders[0]) {
			intent++
		}
	}
	recent := func(list []int64, w int64) bool { return len(list) > 0 && list[0] > t-w }
	return map[string]bool{
		"cart_abandoner_2h":   abandoned(h2),
		"cart_abandoner_24h":  abandoned(h24),
		"cart_abandoner_3d":   abandoned(d3),
		"recent_purchaser_7d": recent(orders, d7),
		"high_intent_24h":     intent >= 3,
		"lapsed_60d":          len(orders) > 0 && t >= orders[0]+d60,
		"browse_no_cart_24h":  recent(views, h24) && !recent(carts, h24) && !recent(orders, h24),
	}
}

// holds says by the words of the language whether a condition is true at t.
func (h history) holds(c *Condition, t int64) bool {
	none := func(names []string, since int64) bool {
		for _, n := range names {
			if f := h.times(n, t); len(f) > 0 && f[0] >= since {
				return false
			}
		}
		return true
	}
	switch {
	case c.Did != nil:
		e, n := h.times(c.Did.Event, t), max(c.Did.AtLeast, 1)
		return len(e) >= n && (c.Did.Within == 0 || t-e[n-1] < c.Did.Within) && none(c.Did.NoneOf, e[n-1])
	case c.Silent != nil:
		e := h.times(c.Silent.Event, t)
		return len(e) > 0 && t-e[0] >= c.Silent.For
	case c.Quiet != nil:
		e := h.times(c.Quiet.Event, t)
		return len(e) > 0 && t-e[0] >= c.Quiet.For && none(c.Quiet.NoneOf, e[0])
	case c.Not != nil:
		return !h.holds(c.Not, t)
	case c.All != nil:
		for i := range c.All {
			if !h.holds(&c.All[i], t) {
				return false
			}
		}
		return true
	default:
		for i := range c.Any {
			if h.holds(&c.Any[i], t) {
				return true
			}
		}
		return false
	}
}

// walk asks a question at every instant from the first event on and gives the flips.
func walk(from, to int64, question func(t int64, in bool) bool) []row {
	var rows []row
	in := false
	for t := from; t <= to; t++ {
		if now := question(t, in); now != in {
			in = now
			rows = append(rows, row{"p", t, in})
		}
	}
	return rows
}

var roles = []string{"view", "cart", "order"}

func drawHistory(t *rapid.T, unique bool) history {
	n := rapid.IntRange(1, 18).Draw(t, "events")
	span := rapid.Int64Range(4, 60).Draw(t, "span")
	var h history
	for i := range n {
		o := occurrence{
			role: rapid.SampledFrom(roles).Draw(t, "role"),
			at:   1000 + rapid.Int64Range(0, span).Draw(t, "at"),
			id:   id(rapid.IntRange(0, 2*i).Draw(t, "id")),
		}
		if unique && slices.ContainsFunc(h, func(x occurrence) bool { return x.at == o.at }) {
			continue
		}
		h = append(h, o)
	}
	slices.SortStableFunc(h, func(a, b occurrence) int { return cmp.Compare(a.at, b.at) })
	return h
}

func drawCondition(t *rapid.T, depth int) Condition {
	kinds := 4
	if depth > 0 {
		kinds = 7
	}
	role := func() string { return rapid.SampledFrom(roles).Draw(t, "event") }
	noneOf := func() []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(roles), 0, 2, rapid.ID[string]).Draw(t, "none_of")
	}
	window := func() int64 { return rapid.Int64Range(1, 14).Draw(t, "window") }
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return Condition{Did: &Did{Event: role(), AtLeast: rapid.IntRange(1, 4).Draw(t, "n"), Within: window(), NoneOf: noneOf()}}
	case 1:
		return Condition{Did: &Did{Event: role(), AtLeast: rapid.IntRange(0, 4).Draw(t, "n"), NoneOf: noneOf()}}
	case 2:
		return Condition{Silent: &Silent{Event: role(), For: window()}}
	case 3:
		return Condition{Quiet: &Quiet{Event: role(), For: window(), NoneOf: noneOf()}}
	case 4:
		c := drawCondition(t, depth-1)
		return Condition{Not: &c}
	default:
		var list []Condition
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			list = append(list, drawCondition(t, depth-1))
		}
		if rapid.Bool().Draw(t, "all") {
			return Condition{All: list}
		}
		return Condition{Any: list}
	}
}

// drawSpec gives random cohorts over all three roles.
func drawSpec(t *rapid.T, hysteresis bool) Spec {
	s := sevenSpec(1, 2, 3, 4, 5, 6)
	s.Cohorts = []Definition{when("all", Condition{All: []Condition{has("view", 1, 3), has("cart", 1, 3), has("order", 1, 3)}})}
	for i := range rapid.IntRange(1, 4).Draw(t, "cohorts") {
		d := Definition{Key: fmt.Sprintf("c%d", i)}
		c := drawCondition(t, 2)
		d.When = &c
		if hysteresis && rapid.Bool().Draw(t, "enter and stay") {
			stay := drawCondition(t, 2)
			d.Enter, d.Stay, d.When = &c, &stay, nil
		}
		s.Cohorts = append(s.Cohorts, d)
	}
	return s
}

// The seven cohorts on small crowded timelines, ties being the rule, give what the
// definitions say when they are asked of the whole history at every instant.
func TestFold_EqualsDefinitionsOfTheSeven(t *testing.T) {
	const settle, h2, h24, d3, d7, d60 = 3, 5, 8, 12, 9, 15
	g := compile(t, sevenSpec(settle, h2, h24, d3, d7, d60))
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t, false)
		f := newFold(t, g)
		f.recode = rapid.Bool().Draw(t, "recode")
		for _, o := range h {
			f.event("p", o.role, o.id, o.at, o.at)
		}
		f.drain()
		got := f.netted()
		for _, key := range g.Cohorts() {
			want := walk(h[0].at, h[len(h)-1].at+2*d60, func(t int64, _ bool) bool {
				return h.standardAnswer(t, settle, h2, h24, d3, d7, d60)[key]
			})
			if !slices.Equal(got[key], want) {
				t.Fatalf("%s: got %v, want %v for %v", key, got[key], want, h)
			}
		}
	})
}

// Random conditions, alone and as enter and stay, agree with the whole history
// asked at every instant. Instants with several events are left to the test of
// lateness where enter and stay are different questions, since there the order of reading decides.
func TestFold_EqualsNaiveEvaluator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hysteresis := rapid.Bool().Draw(t, "hysteresis")
		s := drawSpec(t, hysteresis)
		h := drawHistory(t, hysteresis)
		f := newFold(t, compile(t, s))
		f.recode = rapid.Bool().Draw(t, "recode")
		for _, o := range h {
			f.event("p", o.role, o.id, o.at, o.at)
		}
		promised := f.program.Profile(f.people["p"])
		before := len(f.all)
		f.drain()
		got := f.netted()
		for _, d := range s.Cohorts {
			want := walk(h[0].at, h[len(h)-1].at+40, func(t int64, in bool) bool {
				if d.When != nil {
					return h.holds(d.When, t)
				}
				return h.holds(d.Stay, t) && (in || h.holds(d.Enter, t))
			})
			if !slices.Equal(got[d.Key], want) {
				t.Fatalf("%s: got %v, want %v for %v", d.Key, got[d.Key], want, h)
			}
		}
		checkStream(t, f.all)
		for _, m := range promised {
			i := slices.IndexFunc(f.all[before:], func(d Transition) bool { return d.Cohort == m.Cohort })
			switch {
			case i < 0 && m.ValidUntil != 0:
				t.Fatalf("%s was promised to end at %d and did not", m.Cohort, m.ValidUntil)
			case i >= 0 && f.all[before+i].EffectiveAt != m.ValidUntil:
				t.Fatalf("%s was promised to end at %d, ended at %d", m.Cohort, m.ValidUntil, f.all[before+i].EffectiveAt)
			}
		}
	})
}

// However late events come, and however often: at every log time the membership is
// what the whole history read so far says about that instant.
func TestFold_LateEventsConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t, false)
		h := drawHistory(t, false)
		arrival := make([]int64, len(h))
		order := make([]int, len(h))
		for i := range h {
			order[i] = i
			arrival[i] = h[i].at + rapid.SampledFrom([]int64{0, 0, 1, 3, 10, 40}).Draw(t, "late")
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(arrival[a], arrival[b]) })
		f := newFold(t, compile(t, s))
		var read history
		for place, i := range order {
			repeats := rapid.IntRange(1, 2).Draw(t, "repeats")
			for n := range repeats {
				got := f.event("p", h[i].role, h[i].id, h[i].at, arrival[i])
				if n > 0 && len(got) > 0 {
					t.Fatalf("a redelivery decided %v", got)
				}
			}
			read = append(read, h[i])
			if place+1 < len(order) && arrival[order[place+1]] == arrival[i] {
				continue // the deadlines of this instant wait for its events
			}
			f.advance(arrival[i] + 1)
			var members []string
			for _, m := range f.program.Profile(f.people["p"]) {
				members = append(members, m.Cohort)
			}
			var want []string
			for _, d := range s.Cohorts {
				if read.holds(d.When, arrival[i]) {
					want = append(want, d.Key)
				}
			}
			if !slices.Equal(members, want) {
				t.Fatalf("at %d: got %v, want %v after %v", arrival[i], members, want, read)
			}
		}
		f.drain()
		checkStream(t, f.all)
	})
}

// checkStream checks what holds for every stream of transitions of one person.
func checkStream(t failer, all []Transition) {
	t.Helper()
	in := map[string]bool{}
	for i, d := range all {
		switch {
		case d.Version != int64(i+1):
			t.Fatalf("version %d at place %d", d.Version, i)
		case in[d.Cohort] == (d.Op == OpEnter):
			t.Fatalf("%s: two transitions of one kind in a row", d.Cohort)
		case d.EffectiveAt > d.DecidedAt:
			t.Fatalf("%s: effective at %d, decided at %d", d.Cohort, d.EffectiveAt, d.DecidedAt)
		case d.Op == OpExit && d.ValidUntil != 0, d.ValidUntil != 0 && d.ValidUntil <= d.EffectiveAt:
			t.Fatalf("%s: valid until %d, effective at %d", d.Cohort, d.ValidUntil, d.EffectiveAt)
		case d.Elapsed != (d.Op == OpEnter && d.ValidUntil != 0 && d.ValidUntil < d.DecidedAt):
			t.Fatalf("%s: elapsed is %v for a stay until %d decided at %d", d.Cohort, d.Elapsed, d.ValidUntil, d.DecidedAt)
		case d.SourceID == "" && (d.Reason != ReasonWindowEnded || d.AcceptedAt != d.DecidedAt):
			t.Fatalf("%s: a deadline with reason %s", d.Cohort, d.Reason)
		}
		in[d.Cohort] = d.Op == OpEnter
	}
}
