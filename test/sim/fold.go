package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/partition"
)

// fold is the right answer for one log, written down the plain way: everybody is kept in a map, every
// deadline is looked for, and records are taken one by one. It knows the core, not the machine.
type fold struct {
	log     *topic
	number  int
	next    int64 // offset
	rules   *cohort.Program
	change  partition.Change
	people  map[string]*cohort.Person
	logTime int64
	slice   int // to be looked at anew next; none = -1
	out     cohort.Decisions
	told    []cohort.Transition // all of them, with their ids
	errands []errand            // in the order of their causes
	sizes   map[string]int64
	joined  map[string]string
	revived int64
	useless int // ticks that moved nobody
	warmed  int64
	changed int64
	blocked int64 // suppressions
	err     error
}

// errand is a record that has to stand in the log of its person.
type errand struct {
	cause int64 // offset of the record that makes it necessary
	home  int
	name  string
}

// errandName tells records that were passed on apart: for whom, which, and how far along.
func errandName(e *event.Event) string {
	return e.Person + " " + e.ID + " " + strconv.Itoa(int(e.Properties.Numbers[event.PropertyHops])) + " " + e.Properties.Strings[event.PropertyState]
}

func newFold(log *topic, number int) *fold {
	return &fold{log: log, number: number, people: map[string]*cohort.Person{}, sizes: map[string]int64{}, joined: map[string]string{}, slice: -1}
}

// through takes in every record below an offset.
func (f *fold) through(offset int64) {
	if f.rules == nil {
		for i := range f.log.high {
			if e := f.log.records[i].event; e.Kind == event.KindCatalog {
				f.rules = catalogues[e.Properties.Nested["catalogue"]]
				break
			}
		}
		if f.rules == nil {
			return
		}
	}
	for ; f.next < min(offset, f.log.high); f.next++ {
		r := &f.log.records[f.next]
		f.out.Reset()
		fired := f.pass(max(f.logTime, partition.Stamp(r.event.AcceptedAt, r.at, stampSlack)))
		if r.event.Kind == event.KindTick && fired == 0 {
			f.useless++
		}
		f.take(r.event)
		for i := range f.out.List {
			t := f.out.List[i]
			t.ID, t.Evidence = cohort.ID{Partition: int32(f.number), Offset: f.next, Ordinal: int32(i)}, nil
			f.told = append(f.told, t)
			switch t.Op {
			case cohort.OpEnter:
				f.sizes[t.Cohort]++
			case cohort.OpExit:
				f.sizes[t.Cohort]--
			default:
			}
		}
	}
}

// pass works off the deadlines before an instant, then log time is there.
func (f *fold) pass(until int64) (fired int) {
	for {
		var first *cohort.Person
		for _, p := range f.people {
			if p.Armed == 0 || p.Armed >= until {
				continue
			}
			if first == nil || p.Armed < first.Armed || p.Armed == first.Armed && p.Key < first.Key {
				first = p
			}
		}
		if first == nil {
			f.logTime = until
			return fired
		}
		fired++
		at := first.Armed
		first.Armed = 0
		if f.rules.NextDeadline(first) <= at {
			f.rules.Fire(first, at, until, &f.out)
		}
		f.arm(first)
	}
}

// arm sets the alarm of somebody who has changed, unless an earlier one is set.
func (f *fold) arm(p *cohort.Person) {
	next := f.rules.NextDeadline(p)
	if next == cohort.Never {
		return
	}
	if next = max(next, f.logTime); p.Armed == 0 || next < p.Armed {
		p.Armed = next
	}
}

func (f *fold) person(key string) *cohort.Person {
	if p := f.people[key]; p != nil {
		return p
	}
	p := f.decode(key, nil)
	f.people[key] = p
	return p
}

func (f *fold) decode(key string, blob []byte) *cohort.Person {
	p := &cohort.Person{}
	if err := f.rules.Decode(key, blob, p); err != nil {
		f.err = fmt.Errorf("the fold cannot read %s: %w", key, err)
	}
	return p
}

func (f *fold) take(e *event.Event) {
	o := cohort.Observation{At: e.EventAt, Offset: f.next, ID: e.ID, AcceptedAt: e.AcceptedAt}
	switch e.Kind {
	case event.KindTick:
	case event.KindCatalog:
		f.replace(e)
	case event.KindSweep:
		f.look(e.Name)
	case event.KindMerge:
		if e.Name == event.NameAbsorb {
			f.absorb(e, &o)
		} else {
			f.link(e, &o)
		}
	case event.KindErase:
		f.erase(e, &o)
	case event.KindUnerase:
		if p := f.person(e.Person); !f.elsewhere(p, e) {
			p.Unsuppress()
		}
	default:
		o.Contacts, o.Account = contactsOf(e)
		o.Patterns, o.Tells, o.Properties = f.rules.Match(e), f.rules.Tells(e), &e.Properties
		if o.Patterns == 0 && !o.Tells && len(o.Contacts) == 0 {
			return
		}
		if p := f.person(e.Person); !f.elsewhere(p, e) && f.rules.Apply(p, &o, f.logTime, &f.out) {
			f.arm(p)
		}
	}
}

const mostHops = 32

