package audit

import (
	"fmt"
	"slices"

	"github.com/cohortflow/cohortflow/schemas"
)

const (
	eventsTopic      = schemas.EventsTopic
	transitionsTopic = schemas.TransitionsTopic
	profilesTopic    = schemas.ProfilesTopic
	receiptsTopic    = schemas.ReceiptsTopic
	quarantineTopic  = schemas.QuarantineTopic
	watermarkKey     = "__watermark__"
)

// Options say what is known about the flow beside its topics.
type Options struct {
	// EventClock: time is data (--clock events).
	EventClock bool
	// Complete: nothing is on its way any more. What is not there by now will not come.
	Complete bool
	// Acknowledged are ids of messages that ingest answered with success; nil = not known.
	Acknowledged []string
	// Taken is what SalesWings got, in order; nil = not known.
	Taken []Taken
}

// Topics lists what an audit reads, with the suppression topics of all platforms.
func Topics() []string {
	list := []string{eventsTopic, transitionsTopic, profilesTopic, receiptsTopic, quarantineTopic, schemas.DeadLetterTopic}
	for _, p := range schemas.Platforms() {
		list = append(list, schemas.SuppressionTopic(p))
	}
	return list
}

// auditor holds what one audit has read.
type auditor struct {
	books   Books
	options Options
	codec   *codec
	report  *Report
	fold    *fold

	transitions [][]entry       // by partition, without watermarks
	processed   []int64         // by partition
	later       map[string]bool // people of whom there is news that is not folded
	byID        map[string]*entry
	byPerson    map[string][]*entry // enter and exit, in order
	refused     map[string]bool     // ids of transitions that SalesWings has refused, at some time
}

// entry is a transition and where it stands.
type entry struct {
	transitionRecord
	id     id
	record *Record
}

func newAuditor(books Books, options Options) *auditor {
	return &auditor{
		books: books, options: options, codec: newCodec(), report: newReport(),
		later: map[string]bool{}, byID: map[string]*entry{}, byPerson: map[string][]*entry{}, refused: map[string]bool{},
	}
}

// Run audits. An error says that the audit could not be made; what it found is in the report.
func Run(books Books, options Options) (*Report, error) {
	a := newAuditor(books, options)
	if len(books[eventsTopic]) == 0 {
		return nil, fmt.Errorf("%s is not there or has no partition", eventsTopic)
	}
	a.readTransitions()
	if err := a.foldEvents(); err != nil {
		return nil, err
	}
	a.acknowledged()
	a.judgeTransitions()
	a.judgeProfiles()
	a.judgeSuppression()
	a.judgeReceipts()
	a.judgeTaken()
	return a.report, nil
}

func (a *auditor) count(name string, n int) { a.report.Counts[name] += int64(n) }

// readTransitions decodes the transitions and what their watermarks promise.
func (a *auditor) readTransitions() {
	n := len(a.books[eventsTopic])
	a.transitions, a.processed = make([][]entry, n), make([]int64, n)
	for p, records := range a.books[transitionsTopic] {
		if p >= n {
			a.report.find(Contradictory, transitionsTopic, "it has more partitions than %s", eventsTopic)
			return
		}
		tenure := int64(-1)
		for i := range records {
			r := &records[i]
			var e entry
			if err := a.codec.decode(r, &e.transitionRecord); err != nil {
				a.report.find(Unreadable, transitionsTopic, "%v", err)
				continue
			}
			if e.Op == "watermark" {
				a.count("watermarks", 1)
				if e.Tenure != nil && *e.Tenure < tenure {
					a.report.find(Disorder, transitionsTopic, "%s: a watermark of tenure %d behind one of tenure %d: the fence does not hold", r.Place(), *e.Tenure, tenure)
				} else if e.Tenure != nil {
					tenure = *e.Tenure
				}
				if e.Processed != nil {
					a.processed[p] = max(a.processed[p], *e.Processed)
				}
				continue
			}
			var err error
			if e.id, err = parseID(e.ID); err != nil {
				a.report.find(Unreadable, transitionsTopic, "%s: %v", r.Place(), err)
				continue
			}
			e.record = r
			if e.id.offset < a.processed[p] && a.byID[e.ID] == nil {
				a.report.find(Disorder, transitionsTopic, "%s: transition %s stands behind a watermark that says that all below offset %d are there", r.Place(), e.ID, a.processed[p])
			}
			a.transitions[p] = append(a.transitions[p], e)
			if a.byID[e.ID] == nil {
				a.byID[e.ID] = &e
			}
		}
	}
}

