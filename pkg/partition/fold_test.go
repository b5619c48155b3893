package partition

import (
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

// fold is the obviously right answer: everybody's deadlines looked at one by one,
// then the record, for the log as it stands.
type fold struct {
	w       *world
	rules   *cohort.Program
	people  map[string]*cohort.Person
	changed Change
	logTime int64
	sweep   int
	out     cohort.Decisions
	joined  map[string]string   // links that held: whoever stands behind one key is one person
	wanted  map[string][]string // per person key: ids of records that have to stand in the log for them
}

func (w *world) fold() ([]cohort.Transition, *fold) {
	f := &fold{w: w, rules: w.rules, people: map[string]*cohort.Person{}, sweep: sweepIdle, joined: map[string]string{}, wanted: map[string][]string{}}
	for i := range w.log {
		if e := w.log[i].Event; e.Kind == event.KindCatalog {
			f.rules = w.all[e.Properties.Nested["catalogue"]] // the first holds from the beginning
			break
		}
	}
	var all []cohort.Transition
	for i := range w.log {
		r := &w.log[i]
		f.out.Reset()
		f.deadlines(max(f.logTime, r.Stamp))
		f.record(r)
		for i := range f.out.List {
			tr := f.out.List[i]
			tr.ID, tr.Evidence = cohort.ID{Offset: r.Offset, Ordinal: int32(i)}, nil
			all = append(all, tr)
		}
	}
	return all, f
}

func (f *fold) deadlines(now int64) {
	for {
		var due *cohort.Person
		at := now
		for _, key := range slices.Sorted(maps.Keys(f.people)) {
			if p := f.people[key]; p.Armed != 0 && p.Armed < at {
				due, at = p, p.Armed
			}
		}
		if due == nil {
			break
		}
		if due.Armed = 0; f.rules.NextDeadline(due) <= at {
			f.rules.Fire(due, at, now, &f.out)
		}
		f.arm(due)
	}
	f.logTime = now
}

// arm is done to whoever has changed: under another catalogue a deadline holds from then on.
func (f *fold) arm(p *cohort.Person) {
	if next := f.rules.NextDeadline(p); next != cohort.Never && (p.Armed == 0 || max(next, f.logTime) < p.Armed) {
		p.Armed = max(next, f.logTime)
	}
}

func (f *fold) person(key string) *cohort.Person {
	p := f.people[key]
	if p == nil {
		p = f.decode(key, nil)
		f.people[key] = p
	}
	return p
}

func (f *fold) decode(key string, blob []byte) *cohort.Person {
	p := &cohort.Person{}
	if err := f.rules.Decode(key, blob, p); err != nil {
		f.w.t.Fatal(err)
	}
	return p
}

func (f *fold) record(r *Record) {
	e := r.Event
	o := cohort.Observation{At: e.EventAt, Offset: r.Offset, ID: e.ID, AcceptedAt: e.AcceptedAt}
	switch e.Kind {
	case event.KindTick:
	case event.KindCatalog:
		f.change(e)
	case event.KindSweep:
		f.review(e)
	case event.KindErase:
		f.erase(e, &o)
	case event.KindUnerase:
		if !f.follow(e) {
			f.person(e.Person).Unsuppress()
		}
	case event.KindMerge:
		f.merge(e, &o)
	default:
		if o.Patterns = f.rules.Match(e); o.Patterns != 0 && !f.follow(e) {
			if p := f.person(e.Person); f.rules.Apply(p, &o, f.logTime, &f.out) {
				f.arm(p)
			}
		}
	}
}

// follow says that the record is of an alias: its like has to come for whom they have become.
func (f *fold) follow(e *event.Event) bool {
	p := f.person(e.Person)
	if p.Into() == "" {
		return false
	}
	if e.Properties.Numbers[event.PropertyHops] >= maxHops {
		p.Revive()
		return false
	}
	f.wanted[p.Into()] = append(f.wanted[p.Into()], e.ID)
	return true
}

func (f *fold) merge(e *event.Event, o *cohort.Observation) {
	p, into := f.person(e.Person), e.Properties.Strings[event.PropertyInto]
	if e.Name == event.NameAbsorb {
		path, state, err := openAbsorption(e.Properties.Strings[event.PropertyState])
		if err != nil {
			f.w.t.Fatal(err)
		}
		if p.Into() != "" {
			if !ends(path, e.Person, p.Into()) {
				f.wanted[p.Into()] = append(f.wanted[p.Into()], e.ID)
				return
			}
			p.Revive()
		}
		if f.rules.Absorb(p, f.decode(path[0], state), o, f.logTime, &f.out) {
			f.arm(p)
		}
		return
	}
	if into == e.Person || p.Suppressed() || p.Into() == into {
		return
	}
	if p.Into() != "" {
		if e.Name == event.NameRelink && e.EventAt > p.IntoAt() {
			p.Turn(into, e.EventAt)
			f.wanted[into] = append(f.wanted[into], e.ID+"/absorb")
		}
		return
	}
	f.wanted[into] = append(f.wanted[into], e.ID+"/absorb")
	f.joined[f.root(e.Person)] = f.root(into)
	f.rules.Vanish(p, into, o, f.logTime, &f.out)
}

// root names all keys that links have joined.
func (f *fold) root(key string) string {
	for f.joined[key] != "" && f.joined[key] != key {
		key = f.joined[key]
	}
	return key
}

func (f *fold) erase(e *event.Event, o *cohort.Observation) {
	p, suppress := f.person(e.Person), e.Name == event.NameSuppress
	if of := e.Properties.Strings[event.PropertyInto]; of != "" {
		if p.Into() == of {
			p.Forget(suppress, f.logTime)
		}
		return
	}
	if !f.follow(e) {
		for i, key := range p.Aliases() {
			if !suppress {
				f.wanted[key] = append(f.wanted[key], e.ID+"/alias-"+string(rune('0'+i)))
			}
		}
		f.rules.Erase(p, suppress, o, f.logTime, &f.out)
	}
}

func (f *fold) change(e *event.Event) {
	if e.Name == f.rules.Revision() {
		return
	}
	before, next := f.rules, f.w.all[e.Properties.Nested["catalogue"]]
	f.changed = Between(before, next, f.logTime)
	f.rules = f.changed.Apply(next)
	for key, p := range f.people {
		f.people[key] = f.decode(key, before.Append(nil, p))
	}
	f.sweep = 0
}

func (f *fold) review(e *event.Event) {
	if e.Name == f.rules.Revision()+"/"+warmedRecord {
		if change, any := f.changed.warm(f.logTime); any && f.sweep == sweepIdle {
			f.changed, f.rules, f.sweep = change, change.Apply(f.rules), 0
		}
		return
	}
	if f.sweep == sweepIdle || e.Name != f.rules.Revision()+"/"+string(rune('0'+f.sweep)) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(f.people)) {
		if testSlice(key) == f.sweep {
			f.rules.Review(f.people[key], f.logTime, &f.out)
			f.arm(f.people[key])
		}
	}
	if f.sweep++; f.sweep == testSlices {
		f.sweep, f.changed = sweepIdle, f.changed.swept()
		f.rules = f.changed.Apply(f.rules)
	}
}
