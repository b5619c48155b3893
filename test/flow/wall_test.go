package flow

import (
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const shortWindows = `
version: 1
events:
  order: {names: [Order Completed]}
cohorts:
  - key: bought_1s
    when:
      did: {event: order, within: 1s}
  - key: bought_1d
    when:
      did: {event: order, within: 1d}
`

// By the wall clock a window ends by itself, on a stream on which nothing happens any
// more; and one sender whose clock is hours ahead ends nobody's window.
func TestProcessor_SilentExitAndASenderAhead(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		rules, err := catalogue.Load("short.yaml", []byte(shortWindows))
		if err != nil {
			t.Fatal(err)
		}
		c := p.client(t)
		p.create(t, c)
		p.runBy(t, "cohortflow.processor", rules, false)
		producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
		defer func() { _ = producer.Close(t.Context()) }()
		buy := func(person, id string, accepted int64) {
			err := producer.Produce(t.Context(), []kafkaio.OutRecord{{
				Partition: 0, Timestamp: accepted, Key: []byte(person),
				Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), &event.Event{
					Kind: event.KindTrack, Source: event.SourcePipelines, ID: id, Name: "Order Completed", Person: person, EventAt: accepted, AcceptedAt: accepted,
				}),
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		at := time.Now().UnixMilli()
		buy("ann", "1", at)
		buy("ahead", "2", at+30*3_600_000) // thirty hours: past both windows of ann

		var left cohort.Transition
		eventually(t, 30*time.Second, func() bool {
			produced, err := tail.Transitions(t.Context(), c, partitions)
			if err != nil {
				t.Fatal(err)
			}
			for _, tr := range produced.Transitions {
				if tr.Person == "ann" && tr.Cohort == "bought_1d" && tr.Op == cohort.OpExit {
					t.Fatalf("the window of a day has ended at log time %d, %d ms after the purchase", tr.DecidedAt, tr.DecidedAt-at)
				}
				if tr.Person == "ann" && tr.Cohort == "bought_1s" && tr.Op == cohort.OpExit {
					left = tr
					return true
				}
			}
			return false
		})
		if left.EffectiveAt != at+1000 || left.DecidedAt <= left.EffectiveAt || left.Reason != cohort.ReasonWindowEnded {
			t.Errorf("silent exit: %+v, want it effective at %d and decided later", left, at+1000)
		}
	})
}
