package cohort

import (
	"container/heap"
	"slices"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/event"
)

const (
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
)

func has(event string, n int, within int64, noneOf ...string) Condition {
	return Condition{Did: &Did{Event: event, AtLeast: n, Within: within, NoneOf: noneOf}}
}

func hasNot(event string, within int64) Condition {
	c := has(event, 1, within)
	return Condition{Not: &c}
}

func abandoner(key string, settle, window int64) Definition {
	stay := has("cart", 1, window, "order")
	return Definition{
		Key: key,
		Enter: &Condition{All: []Condition{
			{Quiet: &Quiet{Event: "cart", For: settle, NoneOf: []string{"order"}}},
			stay,
		}},
		Stay: &stay,
	}
}

func when(key string, c Condition) Definition { return Definition{Key: key, When: &c} }

// sevenSpec is the seven standard cohorts with their windows scaled, so that small
// grids of time are crowded: settle, 2 h, 24 h, 3 d, 7 d, 60 d.
func sevenSpec(settle, h2, h24, d3, d7, d60 int64) Spec {
	return Spec{
		Events: []Pattern{
			{Key: "view", Names: []string{"view"}},
			{Key: "cart", Names: []string{"cart"}},
			{Key: "order", Names: []string{"order"}},
		},
		Cohorts: []Definition{
			abandoner("cart_abandoner_2h", settle, h2),
			abandoner("cart_abandoner_24h", settle, h24),
			abandoner("cart_abandoner_3d", settle, d3),
			when("recent_purchaser_7d", has("order", 1, d7)),
			when("high_intent_24h", has("view", 3, h24, "order")),
			when("lapsed_60d", Condition{Silent: &Silent{Event: "order", For: d60}}),
			when("browse_no_cart_24h", Condition{All: []Condition{
				has("view", 1, h24), hasNot("cart", h24), hasNot("order", h24),
			}}),
		},
	}
}

func standard() Spec { return sevenSpec(30*minute, 2*hour, day, 3*day, 7*day, 60*day) }

// failer is what tests, fuzz targets and properties have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func compile(t failer, s Spec) *Program {
	t.Helper()
	g, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

type timer struct {
	at  int64
	key string
}

type timers []timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].key < h[j].key
}
func (h timers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timers) Push(x any)   { *h = append(*h, x.(timer)) }
func (h *timers) Pop() any {
	s := *h
	x := s[len(s)-1]
	*h = s[:len(s)-1]
	return x
}

// fold drives a Program as the owner of a partition does: deadlines that log time
// has passed in the order of (instant, key), then the event; one armed deadline
// per person, armed anew only if it is earlier.
type fold struct {
	t       failer
	program *Program
	people  map[string]*Person
	timers  timers
	logTime int64
	offset  int64
	out     Decisions
	all     []Transition
	recode  bool // encode and decode the person at every touch
}

func newFold(t failer, g *Program) *fold {
	return &fold{t: t, program: g, people: map[string]*Person{}, logTime: unjudged}
}

func (f *fold) person(key string) *Person {
	p := f.people[key]
	if p == nil {
		p = new(Person)
		if err := f.program.Decode(key, nil, p); err != nil {
			f.t.Fatal(err)
		}
		f.people[key] = p
	}
	if f.recode {
		fresh := new(Person)
		if err := f.program.Decode(key, f.program.Append(nil, p), fresh); err != nil {
			f.t.Fatal(err)
		}
		f.people[key], p = fresh, fresh
	}
	return p
}

func (f *fold) event(key, name, id string, at, acceptedAt int64) []Transition {
	return f.apply(key, event.Event{Kind: event.KindTrack, Name: name, Source: event.SourcePipelines, ID: id, EventAt: at, AcceptedAt: acceptedAt})
}

func (f *fold) occur(key string, o occurrence, acceptedAt int64) []Transition {
	e := event.Event{Kind: event.KindTrack, Name: o.role, ID: o.id, EventAt: o.at, AcceptedAt: acceptedAt, Properties: *o.properties()}
	if o.role == "" {
		e.Kind = event.KindIdentify
	}
	return f.apply(key, e)
}

func (f *fold) apply(key string, e event.Event) []Transition {
	f.advance(max(f.logTime, e.AcceptedAt))
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

// advance moves log time and works off the deadlines before it.
func (f *fold) advance(logTime int64) {
	f.logTime = logTime
	for len(f.timers) > 0 && f.timers[0].at < logTime {
		due := heap.Pop(&f.timers).(timer)
		p := f.person(due.key)
		if p.Armed != due.at {
			continue
		}
		p.Armed = 0
		f.program.Fire(p, due.at, logTime, &f.out)
		if next := f.program.NextDeadline(p); next <= due.at {
			f.t.Fatalf("deadline %d of %s fired, and the next is %d", due.at, due.key, next)
		}
		f.collect(p)
	}
}

func (f *fold) drain() { f.advance(Never) }

func (f *fold) collect(p *Person) {
	for _, d := range f.out.List {
		d.Evidence = slices.Clone(d.Evidence)
		f.all = append(f.all, d)
	}
	f.out.Reset()
	if next := f.program.NextDeadline(p); next != Never && (p.Armed == 0 || next < p.Armed) {
		p.Armed = next
		heap.Push(&f.timers, timer{next, p.Key})
	}
}

// row is a line of the oracle's answer.
type row struct {
	person string
	at     int64
	enter  bool
}

// netted gives the rows of each cohort ordered by (person, time), with what
// cancels out within one instant dropped.
func (f *fold) netted() map[string][]row {
	rows := map[string][]row{}
	for _, d := range f.all {
		rows[d.Cohort] = append(rows[d.Cohort], row{d.Person, d.EffectiveAt, d.Op == OpEnter})
	}
	for key, list := range rows {
		slices.SortStableFunc(list, func(a, b row) int {
			switch {
			case a.person < b.person || a.person == b.person && a.at < b.at:
				return -1
			case a.person == b.person && a.at == b.at:
				return 0
			default:
				return 1
			}
		})
		var net []row
		for _, r := range list {
			if n := len(net); n > 0 && net[n-1].person == r.person && net[n-1].at == r.at && net[n-1].enter != r.enter {
				net = net[:n-1]
				continue
			}
			net = append(net, r)
		}
		rows[key] = net
	}
	return rows
}

func id(n int) string { return "e" + strconv.Itoa(n) }
