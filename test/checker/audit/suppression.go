package audit

import (
	"maps"
	"slices"

	"github.com/cohortflow/cohortflow/schemas"
)

// judgeSuppression wants the last word of each key to be that of the newest transition.
func (a *auditor) judgeSuppression() {
	for _, platform := range schemas.Platforms() {
		topic := schemas.SuppressionTopic(platform)
		records, there := a.books[topic]
		var audiences []audience
		for _, x := range a.fold.document.Audiences {
			if x.Mode == "exclude" && slices.Contains(x.Platforms, platform) {
				audiences = append(audiences, x)
			}
		}
		if there && len(audiences) > 0 {
			s := &suppression{auditor: a, topic: topic, subjects: map[string]string{}, people: map[string]string{}}
			for partition := range records {
				s.read(partition, records[partition])
			}
			for _, x := range audiences {
				s.judge(&x)
			}
		}
	}
}

// suppression is the topic of one platform.
type suppression struct {
	*auditor
	topic     string
	subjects  map[string]string // person by subject
	people    map[string]string // subject by person
	words     map[string][]word // by audience and person
	processed map[int]int64     // transitions offset below which all is worked off
}

// word is one record of a key.
type word struct {
	op, id, reason string
	place          string
	at             int64
}

const tombstone = "tombstone"

// header names the transition of a tombstone.
const header = "x-transition-id"

func (s *suppression) read(partition int, records []Record) {
	if s.words == nil {
		s.words, s.processed = map[string][]word{}, map[int]int64{}
	}
	keys := make(map[string]string) // audience and person by key
	for i := range records {
		r := &records[i]
		if r.Value == nil {
			of := keys[string(r.Key)]
			if of == "" && s.beyond(r.Headers[header]) {
				continue
			}
			if of == "" {
				s.report.find(Disorder, s.topic, "%s: a tombstone of a key that nothing was said of", r.Place())
				continue
			}
			s.words[of] = append(s.words[of], word{op: tombstone, id: r.Headers[header], place: r.Place(), at: r.Offset})
			continue
		}
		var w suppressionRecord
		if err := s.codec.decode(r, &w); err != nil {
			s.report.find(Unreadable, s.topic, "%v", err)
			continue
		}
		if w.Op == "watermark" {
			if w.Processed != nil {
				s.processed[partition] = max(s.processed[partition], *w.Processed)
			}
			continue
		}
		s.count("suppression records", 1)
		t := s.byID[w.ID]
		if t == nil && s.beyond(w.ID) {
			continue
		}
		if t == nil {
			s.report.find(Contradictory, s.topic, "%s: it speaks of transition %s, which is not there", r.Place(), w.ID)
			continue
		}
		if t.record.Partition != r.Partition || t.Version != w.Version || t.Cohort != w.Cohort {
			s.report.find(Contradictory, s.topic, "%s: partition, version or cohort are not those of transition %s", r.Place(), w.ID)
		}
		if known, ok := s.subjects[w.Subject]; ok && known != t.Person {
			s.report.find(Contradictory, s.topic, "%s: two people have one subject", r.Place())
		}
		if known, ok := s.people[t.Person]; ok && known != w.Subject {
			s.report.find(Contradictory, s.topic, "%s: one person has two subjects", r.Place())
		}
		s.subjects[w.Subject], s.people[t.Person] = t.Person, w.Subject
		of := w.Audience + "\x00" + t.Person
		keys[string(r.Key)] = of
		s.words[of] = append(s.words[of], word{op: w.Op, id: w.ID, reason: w.Reason, place: r.Place(), at: r.Offset})
	}
}

// judge holds the words of one audience against the transitions of its cohort.
func (s *suppression) judge(x *audience) {
	cohort := x.Cohort
	if cohort == "" || x.Consent != "" {
		cohort = x.Key // a cohort of its own
	}
	for _, person := range slices.Sorted(maps.Keys(s.byPerson)) {
		var want []word
		for _, t := range s.byPerson[person] {
			if t.Cohort != cohort || t.Elapsed || !s.options.Complete && t.record.Offset >= s.processed[int(t.record.Partition)] {
				continue
			}
			switch class := classOf(t.Reason); {
			case t.Op == "enter":
				want = append(want, word{op: "SUPPRESS", id: t.ID})
			case class == classContacts || t.Reason == "warmed":
				want = append(want, word{op: "RELEASE", id: t.ID, reason: "perhaps"}) // only if a contact was given up
			case class == classMerged, class == classErased:
				want = append(want, word{op: "RELEASE", id: t.ID}, word{op: tombstone, id: t.ID})
			default:
				want = append(want, word{op: "RELEASE", id: t.ID})
			}
		}
		s.align(x, person, want, s.words[x.Key+"\x00"+person])
	}
}

func (s *suppression) align(x *audience, person string, want, got []word) {
	seen := make(map[string]bool)
	i := 0
	for _, w := range got {
		name := w.op + " " + w.id
		if seen[name] {
			s.report.find(Duplicate, s.topic, "%s: %s of transition %s for %s is there twice", w.place, w.op, w.id, x.Key)
			continue
		}
		seen[name] = true
		at := slices.IndexFunc(want[min(i, len(want)):], func(x word) bool { return x.op == w.op && x.id == w.id })
		switch {
		case at >= 0:
			for _, left := range want[i : i+at] {
				s.lost(x, person, &left)
			}
			i += at + 1
		case slices.ContainsFunc(want, func(x word) bool { return x.op == w.op && x.id == w.id }):
			s.report.find(Disorder, s.topic, "%s: %s of transition %s for %s stands behind a later one", w.place, w.op, w.id, x.Key)
		case s.options.Complete:
			s.report.find(Contradictory, s.topic, "%s: %s of transition %s for %s should not be there", w.place, w.op, w.id, x.Key)
		}
	}
	for k := range want[min(i, len(want)):] {
		s.lost(x, person, &want[i+k])
	}
	s.count("suppression words compared", len(want))
}

func (s *suppression) lost(x *audience, person string, w *word) {
	if w.reason != "perhaps" {
		s.report.find(Lost, s.topic, "%s of transition %s (%s) for %s is not there", w.op, w.id, person, x.Key)
	}
}
