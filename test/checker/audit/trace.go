package audit

import (
	"fmt"
	"io"
	"time"
)

// Trace writes everything that the topics say of one person key: what came, what was decided, and what the fold
// has in its place.
func Trace(w io.Writer, books Books, options Options, key string) error {
	a := newAuditor(books, options)
	a.readTransitions()
	if err := a.foldEvents(); err != nil {
		return err
	}
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05.000") }
	for _, l := range a.fold.partitions {
		for i := range l.records {
			if e := &l.records[i]; text(e.Person) == key {
				fmt.Fprintf(w, "event  %d/%-7d %s accepted %s %-9s %-18s %s email %q into %q\n", l.number, l.offsets[i], at(e.EventAt), at(e.AcceptedAt),
					e.Kind, text(e.Name), e.ID, text(e.Email), e.Strings["cohortflow.into"])
			}
		}
	}
	for _, list := range a.transitions {
		for i := range list {
			if e := &list[i]; e.Person == key {
				fmt.Fprintf(w, "said   %-10s %-5s %-22s at %s decided %s version %d %s\n", e.ID, e.Op, e.Cohort, at(e.EffectiveAt), at(e.DecidedAt), e.Version, e.Reason)
			}
		}
	}
	if p := a.fold.people[key]; p != nil {
		for _, cohort := range p.cohorts() {
			for _, s := range p.steps[cohort] {
				fmt.Fprintf(w, "fold   %d/%-7d %-5v %-22s at %s %s\n", p.partition, s.offset, map[bool]string{true: "enter", false: "exit"}[s.enter], cohort, at(s.at), s.class)
			}
		}
	}
	return nil
}
