package flow

import (
	"fmt"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const guarded = `version: 1
events:
  order: {names: [order]}
cohorts:
  - key: bought_7d
    when: {did: {event: order, within: 7d}}
  - key: just_bought_7d
    look_back: 2d
    when: {did: {event: order, within: 7d}}
  - key: lapsed_60d
    when: {silent: {event: order, for: 60d}}
`

// A year of history is told again in one burst, by the wall clock. Nobody gets into a
// window that has closed, and cohorts that
// look back no further than two days take no notice. Told once more, it changes nothing.
func TestProcessor_ABackfillPutsNobodyIntoClosedWindows(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		rules, err := catalogue.Load("guarded.yaml", []byte(guarded))
		if err != nil {
			t.Fatal(err)
		}
		c := p.client(t)
		p.create(t, c)
		app, stop := p.runBy(t, "cohortflow.processor", rules, false)
		now := time.Now().UnixMilli()
		const day = int64(86_400_000)
		var events []event.Event
		for i := range 400 {
			age := int64(i)*day - day/2 // one order a day, back for more than a year; the newest is half a day ahead
			e := event.Event{
				Kind: event.KindTrack, Source: event.SourcePipelines, Name: "order", ID: fmt.Sprintf("o%d", i), Person: fmt.Sprintf("p%d", i),
				EventAt: min(now-age, now), AcceptedAt: now, Replay: true, Clamped: age < 0,
			}
			events = append(events, e)
		}
		for range 2 {
			send(t, c, schemas.EventsTopic, recordsOf(events))
			settle(t, c, app)
		}
		stop()
		produced, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for i := range produced.Transitions {
			d := &produced.Transitions[i]
			got[d.Cohort+" "+map[cohort.Op]string{cohort.OpEnter: "+", cohort.OpExit: "-"}[d.Op]+" "+d.Reason]++
			if d.ValidUntil != 0 && d.ValidUntil <= d.DecidedAt {
				t.Errorf("%s of %s is over at %d and was decided at %d", d.Cohort, d.Person, d.ValidUntil, d.DecidedAt)
			}
		}
		want := map[string]int{
			"bought_7d + event":         8, // today's, and those of the seven days before it: nobody was known, so nothing is corrected
			"just_bought_7d + event":    3,
			"lapsed_60d + window_ended": 339,
		}
		for key, n := range want {
			if got[key] != n {
				t.Errorf("%s: %d, want %d", key, got[key], n)
			}
			delete(got, key)
		}
		if len(got) > 0 {
			t.Errorf("beside that %v", got)
		}
	})
}
