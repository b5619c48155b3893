package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/test/bench/latency"
)

// patience is how long a transition waits on the board for its suppression record
// before it is shown without.
const patience = 300 * time.Millisecond

// tally counts what happened to one cohort.
type tally struct{ entered, exited, members int }

// shown is one transition that is due to be printed.
type shown struct {
	transition cohort.Transition
	seen       time.Time
	why        string
	toAds      time.Duration // acceptance to suppression record; negative = none seen
	live       bool          // somebody did something while we watched
	silent     bool          // nobody did anything: time passed while we watched
}

// board keeps what was seen on the topics, and joins transitions with the records that follow them.
type board struct {
	mu       sync.Mutex
	started  time.Time
	names    map[string]string // what was sent, by event id
	senders  map[string]string // by whom
	live     map[string]bool   // ids of the purchases made while we watch
	open     bool              // the play is over: what comes now, somebody has just done by hand
	cohorts  map[string]*tally
	receipts map[string]map[string]int // by destination and outcome
	waiting  map[string]shown          // by transition id
	early    map[string]time.Duration  // suppression records that came before their transition

	logged, quarantined int
	transitions, gaps   int
	people              map[string]*personState
	suppressed          map[string]map[string][]string // digests by audience and person

	allToAds  latency.Recorder // acceptance to record readable, deciding events only
	liveToAds latency.Recorder // the same, purchases made one by one
	lateness  latency.Recorder // silent changes: seen after their instant
	liveSeen  map[string]bool  // of live, those whose record was read
	silent    int
	awaited   map[string]bool // people whose silent change has not come yet
	changed   time.Time       // of the last news
}

func newBoard(now time.Time) *board {
	return &board{
		started: now, changed: now, awaited: map[string]bool{}, liveSeen: map[string]bool{},
		names: map[string]string{}, senders: map[string]string{}, live: map[string]bool{}, cohorts: map[string]*tally{},
		receipts: map[string]map[string]int{}, waiting: map[string]shown{}, early: map[string]time.Duration{},
		people: map[string]*personState{}, suppressed: map[string]map[string][]string{},
	}
}

// awaits says who will change cohort without doing anything.
func (b *board) awaits(people []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.silent = len(people)
	for _, person := range people {
		b.awaited[person] = true
	}
}

// sending says what is about to be sent, so that a transition can name its cause.
func (b *board) sending(c call, live bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[c.id] = cmp.Or(c.event, "identify")
	b.senders[c.id] = c.person
	if live {
		b.live[c.id] = true
	}
}

// opened says that the play is over.
func (b *board) opened() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = true
}

func (b *board) tallyOf(name string) *tally {
	if b.cohorts[name] == nil {
		b.cohorts[name] = &tally{}
	}
	return b.cohorts[name]
}

// known takes in a transition from before the demo, for the count of members.
func (b *board) known(t *cohort.Transition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.apply(t)
	if t.Op == cohort.OpEnter {
		b.tallyOf(t.Cohort).members++
	} else {
		b.tallyOf(t.Cohort).members--
	}
}

// event takes in a record of the log.
func (b *board) event(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = now
	b.logged++
}

// quarantine takes in a record of what was not understood.
func (b *board) quarantine() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quarantined++
}

// transition takes in one transition as it is read.
func (b *board) transition(t cohort.Transition, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = now
	b.transitions++
	b.apply(&t)
	c := b.tallyOf(t.Cohort)
	if t.Op == cohort.OpEnter {
		c.entered++
		c.members++
	} else {
		c.exited++
		c.members--
	}
	s := shown{transition: t, seen: now, toAds: -1, live: b.live[t.SourceID] || b.open, why: b.why(&t)}
	if t.SourceID == "" && t.Reason == cohort.ReasonWindowEnded && t.EffectiveAt >= b.started.UnixMilli() {
		s.silent = true
		delete(b.awaited, t.Person)
		b.lateness.Add(now.Sub(time.UnixMilli(t.EffectiveAt)))
	}
	id := avrocodec.FormatID(t.ID)
	if took, ok := b.early[id]; ok {
		s.toAds = took
		delete(b.early, id)
	}
	b.waiting[id] = s
}

