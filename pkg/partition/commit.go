package partition

import (
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/pkg/cohort"
)

const retryEvery = 100 // ms before an effect that surely had no effect is asked for again

// freeze is the state at one point of the log on its way into the store. It is sent
// once every transition and state record decided up to that point is acknowledged.
// A crash before the write is answered leaves the old checkpoint: the work is
// repeated, decides the same, and finds it published.
type freeze struct {
	needs  [outputs]int64 // publish numbers that must be acknowledged first
	sent   int64          // number of the record to other logs that must be
	effect Commit
	next   []byte
	arms   []timer
	people []*resident
	asked  bool
}

// nobodyStored says that the first commit of a rebuild is still to come, or has not been answered. What a
// store without a checkpoint has is of no known offset: it is never read, and that commit takes its place.
// A removal by itself would not do: after a failover another node, which also lacks the checkpoint, has it all.
// Whom the commit under way holds is in memory.
func (m *Machine) nobodyStored() bool { return m.expect == nil }

// progressed says whether there is anything that a commit would write.
func (m *Machine) progressed() bool {
	return len(m.dirty) > 0 || m.offset > m.checkpoint.Offset || m.ordinal > m.checkpoint.Ordinal
}

// commitPace tells after how long, and after how many touched people, a commit is due.
// Far behind the log people are touched again and again, so it is worth waiting.
func (m *Machine) commitPace() (every int64, people int) {
	if m.Lag() > int64(4*m.cfg.Budget) {
		return m.cfg.BehindEvery, min(m.cfg.BehindPeople, m.cfg.MaxTouched)
	}
	return m.cfg.CommitEvery, min(m.cfg.CommitPeople, m.cfg.MaxTouched)
}

func (m *Machine) maybeFreeze() {
	if m.phase != running || m.commit != nil || !m.progressed() {
		return
	}
	every, people := m.commitPace()
	if m.now-m.frozenAt < every && len(m.dirty) < people && !(m.stopping && m.ordinal == 0) {
		return
	}
	m.frozenAt = m.now
	next := m.checkpoint
	next.Offset, next.Ordinal, next.LogTime = m.offset, m.ordinal, m.logTime
	next.Tenure, next.CatalogueAt, next.Catalogue = m.tenure, m.catalogueAt, m.program.Revision()
	next.Furthest = m.furthest
	next.Sweep, next.Sizes, next.Change = int32(m.sweep+1), maps.Clone(m.sizes), m.changed
	next.Seq++
	if m.taken {
		next.AnchorID, next.AnchorSum = Anchor(m.last.Event.ID, m.last.Key, m.last.Value)
		m.taken = false
		m.last = Record{}
	}
	if next.Offset > m.lastOffset+1 {
		// The newest offsets hold no record: the anchor stays at the last one that does.
		next.Offset = m.lastOffset + 1
	}
	f := &freeze{next: next.Append(nil), arms: m.arms, people: m.dirty}
	f.effect = Commit{
		Expect: m.expect, Next: f.next, Checkpoint: next,
		People:    make([]Person, 0, len(m.dirty)),
		Deadlines: m.bucketed(),
		Drop:      m.spent(),
	}
	m.arms, m.dirty = nil, nil
	var arena []byte
	var profiles []cohort.Profile
	for _, p := range f.people {
		from := len(arena)
		arena = m.program.Append(arena, &p.person)
		f.effect.People = append(f.effect.People, Person{Key: p.person.Key, Blob: arena[from:len(arena):len(arena)]})
		p.dirty, p.frozen = false, true
		if p.person.Version != p.profiled || p.gone && p.person.Version > 0 {
			if m.highWater[Profiles].Less(p.last) {
				profiles = append(profiles, cohort.Profile{
					Person: p.person.Key, Version: p.person.Version, Catalogue: m.program.Revision(),
					UpdatedAt: m.logTime, ID: p.last, Memberships: m.program.Profile(&p.person),
				})
				last := &profiles[len(profiles)-1]
				last.Deleted = p.gone && len(last.Memberships) == 0
			}
			p.profiled, p.gone = p.person.Version, false
		}
	}
	m.publishProfiles(profiles)
	m.commit = f
	f.needs, f.sent = m.published, m.out.asked
	m.sendCommit()
}

func (m *Machine) publishProfiles(profiles []cohort.Profile) {
	if len(profiles) == 0 {
		return
	}
	// In the order of ids, so that the highest one says what has been published.
	slices.SortFunc(profiles, func(a, b cohort.Profile) int {
		if a.ID.Less(b.ID) {
			return -1
		}
		return 1
	})
	m.published[Profiles]++
	m.highWater[Profiles] = profiles[len(profiles)-1].ID
	m.do(PublishProfiles{Seq: m.published[Profiles], Items: profiles})
}

// sendCommit sends the frozen state once all that it depends on is acknowledged.
func (m *Machine) sendCommit() {
	f := m.commit
	if f == nil || f.asked || m.phase != running || m.out.acked < f.sent {
		return
	}
	for o := range outputs {
		if m.acked[o] < f.needs[o] {
			return
		}
	}
	f.asked = true
	m.do(f.effect)
}

func (m *Machine) committed() {
	f := m.commit
	if f == nil || !f.asked {
		return
	}
	m.commit = nil
	m.expect, m.checkpoint = f.next, f.effect.Checkpoint
	if m.waiting != nil {
		m.passing = append(m.passing, m.expect)
	}
	for _, p := range f.people {
		p.frozen = false
	}
	for _, b := range f.effect.Deadlines {
		m.stored[b.ID] = struct{}{}
	}
	for _, id := range f.effect.Drop {
		delete(m.stored, id)
	}
	m.Stats.Commits++
	m.Stats.People += int64(len(f.people))
}

// bucketed encodes the deadlines armed since the last freeze that are still ahead.
func (m *Machine) bucketed() []Bucket {
	arms := slices.Clone(m.arms)
	arms = slices.DeleteFunc(arms, func(t timer) bool { return t.at < m.logTime })
	slices.SortFunc(arms, func(a, b timer) int {
		if a.before(b) {
			return -1
		}
		if b.before(a) {
			return 1
		}
		return 0
	})
	arms = slices.Compact(arms)
	var out []Bucket
	for _, t := range arms {
		id := bucketOf(t.at)
		if len(out) == 0 || out[len(out)-1].ID != id {
			out = append(out, Bucket{ID: id})
		}
		b := &out[len(out)-1]
		b.Append = appendTimer(b.Append, t)
	}
	return out
}

// spent lists stored buckets that lie wholly before log time.
func (m *Machine) spent() []int64 {
	var drop []int64
	now := bucketOf(m.logTime)
	for id := range m.stored {
		if id < now {
			drop = append(drop, id)
		}
	}
	slices.Sort(drop)
	return drop
}
