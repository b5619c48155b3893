package audit

import (
	"container/heap"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// slack is how far accepted_at may lie ahead of the broker's time stamp where time is the wall clock, in ms.
const slack = 5_000

// fold works the events off, partition by partition in offset order, and keeps what has to be told.
type fold struct {
	eventClock bool
	report     *Report
	people     map[string]*person
	rules      []*rule
	document   *document // first catalogue of the log
	unjudged   map[string]bool
	partitions []*lane
	handed     map[string]*handover // by id of the record that hands over
	passed     map[string]bool      // records that were found under another key, as "id person"
	mustPass   []pass
	said       map[string][]*entry // what transitions tell that is not of contacts, by "person cohort offset"
	erased     map[int][]proof     // by partition
	processed  []int64             // offset below which the owner says that all is worked off, by partition
}

// lane is one partition of the log.
type lane struct {
	number  int
	records []eventRecord
	offsets []int64
	stamps  []int64
	next    int
	logTime int64
	due     deadlines
}

// handover is what somebody was who became another.
type handover struct {
	key      string
	history  history
	stays    map[string]int64
	contacts map[string]bool
}

// pass is a record that must also stand under another key.
type pass struct {
	id, into, from string
	partition      int
	offset         int64
}

type deadline struct {
	at int64
	p  *person
}

type deadlines []deadline

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].at < d[j].at }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(deadline)) }
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

// run works everything off. A partition that waits for what another one hands over is gone on with later.
func (f *fold) run() error {
	for {
		moved, left := false, 0
		for _, l := range f.partitions {
			for l.next < len(l.records) && f.take(l) {
				moved = true
			}
			left += len(l.records) - l.next
		}
		if left == 0 {
			break
		}
		if !moved {
			for _, l := range f.partitions {
				if l.next < len(l.records) {
					f.report.find(Contradictory, eventsTopic, "partition %d at %d: an absorption comes from no link of the log: %s", l.number, l.offsets[l.next], l.records[l.next].ID)
					l.next++
					break
				}
			}
		}
	}
	for _, m := range f.mustPass {
		if m.offset < f.processed[m.partition] && !f.passed[m.id+" "+m.into] {
			f.report.find(Lost, eventsTopic, "record %s of %s, who has become %s, was not passed on", m.id, m.from, m.into)
		}
	}
	return nil
}

// take works one record off; false = it has to wait for another partition.
func (f *fold) take(l *lane) bool {
	e, offset := &l.records[l.next], l.offsets[l.next]
	stamp := e.AcceptedAt
	if !f.eventClock && l.stamps[l.next] > 0 && stamp > l.stamps[l.next]+slack {
		stamp = l.stamps[l.next]
	}
	if e.Name != nil && *e.Name == "absorb" && e.Kind == "merge" && f.handed[e.ID] == nil {
		return false
	}
	logTime := max(l.logTime, stamp)
	f.pass(l, logTime, offset)
	l.logTime = logTime
	l.next++
	switch e.Kind {
	case "tick", "sweep", "":
	case "catalog":
		f.catalogue(e)
	default:
		if e.Person != nil && *e.Person != "" {
			f.event(l, e, offset)
		}
	}
	return true
}

// pass works off every deadline that lies before log time, at its own instant.
func (f *fold) pass(l *lane, logTime, offset int64) {
	for len(l.due) > 0 && l.due[0].at < logTime {
		d := heap.Pop(&l.due).(deadline)
		if d.p.next != d.at {
			continue // it has moved since
		}
		for _, r := range f.rules {
			_, in := d.p.stays[r.key]
			if now := stands(r, &d.p.history, in, d.at); now != in {
				d.p.tell(r.key, step{enter: now, at: d.at, offset: offset})
			}
		}
		f.arm(l, d.p, d.at)
	}
}

// arm looks for the next instant after everything up to t has been decided.
func (f *fold) arm(l *lane, p *person, t int64) {
	p.next = never
	for _, r := range f.rules {
		_, in := p.stays[r.key]
		p.next = min(p.next, turns(r, &p.history, in, t))
	}
	if p.next != never {
		heap.Push(&l.due, deadline{p.next, p})
	}
}

func (f *fold) person(key string, l *lane) *person {
	p := f.people[key]
	if p == nil {
		p = newPerson(key, l.number)
		f.people[key] = p
	}
	return p
}

func (f *fold) event(l *lane, e *eventRecord, offset int64) {
	key := *e.Person
	switch e.Kind {
	case "merge":
		f.merge(l, e, offset)
		return
	case "erase", "unerase":
		f.erase(l, e, offset)
		return
	}
	names := f.document.names(e)
	if len(names) == 0 && text(e.Email) == "" && text(e.Phone) == "" {
		return
	}
	p := f.person(key, l)
	if p.into != "" {
		f.mustPass = append(f.mustPass, pass{e.ID, p.into, key, l.number, offset})
		return
	}
	at := min(e.EventAt, l.logTime)
	if p.blocked || at <= p.erasedAt {
		return
	}
	reached := p.reach(e, at)
	told := make(map[string]bool)
	moved := false
	for _, n := range names {
		if !p.history.add(n, moment{at, e.ID}) {
			continue
		}
		moved = true
		for _, r := range f.rules {
			if !told[r.key] && slices.Contains(r.events, n) {
				told[r.key] = f.settle(l, p, r, at, offset)
			}
		}
	}
	if reached {
		f.announce(l, p, told, offset)
	}
	if moved {
		f.arm(l, p, l.logTime)
	}
}