func (b *board) why(t *cohort.Transition) string {
	switch {
	case t.SourceID == "":
		return "time passed"
	case b.names[t.SourceID] != "":
		return b.names[t.SourceID]
	}
	return t.Reason
}

// suppression takes in one record of an ad platform's topic as it is read.
func (b *board) suppression(s *avrocodec.Suppression, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = now
	took := now.Sub(time.UnixMilli(s.AcceptedAt))
	if s.SourceID != "" {
		b.allToAds.Add(took)
		if b.live[s.SourceID] && s.Op == avrocodec.OpSuppress {
			b.liveSeen[s.SourceID] = true
			b.liveToAds.Add(took)
		}
	}
	if person := b.senders[s.SourceID]; person != "" {
		if b.suppressed[s.Audience] == nil {
			b.suppressed[s.Audience] = map[string][]string{}
		}
		digests := []string{}
		for _, id := range s.Identifiers {
			digests = append(digests, id.Value)
		}
		b.suppressed[s.Audience][person] = digests
		if s.Op == avrocodec.OpRelease {
			delete(b.suppressed[s.Audience], person)
		}
	}
	if w, ok := b.waiting[s.TransitionID]; ok {
		w.toAds = took
		b.waiting[s.TransitionID] = w
	} else {
		b.early[s.TransitionID] = took
	}
}

// receipt takes in what a destination answered.
func (b *board) receipt(r *avrocodec.Receipt, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = now
	if b.receipts[r.Destination] == nil {
		b.receipts[r.Destination] = map[string]int{}
	}
	b.receipts[r.Destination][r.Outcome]++
}

// advertised are the cohorts that ad platforms are told of.
var advertised = map[string]bool{recentCohort: true, vipCohort: true}

// due takes off the board what can be printed now, in the order of reading. What one
// event did to a person stays together.
func (b *board) due(now time.Time) []shown {
	b.mu.Lock()
	defer b.mu.Unlock()
	type cause struct {
		partition int32
		offset    int64
	}
	held := map[cause]bool{}
	for _, s := range b.waiting {
		if s.toAds < 0 && advertised[s.transition.Cohort] && now.Sub(s.seen) < patience {
			held[cause{s.transition.ID.Partition, s.transition.ID.Offset}] = true
		}
	}
	var out []shown
	first := map[cause]time.Time{}
	for id, s := range b.waiting {
		c := cause{s.transition.ID.Partition, s.transition.ID.Offset}
		if held[c] {
			continue
		}
		out = append(out, s)
		delete(b.waiting, id)
		if at, ok := first[c]; !ok || s.seen.Before(at) {
			first[c] = s.seen
		}
	}
	slices.SortFunc(out, func(x, y shown) int {
		a, b := x.transition.ID, y.transition.ID
		return cmp.Or(
			first[cause{a.Partition, a.Offset}].Compare(first[cause{b.Partition, b.Offset}]),
			cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Ordinal, b.Ordinal),
		)
	})
	return out
}

// lastNews says when something came last.
func (b *board) lastNews() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// columns are the head of the lines of transitions.
func columns() string {
	return fmt.Sprintf("%s  %s  %s %s  %s  %s", pad("time", 12), pad("who", 12), "   ", pad("cohort", 19), pad("why", 15), "after")
}

// line is how a transition is printed.
func (s shown) line(scr *screen) string {
	arrow, style := "in ", green
	if s.transition.Op != cohort.OpEnter {
		arrow, style = "out", amber
	}
	after := latency.Millis(s.seen.Sub(time.UnixMilli(s.transition.AcceptedAt)))
	switch {
	case s.toAds >= 0:
		after = latency.Millis(s.toAds) + scr.paint(bold, " ads")
	case s.transition.Elapsed:
		after = "over already"
	case s.silent:
		after = latency.Millis(s.seen.Sub(time.UnixMilli(s.transition.EffectiveAt)))
	case s.transition.SourceID == "":
		after = ""
	}
	return fmt.Sprintf("%s  %s  %s %s  %s  %s", scr.paint(dim, s.seen.Format("15:04:05.000")), pad(s.transition.Person, 12),
		scr.paint(style, arrow), pad(s.transition.Cohort, 19), pad(s.why, 15), after)
}
