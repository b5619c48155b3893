package main

import (
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
	live       bool          // somebody bought while we watched
	silent     bool          // nobody did anything: time passed while we watched
}

// board keeps what was seen on the topics, and joins transitions with the records that follow them.
type board struct {
	mu       sync.Mutex
	started  time.Time
	names    map[string]string // what was sent, by event id
	live     map[string]bool   // ids of the purchases made while we watch
	cohorts  map[string]*tally
	receipts map[string]map[string]int // by destination and outcome
	waiting  map[string]shown          // by transition id
	early    map[string]time.Duration  // suppression records that came before their transition

	allToAds  latency.Recorder // acceptance to record readable, deciding events only
	liveToAds latency.Recorder // the same, purchases made one by one
	lateness  latency.Recorder // silent changes: seen after their instant
	liveSeen  int
	awaited   map[string]bool // people whose silent change has not come yet
	changed   time.Time       // of the last news
}

func newBoard(now time.Time, silent []string) *board {
	b := &board{
		awaited: map[string]bool{},
		started: now, names: map[string]string{}, live: map[string]bool{}, cohorts: map[string]*tally{},
		receipts: map[string]map[string]int{}, waiting: map[string]shown{}, early: map[string]time.Duration{}, changed: now,
	}
	for _, person := range silent {
		b.awaited[person] = true
	}
	return b
}

// sending says what is about to be sent, so that a transition can name its cause.
func (b *board) sending(c call, live bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.names[c.id] = c.event
	if c.event == "" {
		b.names[c.id] = "identify"
	}
	if live {
		b.live[c.id] = true
	}
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
	if t.Op == cohort.OpEnter {
		b.tallyOf(t.Cohort).members++
	} else {
		b.tallyOf(t.Cohort).members--
	}
}

// transition takes in one transition as it is read.
func (b *board) transition(t cohort.Transition, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = now
	c := b.tallyOf(t.Cohort)
	if t.Op == cohort.OpEnter {
		c.entered++
		c.members++
	} else {
		c.exited++
		c.members--
	}
	s := shown{transition: t, seen: now, toAds: -1, live: b.live[t.SourceID], why: b.why(&t)}
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
			b.liveSeen++
			b.liveToAds.Add(took)
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

// due takes off the board what can be printed now, by the order of reading.
func (b *board) due(now time.Time) []shown {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []shown
	for id, s := range b.waiting {
		if s.toAds >= 0 || s.transition.SourceID == "" || now.Sub(s.seen) >= patience {
			out = append(out, s)
			delete(b.waiting, id)
		}
	}
	slices.SortFunc(out, func(x, y shown) int { return x.seen.Compare(y.seen) })
	return out
}

// progress says how much of what the play provokes has come out.
func (b *board) progress() (liveSeen, awaited int, changed time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.liveSeen, len(b.awaited), b.changed
}

func (s shown) direction() (arrow, style string) {
	if s.transition.Op == cohort.OpEnter {
		return "in ", green
	}
	return "out", amber
}

// line is how a transition is printed.
func (s shown) line(scr *screen) string {
	arrow, style := s.direction()
	tail := ""
	switch {
	case s.toAds >= 0:
		tail = "ads record " + latency.Millis(s.toAds) + " after acceptance"
	case s.silent:
		tail = latency.Millis(s.seen.Sub(time.UnixMilli(s.transition.EffectiveAt))) + " after its instant"
	case s.transition.Elapsed:
		tail = "over already: not delivered"
	}
	return fmt.Sprintf("%s  %s  %s %s  %s  %s", scr.paint(dim, s.seen.Format("15:04:05.000")), pad(s.transition.Person, 14),
		scr.paint(style, arrow), pad(s.transition.Cohort, 22), pad(s.why, 18), scr.paint(dim, tail))
}
