package audit

import (
	"maps"
	"slices"
)

// judgeProfiles wants the last record of each key to be what the person is.
func (a *auditor) judgeProfiles() {
	type state struct {
		profileRecord
		tombstone bool
		place     string
		at        int64 // the broker's time
	}
	until := a.until()
	for partition, records := range a.books[profilesTopic] {
		last := make(map[string]*state)
		processed := int64(0)
		for i := range records {
			r := &records[i]
			if r.Value == nil {
				if s := last[string(r.Key)]; s == nil || s.Op != "delete" && !s.tombstone {
					a.report.find(Disorder, profilesTopic, "%s: a tombstone without a delete before it", r.Place())
				}
				last[string(r.Key)] = &state{tombstone: true, place: r.Place(), at: r.At}
				continue
			}
			s := &state{place: r.Place(), at: r.At}
			if err := a.codec.decode(r, &s.profileRecord); err != nil {
				a.report.find(Unreadable, profilesTopic, "%v", err)
				continue
			}
			if s.Op == "watermark" {
				if s.Processed != nil {
					processed = max(processed, *s.Processed)
				}
				continue
			}
			a.count("profiles", 1)
			if before := last[s.Person]; before != nil && !before.tombstone && before.Version > s.Version {
				a.report.find(Disorder, profilesTopic, "%s: version %d of %s behind version %d", r.Place(), s.Version, s.Person, before.Version)
			}
			last[s.Person] = s
		}
		if partition >= len(a.processed) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(a.fold.people)) {
			p := a.fold.people[key]
			told := a.byPerson[key]
			if p.partition != partition || p.circular || a.later[key] || p.changed >= processed || len(told) == 0 {
				continue
			}
			s := last[key]
			newest := told[len(told)-1]
			if newest.id.offset >= a.processed[partition] {
				continue // it has moved on since the events were read
			}
			switch {
			case s != nil && s.Version > newest.Version && !a.options.Complete:
			case s == nil:
				a.report.find(Lost, profilesTopic, "%s has no record", key)
			case s.tombstone && s.at > until:
				// It may speak of events that came after those that were read. A tombstone has no version to tell by.
			case s.tombstone && p.returned && len(p.stays) == 0:
				// They came back and are in nothing. Whether that is told as a delete hangs on where a checkpoint fell.
				a.count("people who came back, stand in nothing and are told as gone", 1)
			case p.gone != s.tombstone && p.gone:
				a.report.find(Lost, profilesTopic, "%s: %s is gone, and no tombstone follows", s.place, key)
			case p.gone != s.tombstone:
				a.report.find(Contradictory, profilesTopic, "%s: %s is not gone", s.place, key)
			case p.gone:
			case s.Version < newest.Version:
				a.report.find(Lost, profilesTopic, "%s: %s stands at version %d, the newest transition is version %d", s.place, key, s.Version, newest.Version)
			case s.Version > newest.Version || s.ID != newest.ID:
				a.report.find(Contradictory, profilesTopic, "%s: %s stands at version %d (%s), the newest transition is version %d (%s)", s.place, key, s.Version, s.ID, newest.Version, newest.ID)
			default:
				a.judgeStays(p, s.place, &s.profileRecord)
			}
			a.count("profiles compared with the fold", 1)
		}
	}
}

func (a *auditor) judgeStays(p *person, place string, s *profileRecord) {
	listed := make(map[string]bool)
	for _, m := range s.Memberships {
		if !a.judged(m.Cohort) {
			continue
		}
		listed[m.Cohort] = true
		since, in := p.stays[m.Cohort]
		if !in || since != m.EnteredAt && !p.near[m.Cohort] {
			a.report.find(Contradictory, profilesTopic, "%s: %s is not in %s since %d", place, p.key, m.Cohort, m.EnteredAt)
		}
	}
	for cohort := range p.stays {
		if !listed[cohort] {
			a.report.find(Lost, profilesTopic, "%s: %s is in %s, which is not listed", place, p.key, cohort)
		}
	}
}