// settle decides one cohort after an event of instant at; true = somebody entered.
func (f *fold) settle(l *lane, p *person, r *rule, at, offset int64) (entered bool) {
	since, in := p.stays[r.key]
	from := at
	if in {
		from = max(at, since)
	}
	now, effective := walk(r, &p.history, in, from, l.logTime)
	// What comes behind newer events of its kind may ask about some that lie further back than the product keeps. Whoever
	// may stay is in or not by those.
	late := len(p.history.instants(&rule{events: r.events}, at, never-1)) > 0
	switch {
	case now == in:
		return false
	case late && r.path && r.stay(&p.history, l.logTime):
		for _, e := range f.told(p, r, offset) {
			entered = entered || e.Op == "enter"
			p.tell(r.key, step{enter: e.Op == "enter", at: e.EffectiveAt, near: true, offset: offset})
		}
		return entered
	}
	p.tell(r.key, step{enter: now, at: effective, near: late, offset: offset})
	return now
}

// told lists what transitions tell of the person and the cohort at this record. It is asked only where the past of
// somebody would have to decide that the product, which keeps the newest events, does not know: there, its answer is
// as good as any.
func (f *fold) told(p *person, r *rule, offset int64) []*entry {
	f.report.Counts["decisions that hang on events of long ago"]++
	list := f.said[fmt.Sprint(p.key, " ", r.key, " ", offset)]
	for _, s := range p.steps[r.key] {
		if s.offset == offset && s.class != classContacts && len(list) > 0 {
			list = list[1:] // a deadline that was due before the record
		}
	}
	return list
}

// reach takes in how the person can be reached; true = that has changed.
func (p *person) reach(e *eventRecord, at int64) bool {
	changed := false
	own := e.Kind == "identify" && text(e.CustomerID) != "" && text(e.CustomerID) == p.key
	for i, c := range [2]string{text(e.Email), text(e.Phone)} {
		if c == "" {
			continue
		}
		a := &p.account[i]
		c = [2]string{"email ", "phone "}[i] + c
		if own && a.contact != "" && a.at > at {
			continue // given up since
		}
		if own && a.contact != c {
			if a.contact != "" && p.contacts[a.contact] {
				delete(p.contacts, a.contact)
				changed = true
			}
			*a = statement{c, at}
		}
		if !p.contacts[c] {
			p.contacts[c], changed = true, true
		}
	}
	return changed
}

// announce tells every stay that goes on with other contacts.
func (f *fold) announce(l *lane, p *person, told map[string]bool, offset int64) {
	for _, cohort := range slices.Sorted(maps.Keys(p.stays)) {
		if told[cohort] {
			continue
		}
		since, near := p.stays[cohort], p.near[cohort]
		p.tell(cohort, step{at: l.logTime, class: classContacts, offset: offset})
		p.tell(cohort, step{enter: true, at: l.logTime, class: classContacts, offset: offset})
		p.stays[cohort] = since // it goes on
		if near {
			p.near[cohort] = true
		}
	}
}

// catalogue takes a catalogue record in. Cohorts that change within the log are not judged.
func (f *fold) catalogue(e *eventRecord) {
	d, err := readDocument(e.Nested["catalogue"])
	if err != nil {
		f.report.find(Unreadable, eventsTopic, "catalogue %s: %v", text(e.Name), err)
		return
	}
	for _, list := range [][]definition{f.document.Cohorts, d.Cohorts} {
		for i := range list {
			if key := list[i].Key; !f.unjudged[key] && !f.document.same(d, key) {
				f.leave(key, "its definition changes within the log")
			}
		}
	}
}

func (f *fold) leave(cohort, why string) {
	f.unjudged[cohort] = true
	f.report.Unjudged = append(f.report.Unjudged, fmt.Sprintf("cohort %s: %s", cohort, why))
	f.rules = slices.DeleteFunc(f.rules, func(r *rule) bool { return r.key == cohort })
}

// begin puts the first catalogue of the log in force.
func (f *fold) begin() error {
	for _, l := range f.partitions {
		for i := range l.records {
			if e := &l.records[i]; e.Kind == "catalog" {
				d, err := readDocument(e.Nested["catalogue"])
				if err != nil {
					return err
				}
				f.document = d
				var left []string
				f.rules, left = d.rules()
				for _, why := range left {
					key, _, _ := strings.Cut(strings.TrimPrefix(why, "cohort "), ":")
					f.unjudged[key] = true
				}
				f.report.Unjudged = append(f.report.Unjudged, left...)
				return nil
			}
		}
	}
	return fmt.Errorf("%s holds no catalogue: no processor has ever worked on it", eventsTopic)
}