// elsewhere says that a record is somebody else's by now: it has to be passed on.
func (f *fold) elsewhere(p *cohort.Person, e *event.Event) bool {
	if p.Into() == "" {
		return false
	}
	hops := e.Properties.Numbers[event.PropertyHops]
	if hops >= mostHops {
		p.Revive()
		f.revived++
		return false
	}
	on := event.Event{ID: e.ID, Person: p.Into(), Properties: event.Properties{
		Numbers: map[string]float64{event.PropertyHops: hops + 1}, Strings: e.Properties.Strings,
	}}
	f.owe(&on)
	return true
}

func (f *fold) owe(e *event.Event) {
	f.errands = append(f.errands, errand{cause: f.next, home: homeOf(e.Person), name: errandName(e)})
}

func (f *fold) oweState(e *event.Event, into string, path []string, state []byte) {
	b := binary.AppendUvarint(nil, uint64(len(path)))
	for _, key := range path {
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	}
	id := e.ID
	if e.Name != event.NameAbsorb {
		id += "/absorb"
	}
	f.owe(&event.Event{ID: id, Person: into, Properties: event.Properties{
		Strings: map[string]string{event.PropertyState: base64.StdEncoding.EncodeToString(append(b, state...))},
	}})
}

func (f *fold) link(e *event.Event, o *cohort.Observation) {
	p, into := f.person(e.Person), e.Properties.Strings[event.PropertyInto]
	held := p.Into()
	switch {
	case into == e.Person, p.Suppressed(), held == into:
	case held == "":
		var state []byte
		if !p.Bare() {
			state = f.rules.Append(nil, p)
		}
		f.oweState(e, into, []string{e.Person}, state)
		f.rules.Vanish(p, into, o, f.logTime, &f.out)
		f.joined[e.Person] = into
	case e.Name == event.NameRelink && e.EventAt > p.IntoAt():
		p.Turn(into, e.EventAt)
		f.oweState(e, into, []string{e.Person}, nil)
	}
}

func (f *fold) absorb(e *event.Event, o *cohort.Observation) {
	p := f.person(e.Person)
	path, state, ok := opened(e.Properties.Strings[event.PropertyState])
	if !ok {
		f.err = fmt.Errorf("record %d hands over what cannot be read", f.next)
		return
	}
	if into := p.Into(); into != "" {
		// In a circle of aliases the smallest key becomes a person again.
		at := slices.Index(path, into)
		if len(path) < mostHops && (at < 0 || slices.Min(path[at:]) < e.Person) {
			f.oweState(e, into, append(slices.Clone(path), e.Person), state)
			return
		}
		p.Revive()
		f.revived++
	}
	if f.rules.Absorb(p, f.decode(path[0], state), o, f.logTime, &f.out) {
		f.arm(p)
	}
}

func opened(text string) (path []string, state []byte, ok bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, false
	}
	many, n := binary.Uvarint(b)
	for b = b[max(n, 0):]; many > 0; many-- {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, nil, false
		}
		path, b = append(path, string(b[n:n+int(size)])), b[n+int(size):]
	}
	return path, b, len(path) > 0
}

func (f *fold) erase(e *event.Event, o *cohort.Observation) {
	p, suppress := f.person(e.Person), e.Name == event.NameSuppress
	if of := e.Properties.Strings[event.PropertyInto]; of != "" {
		if p.Into() == of {
			p.Forget(suppress, f.logTime)
		}
		return
	}
	if f.elsewhere(p, e) {
		return
	}
	if !suppress {
		for i, key := range p.Aliases() {
			f.owe(&event.Event{ID: e.ID + "/alias-" + strconv.Itoa(i), Person: key})
		}
	}
	if suppress {
		f.blocked++
	}
	f.rules.Erase(p, suppress, o, f.logTime, &f.out)
}

// replace puts another catalogue in force.
func (f *fold) replace(e *event.Event) {
	if e.Name == f.rules.Revision() {
		return
	}
	f.changed++
	before := f.rules
	next := catalogues[e.Properties.Nested["catalogue"]]
	f.change = partition.Between(before, next, f.logTime)
	f.rules = f.change.Apply(next)
	for key, p := range f.people {
		f.people[key] = f.decode(key, before.Append(nil, p))
	}
	f.slice = -1
	if len(f.change.Review)+len(f.change.Warmed)+len(f.change.Former) > 0 {
		f.slice = 0
	}
}

// look takes a sweep record: a slice of people is looked at anew.
func (f *fold) look(name string) {
	revision := f.rules.Revision()
	switch {
	case name == revision+"/warmed":
		f.warm()
	case f.slice >= 0 && name == revision+"/"+strconv.Itoa(f.slice):
		for _, key := range slices.Sorted(maps.Keys(f.people)) {
			if sliceOf(key) == f.slice {
				f.rules.Review(f.people[key], f.logTime, &f.out)
				f.arm(f.people[key])
			}
		}
		if f.slice++; f.slice == sliceCount {
			// Everybody has been looked at: the next change owes nothing of this one.
			f.slice, f.change.Review, f.change.Warmed = -1, nil, nil
			f.rules = f.change.Apply(f.rules)
		}
	}
}

func (f *fold) warm() {
	if f.slice >= 0 {
		return
	}
	next := partition.Change{Former: f.change.Former}
	for key, until := range f.change.Warming {
		if until <= f.logTime {
			next.Warmed = append(next.Warmed, key)
		} else {
			if next.Warming == nil {
				next.Warming = map[string]int64{}
			}
			next.Warming[key] = until
		}
	}
	if len(next.Warmed) > 0 {
		slices.Sort(next.Warmed)
		f.warmed++
		f.change, f.slice = next, 0
		f.rules = next.Apply(f.rules)
	}
}