// foldEvents works off what the log says.
func (a *auditor) foldEvents() error {
	f := &fold{
		eventClock: a.options.EventClock, report: a.report, people: map[string]*person{}, unjudged: map[string]bool{},
		handed: map[string]*handover{}, passed: map[string]bool{}, erased: map[int][]proof{}, processed: a.processed,
		said: map[string][]*entry{},
	}
	for _, list := range a.transitions {
		for i := range list {
			if e := &list[i]; classOf(e.Reason) != classContacts {
				at := fmt.Sprint(e.Person, " ", e.Cohort, " ", e.id.offset)
				f.said[at] = append(f.said[at], e)
			}
		}
	}
	until := a.until()
	for p, records := range a.books[eventsTopic] {
		l := &lane{number: p}
		if len(records) > 0 && records[0].Offset > 0 {
			return fmt.Errorf("%s/%d begins at offset %d: retention has taken what the fold needs", eventsTopic, p, records[0].Offset)
		}
		for i := range records {
			var e eventRecord
			if err := a.codec.decode(&records[i], &e); err != nil {
				a.report.find(Unreadable, eventsTopic, "%v", err)
				continue
			}
			if who := text(e.Person); who != "" && who != string(records[i].Key) {
				a.report.find(Contradictory, eventsTopic, "%s: its key is not its person", records[i].Place())
			}
			if e.Numbers["cohortflow.hops"] > 0 || e.Kind == "merge" && text(e.Name) == "absorb" {
				f.passed[e.ID+" "+text(e.Person)] = true
			}
			if records[i].At > until {
				a.later[text(e.Person)] = true
				continue
			}
			l.records, l.offsets, l.stamps = append(l.records, e), append(l.offsets, records[i].Offset), append(l.stamps, records[i].At)
			a.count("events, "+e.Kind, 1)
		}
		if n := len(records); n > 0 && a.options.Complete && a.processed[p] <= records[n-1].Offset {
			a.report.find(Stuck, transitionsTopic, "partition %d is worked off up to offset %d, its log ends at %d", p, a.processed[p], records[n-1].Offset+1)
		}
		// What was decided of records that came after the reading is not looked at.
		end := int64(0)
		if n := len(l.offsets); n > 0 {
			end = l.offsets[n-1] + 1
		}
		a.processed[p] = min(a.processed[p], end)
		f.partitions = append(f.partitions, l)
	}
	a.fold = f
	if err := f.begin(); err != nil {
		if n := len(a.report.Findings); n > 0 {
			err = fmt.Errorf("%w; the first of %d other findings: %s", err, n, a.report.Findings[0].What)
		}
		return err
	}
	err := f.run()
	a.count("people", len(f.people))
	return err
}

// settling is how long before the last event of a flow that runs the fold stops, in ms of the brokers' clocks: up to
// there every partition has been read, so what one hands over to another is never seen without what it comes from.
const settling = 1_000

// until is the broker's time up to which events are folded.
func (a *auditor) until() int64 {
	if a.options.Complete {
		return never
	}
	last := int64(0)
	for _, records := range a.books[eventsTopic] {
		for i := range records {
			last = max(last, records[i].At)
		}
	}
	return last - settling
}

// acknowledged looks for every message that ingest said it has.
func (a *auditor) acknowledged() {
	if a.options.Acknowledged == nil {
		return
	}
	there := make(map[string]bool)
	for _, records := range a.books[eventsTopic] {
		for i := range records {
			var e eventRecord
			if a.codec.decode(&records[i], &e) == nil {
				there[e.ID] = true
			}
		}
	}
	for _, id := range a.options.Acknowledged {
		if !there[id] {
			a.report.find(Lost, eventsTopic, "message %s was answered with success and is not there", id)
		}
	}
	a.count("messages acknowledged", len(a.options.Acknowledged))
}

// judged says whether the fold speaks of a cohort.
func (a *auditor) judged(cohort string) bool {
	return slices.ContainsFunc(a.fold.rules, func(r *rule) bool { return r.key == cohort })
}

// beyond says that a transition may be one that was written after the transitions were read.
func (a *auditor) beyond(text string) bool {
	x, err := parseID(text)
	if err != nil || a.options.Complete || int(x.partition) >= len(a.transitions) {
		return false
	}
	list := a.transitions[x.partition]
	return len(list) == 0 || list[len(list)-1].id.compare(x) < 0
}
