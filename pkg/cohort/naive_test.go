package cohort

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// occurrence is one event of a timeline.
type occurrence struct {
	role string // "" = it tells an attribute
	at   int64
	id   string

	late   int64 // ms between when it happened and when it was accepted
	replay bool
}

// same is what makes two occurrences one: a redelivery may be accepted later.
func (o occurrence) same() occurrence { return occurrence{role: o.role, at: o.at, id: o.id} }

// What an event carries depends on its id alone, so that a redelivery carries the same.
func (o occurrence) amount() int64 { return int64(eventHash(o.id)) % 4 }
func (o occurrence) plan() string  { return []string{"free", "pro", ""}[eventHash(o.id)%3] }

// properties gives the amount, or the attribute: "" takes it away.
func (o occurrence) properties() *event.Properties {
	if o.role != "" {
		return &event.Properties{Numbers: map[string]float64{"amount": float64(o.amount())}}
	}
	if o.plan() == "" {
		return &event.Properties{Nested: map[string]string{"plan": "null"}}
	}
	return &event.Properties{Strings: map[string]string{"plan": o.plan()}}
}

// amountOf and planIs are predicates without an expression language.
type amountOf int64

func (p amountOf) Holds(v Values) bool {
	a, ok := v.Value("amount")
	return ok && a.Number >= float64(p)
}
func (p amountOf) Text() string         { return fmt.Sprintf("amount >= %d", int64(p)) }
func (p amountOf) Attributes() []string { return []string{"amount"} }

type planIs string

func (p planIs) Holds(v Values) bool {
	a, ok := v.Value("plan")
	return ok && a.Kind == ValueText && a.Text == string(p)
}
func (p planIs) Text() string         { return fmt.Sprintf("plan == %q", string(p)) }
func (p planIs) Attributes() []string { return []string{"plan"} }

// market is a calendar: three ms of every seven.
type market struct{}

func (market) At(t int64) (bool, int64) {
	if t%7 < 3 {
		return true, t - t%7 + 3
	}
	return false, t - t%7 + 7
}
func (market) String() string { return "three of seven" }

// history is everything that happened, whole: the naive evaluator keeps all of it.
type history []occurrence

// times lists the instants of a role up to t, newest first, each (instant, id) once.
func (h history) times(role string, t int64) []int64 { return h.timesWhere(role, nil, t) }

