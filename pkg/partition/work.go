package partition

import (
	"bytes"
	"math"
	"sort"
	"strings"

	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

const (
	maxLoad     = 4_096   // people asked for in one load
	maxBuckets  = 24 * 62 // deadline buckets asked for in one load
	maxFireStep = 8_192   // deadlines worked off in one Step

	behindHorizon = 16 // times the horizon while behind: history passes many buckets, mostly empty
)

func (m *Machine) fetched(in Fetched) {
	if m.phase != running || in.From > m.next {
		return // an answer to an earlier tenure's fetch: this one's position is another
	}
	m.end = max(m.end, in.End)
	// Such an answer may also have begun here and been taken in. Then this one overlaps it, and
	// what is new in it must be taken: nobody fetches that again.
	known := sort.Search(len(in.Records), func(i int) bool { return in.Records[i].Offset >= m.next })
	if in.Records = in.Records[known:]; len(in.Records) > 0 {
		m.queue = append(m.queue, in.Records)
	}
	m.next = max(m.next, in.Next)
	if !m.queued() {
		// Offsets that hold no record (control batches, compaction) are worked off too.
		m.offset = m.next
	}
}

func (m *Machine) queued() bool { return len(m.queue) > 0 }

// full says that so much is uncommitted that no further record may be taken.
func (m *Machine) full() bool {
	return len(m.dirty) >= m.cfg.MaxTouched || len(m.out.queue) >= maxOutgoing
}

// run takes records until the budget of the Step, a load or a bound stops it.
func (m *Machine) run() {
	fired := 0
	for budget := m.cfg.Budget; budget > 0 && m.queued() && m.waiting == nil; budget-- {
		if m.full() || m.stopping && m.ordinal == 0 {
			return
		}
		r := &m.queue[0][m.head]
		if m.ordinal == 0 {
			m.offset = r.Offset
		}
		logTime := max(m.logTime, r.Stamp)
		if !m.passDeadlines(logTime, &fired) || !m.take(r, logTime) {
			return
		}
		m.logTime, m.offset, m.ordinal = logTime, r.Offset+1, 0
		m.last, m.taken, m.lastOffset = *r, true, r.Offset
		m.Stats.Records++
		if m.tick != 0 && logTime >= m.tick {
			m.tick = 0
		}
		m.pop()
		if m.phase != running {
			return
		}
	}
	m.people.shrink()
}

func (m *Machine) pop() {
	if m.head++; m.head < len(m.queue[0]) {
		return
	}
	copy(m.queue, m.queue[1:])
	m.queue[len(m.queue)-1] = nil
	m.queue = m.queue[:len(m.queue)-1]
	m.head = 0
	if !m.queued() {
		m.offset = m.next
	}
}

// take takes one event in. False = its person has to be loaded first.
func (m *Machine) take(r *Record, logTime int64) bool {
	e := r.Event
	switch {
	case r.Bad:
		m.Stats.Bad++
		return true
	case e.Kind == event.KindTick:
		return true
	case e.Kind == event.KindCatalog:
		m.switchProgram(r, logTime)
		return true
	case e.Kind == event.KindSweep:
		return m.takeSweep(r, logTime)
	case e.Person == "":
		m.Stats.Skipped++
		return true
	case identifies(e.Kind):
		return m.identify(r, logTime)
	}
	patterns, tells := m.concerns(r)
	if patterns == 0 && !tells && len(r.Contacts) == 0 {
		m.Stats.Skipped++
		return true
	}
	p := m.people.get(e.Person)
	if p == nil {
		m.prefetch(logTime)
		return false
	}
	if m.passed(r, p, logTime) {
		return true
	}
	from := len(m.decisions.List)
	o := cohort.Observation{
		Patterns: patterns, Tells: tells, At: e.EventAt, Offset: r.Offset, ID: e.ID,
		AcceptedAt: e.AcceptedAt, Contacts: r.Contacts, Account: r.Account, Properties: &e.Properties,
	}
	if m.program.Apply(&p.person, &o, logTime, &m.decisions) {
		m.touch(p, logTime)
	}
	m.number(p, from, r.Offset)
	return true
}

// identifies says whether records of a kind tell who people are.
func identifies(k event.Kind) bool {
	return k == event.KindMerge || k == event.KindErase || k == event.KindUnerase
}

// concerns says what the rules in force see in a record.
func (m *Machine) concerns(r *Record) (patterns cohort.Patterns, tells bool) {
	if m.program.Reads(r.Event) {
		m.complete(r)
	}
	return m.program.Match(r.Event), m.program.Tells(r.Event)
}

// complete reads the properties of a record, where they have been left out.
func (m *Machine) complete(r *Record) {
	if !r.whole && m.cfg.Read != nil {
		r.whole = true
		if err := m.cfg.Read(r.Value, r.Event); err != nil {
			// Its head could be read: what is damaged are the properties, and no rule holds for none.
			r.Event.Properties = event.Properties{}
			m.Stats.Bad++
		}
	}
}

// passDeadlines works off every deadline before until, in the order (instant,
// person), before the record that moves log time there is taken in. False = a load
// is under way, or this Step has done enough; it is called again for the same record.
func (m *Machine) passDeadlines(until int64, fired *int) bool {
	if until <= m.logTime {
		return true
	}
	if m.loadedUntil == math.MinInt64 {
		// A rebuild: nothing is stored, so nothing is to be loaded.
		m.loadedUntil = (bucketOf(until+m.cfg.Horizon) + 1) * bucketWidth
		m.adopt()
	}
	for {
		if until > m.loadedUntil && m.extend(until) {
			return false
		}
		if len(m.timers) == 0 || m.timers[0].at >= until {
			return true
		}
		if *fired >= maxFireStep {
			return false
		}
		t := m.timers[0]
		p := m.people.get(t.key)
		if p == nil {
			m.prefetch(until)
			return false
		}
		m.timers.pop()
		*fired++
		m.Stats.Fired++
		if p.person.Armed != t.at {
			continue // armed earlier since, and that has fired
		}
		from := len(m.decisions.List)
		if next := m.program.NextDeadline(&p.person); next <= t.at {
			m.program.Fire(&p.person, t.at, until, &m.decisions)
		}
		p.person.Armed = 0
		m.touch(p, m.logTime)
		m.number(p, from, m.queue[0][m.head].Offset)
	}
}

// touch marks a person as changed and arms the deadline, if it is earlier than the
// armed one. A later one is left alone: the armed instant fires early, finds
// nothing due and arms the next. Under a catalogue that is new to the person it may lie
// in the past: then it is due as soon as log time, which is at now, moves on.
func (m *Machine) touch(p *resident, now int64) {
	if !p.dirty {
		p.dirty = true
		m.dirty = append(m.dirty, p)
	}
	next := m.program.NextDeadline(&p.person)
	if next != cohort.Never {
		next = max(next, now)
	}
	if next == cohort.Never || p.person.Armed != 0 && p.person.Armed <= next {
		return
	}
	p.person.Armed = next
	t := timer{at: next, key: p.person.Key}
	m.arms = append(m.arms, t)
	m.furthest = max(m.furthest, bucketOf(next))
	if next < m.loadedUntil {
		m.timers.push(t)
	}
}

// number gives the transitions that were just decided their ids and takes out those
// that stand in the output already: they are compared, not sent again.
func (m *Machine) number(p *resident, from int, offset int64) {
	list := m.decisions.List
	keep := from
	for i := from; i < len(list); i++ {
		t := &list[i]
		t.ID = cohort.ID{Partition: m.cfg.Partition, Offset: offset, Ordinal: m.ordinal}
		m.ordinal++
		p.last = t.ID
		m.count(t)
		if !m.highWater[Transitions].Less(t.ID) {
			m.Stats.Repeated++
			if d, ok := m.standing[t.ID]; ok {
				if d != Digest(t) {
					m.Stats.Contrary++
				}
				delete(m.standing, t.ID)
			}
			continue
		}
		if keep != i {
			list[keep] = *t
		}
		keep++
	}
	m.decisions.List = list[:keep]
}

// count keeps the sizes of cohorts.
func (m *Machine) count(t *cohort.Transition) {
	switch {
	case m.sizes == nil:
	case t.Op == cohort.OpEnter:
		m.sizes[t.Cohort]++
	case t.Op == cohort.OpExit:
		m.sizes[t.Cohort]--
	}
}

// flush publishes what this Step decided.
func (m *Machine) flush() {
	if len(m.decisions.List) == 0 {
		return
	}
	m.published[Transitions]++
	m.Stats.Transitions += int64(len(m.decisions.List))
	m.highWater[Transitions] = m.decisions.List[len(m.decisions.List)-1].ID
	m.do(Publish{Seq: m.published[Transitions], Items: m.decisions.List})
}

// prefetch asks for everybody that the queued records and the deadlines before
// their stamps need, within the bounds of one load.
func (m *Machine) prefetch(until int64) {
	keys := make([]string, 0, 64)
	asked := make(map[string]struct{})
	need := func(key string) {
		if _, ok := asked[key]; ok || m.people.byKey[key] != nil {
			return
		}
		key = strings.Clone(key) // the record's bytes must not be kept alive by a person
		asked[key] = struct{}{}
		keys = append(keys, key)
	}
	from := m.head
	for _, batch := range m.queue {
		for i := from; i < len(batch) && len(keys) < maxLoad; i++ {
			r := &batch[i]
			if r.Bad || r.Event.Person == "" {
				continue
			}
			if patterns, tells := m.concerns(r); patterns == 0 && !tells && len(r.Contacts) == 0 && !identifies(r.Event.Kind) {
				continue
			}
			until = max(until, r.Stamp)
			need(r.Event.Person)
		}
		from = 0
	}
	var seen []timer
	for len(m.timers) > 0 && m.timers[0].at < until && len(keys) < 2*maxLoad {
		t := m.timers.pop()
		seen = append(seen, t)
		need(t.key)
	}
	for _, t := range seen {
		m.timers.push(t)
	}
	if m.nobodyStored() {
		m.Stats.Loads += int64(len(keys))
		m.admit(keys, nil)
		return
	}
	m.wait(LoadPeople{Keys: keys})
}

func (m *Machine) admit(keys []string, blobs [][]byte) {
	for i, key := range keys {
		if m.people.byKey[key] != nil {
			continue
		}
		var blob []byte
		if blobs != nil {
			blob = blobs[i]
		}
		p := m.people.add(key)
		if m.cfg.Slices > 0 {
			p.slice = m.cfg.SliceOf(key)
		}
		if err := m.program.Decode(key, blob, &p.person); err != nil {
			m.finalEnd(Damaged, "state of a person in partition %d: %v; reset the partition's state to rebuild it from the log", m.cfg.Partition, err)
			return
		}
		p.profiled = p.person.Version
	}
}

func (m *Machine) wait(e Effect) {
	m.waiting, m.passing = e, append(m.passing[:0], m.expect)
	m.do(e)
}

// known says whether a checkpoint read along with a load is ours: the one that we
// committed last, the one that is just being committed, or one that was the last
// since the load was asked for. A commit that passes a load on its way changes nothing of
// what was asked for: who is asked for is not in memory, so not in the commit.
func (m *Machine) known(checkpoint []byte) bool {
	if m.current(checkpoint) {
		return true
	}
	for _, ours := range m.passing {
		if same(checkpoint, ours) {
			return true
		}
	}
	return false
}

// current is known without what a commit has passed.
func (m *Machine) current(checkpoint []byte) bool {
	return same(checkpoint, m.expect) || m.commit != nil && m.commit.asked && bytes.Equal(checkpoint, m.commit.next)
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func (m *Machine) peopleLoaded(in PeopleLoaded) {
	if _, ok := m.waiting.(LoadPeople); !ok || m.phase != running {
		return
	}
	m.waiting = nil
	if !m.known(in.Checkpoint) {
		m.endTenure(Conflict, "people were read under another checkpoint")
		return
	}
	m.Stats.Loads += int64(len(in.Keys))
	m.admit(in.Keys, in.Blobs)
}

// extend makes the deadlines up to an instant known, and some more. True = a load is
// under way. Beyond the furthest bucket that was ever armed there is nothing to load,
// however far log time jumps.
func (m *Machine) extend(until int64) bool {
	first, horizon := bucketOf(m.loadedUntil), m.cfg.Horizon
	if m.Lag() > int64(m.cfg.Budget) {
		horizon *= behindHorizon
	}
	last := bucketOf(until + horizon)
	if first > m.furthest || m.nobodyStored() {
		before := m.loadedUntil
		m.loadedUntil = (last + 1) * bucketWidth
		m.adoptFrom(before)
		return false
	}
	m.wait(LoadDeadlines{First: first, Count: int(min(last, m.furthest, first+maxBuckets-1) - first + 1)})
	return true
}

func (m *Machine) deadlinesLoaded(in DeadlinesLoaded) {
	if _, ok := m.waiting.(LoadDeadlines); !ok || m.phase != running {
		return
	}
	e := m.waiting
	m.waiting = nil
	switch {
	case m.current(in.Checkpoint):
	case m.known(in.Checkpoint):
		// A commit has passed this load: it lacks what that commit armed.
		m.wait(e)
		return
	default:
		m.endTenure(Conflict, "deadlines were read under another checkpoint")
		return
	}
	for i, b := range in.Buckets {
		if len(b) == 0 {
			continue
		}
		bucket := in.First + int64(i)
		m.stored[bucket] = struct{}{}
		err := decodeBucket(bucket, b, func(t timer) {
			if t.at >= m.logTime {
				m.timers.push(t)
			}
		})
		if err != nil {
			m.finalEnd(Damaged, "bucket %d of partition %d: %v", bucket, m.cfg.Partition, err)
			return
		}
	}
	before := m.loadedUntil
	m.loadedUntil = (in.First + int64(len(in.Buckets))) * bucketWidth
	m.adoptFrom(before)
}

// adopt takes the deadlines that were armed beyond the horizon and now lie within
// it into memory: those of the commit under way too, since the load may or may not
// have seen them. One that comes twice is looked at twice.
func (m *Machine) adopt() { m.adoptFrom(math.MinInt64) }

func (m *Machine) adoptFrom(before int64) {
	take := func(arms []timer) {
		for _, t := range arms {
			if t.at >= before && t.at < m.loadedUntil {
				m.timers.push(t)
			}
		}
	}
	take(m.arms)
	if m.commit != nil {
		take(m.commit.arms)
	}
}