func (h history) timesWhere(role string, where Predicate, t int64) []int64 {
	var found []int64
	seen := map[occurrence]bool{}
	for _, o := range h {
		if o.role == role && o.at <= t && !seen[o.same()] && (where == nil || o.amount() >= int64(where.(amountOf))) {
			seen[o.same()] = true
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

// seenBy leaves out the events that a cohort does not count. What tells attributes stays.
func (h history) seenBy(d *Definition) (left history) {
	for _, o := range h {
		if o.role == "" || (d.LookBack == 0 || o.late <= d.LookBack) && !(d.IgnoreReplay && o.replay) {
			left = append(left, o)
		}
	}
	return left
}

// planAt gives the newest plan that was told up to t.
func (h history) planAt(t int64) string {
	var newest *occurrence
	for i, o := range h {
		if o.role == "" && o.at <= t && (newest == nil || o.at > newest.at || o.at == newest.at && eventHash(o.id) > eventHash(newest.id)) {
			newest = &h[i]
		}
	}
	if newest == nil {
		return ""
	}
	return newest.plan()
}

// holds says by the words of the language whether a condition is true at t, given who
// is a member of what then.
func (h history) holds(c *Condition, t int64, member func(string) bool) bool {
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
		e, n := h.timesWhere(c.Did.Event, c.Did.Where, t), max(c.Did.AtLeast, 1)
		return len(e) >= n && (c.Did.Within == 0 || t-e[n-1] < c.Did.Within) && none(c.Did.NoneOf, e[n-1])
	case c.Silent != nil:
		e := h.times(c.Silent.Event, t)
		return len(e) > 0 && t-e[0] >= c.Silent.For
	case c.Quiet != nil:
		e := h.times(c.Quiet.Event, t)
		return len(e) > 0 && t-e[0] >= c.Quiet.For && none(c.Quiet.NoneOf, e[0])
	case c.Sum != nil:
		total := int64(0)
		seen := map[occurrence]bool{}
		for _, o := range h {
			if o.role == c.Sum.Event && o.at <= t && (c.Sum.Within == 0 || t-o.at < c.Sum.Within) && !seen[o.same()] {
				seen[o.same()] = true
				total += o.amount()
			}
		}
		return float64(total) >= c.Sum.AtLeast
	case c.Attribute != nil:
		return h.planAt(t) == string(c.Attribute.(planIs))
	case c.Member != "":
		return member(c.Member)
	case c.During != nil && c.During.Weekly != nil:
		return t%7 < 3
	case c.During != nil:
		return c.During.From <= t && t < c.During.To
	case c.Not != nil:
		return !h.holds(c.Not, t, member)
	case c.All != nil:
		for i := range c.All {
			if !h.holds(&c.All[i], t, member) {
				return false
			}
		}
		return true
	default:
		for i := range c.Any {
			if h.holds(&c.Any[i], t, member) {
				return true
			}
		}
		return false
	}
}

// read is occur with the stamps and the flag that stand in the record, whatever log time is: what
// counts depends on them alone.
func (f *fold) read(key string, o occurrence, logTime int64) []Transition {
	e := event.Event{
		Kind: event.KindTrack, Name: o.role, ID: o.id, EventAt: o.at, AcceptedAt: o.at + o.late,
		Properties: *o.properties(), Replay: o.replay,
	}
	if o.role == "" {
		e.Kind = event.KindIdentify
	}
	f.advance(max(f.logTime, logTime))
	p := f.person(key)
	from := len(f.all)
	f.program.Apply(p, &Observation{
		Patterns: f.program.Match(&e), Tells: f.program.Tells(&e), Properties: &e.Properties,
		At: e.EventAt, Offset: f.offset, ID: e.ID, AcceptedAt: e.AcceptedAt,
	}, f.logTime, &f.out)
	f.offset++
	f.collect(p)
	return f.all[from:]
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

// answers says at every instant who is a member of what, cohort by cohort in the order
// of the list, by the words of the language.
func (h history) answers(s Spec, from, to int64) map[string][]row {
	rows := map[string][]row{}
	in := map[string]bool{}
	leaving := map[string]int64{}
	member := func(key string) bool { return in[key] }
	for t := from; t <= to; t++ {
		for i := range s.Cohorts {
			d := &s.Cohorts[i]
			h := h.seenBy(d)
			outranked := false
			for _, g := range s.Groups {
				if place := slices.Index(g.Cohorts, d.Key); place > 0 {
					outranked = outranked || slices.ContainsFunc(g.Cohorts[:place], member)
				}
			}
			stay, enter := d.Stay, d.Enter
			if d.When != nil {
				stay, enter = d.When, d.When
			}
			now := in[d.Key]
			switch holds := h.holds(stay, t, member); {
			case outranked:
				now = false
			case holds:
				delete(leaving, d.Key)
				now = now || h.holds(enter, t, member)
			case now:
				if _, ok := leaving[d.Key]; !ok {
					leaving[d.Key] = t
				}
				now = t < leaving[d.Key]+d.Dwell
			}
			if !now {
				delete(leaving, d.Key)
			}
			if now != in[d.Key] {
				in[d.Key] = now
				rows[d.Key] = append(rows[d.Key], row{"p", t, now})
			}
		}
	}
	return rows
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

// Random rules agree with the whole history asked at every instant. Instants with
// several events are left to the test of lateness where membership has a path, since
// there the order of reading decides.
func TestFold_EqualsNaiveEvaluator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		paths := rapid.Bool().Draw(t, "paths")
		s := drawSpec(t, paths)
		h := drawHistory(t, paths)
		shuffled := s
		if shuffled.Cohorts = slices.Clone(s.Cohorts); rapid.Bool().Draw(t, "asked about later in the file") {
			slices.Reverse(shuffled.Cohorts)
		}
		f := newFold(t, compile(t, shuffled))
		f.recode = rapid.Bool().Draw(t, "recode")
		for _, o := range h {
			f.read("p", o, o.at)
		}
		const after = 40
		end := h[len(h)-1].at + after
		promised := f.program.Profile(f.people["p"])
		before := len(f.all)
		f.advance(end + 1)
		got := f.netted()
		want := h.answers(s, h[0].at, end)
		for _, d := range s.Cohorts {
			if !slices.Equal(got[d.Key], want[d.Key]) {
				t.Fatalf("%s: got %v, want %v for %v", d.Key, got[d.Key], want[d.Key], h)
			}
		}
		checkStream(t, f.all)
		for _, m := range promised {
			i := slices.IndexFunc(f.all[before:], func(d Transition) bool { return d.Cohort == m.Cohort })
			switch {
			case i < 0 && m.ValidUntil != 0 && m.ValidUntil <= end:
				t.Fatalf("%s was promised to end at %d and did not", m.Cohort, m.ValidUntil)
			case i >= 0 && m.ValidUntil != 0 && f.all[before+i].EffectiveAt != m.ValidUntil:
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
			h[i].late = rapid.SampledFrom([]int64{0, 0, 1, 3, 10, 40}).Draw(t, "late")
			arrival[i] = h[i].at + h[i].late
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(arrival[a], arrival[b]) })
		f := newFold(t, compile(t, s))
		var read history
		for place, i := range order {
			repeats := rapid.IntRange(1, 2).Draw(t, "repeats")
			for n := range repeats {
				got := f.read("p", h[i], arrival[i])
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
			in := map[string]bool{}
			for _, d := range s.Cohorts {
				if read.seenBy(&d).holds(d.When, arrival[i], func(key string) bool { return in[key] }) {
					want = append(want, d.Key)
					in[d.Key] = true
				}
			}
			if !slices.Equal(members, want) {
				t.Fatalf("at %d: got %v, want %v after %v", arrival[i], members, want, read)
			}
		}
		f.advance(f.logTime + 100)
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
		case d.SourceID == "" && (d.Reason != ReasonWindowEnded && d.Reason != ReasonOutranked || d.AcceptedAt != d.DecidedAt):
			t.Fatalf("%s: a deadline with reason %s", d.Cohort, d.Reason)
		}
		in[d.Cohort] = d.Op == OpEnter
	}
}
