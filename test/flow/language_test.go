package flow

import (
	"slices"
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

const rules = `version: 1
events:
  order: {names: [order]}
  view: {names: [view]}
cohorts:
  - key: big_order_7d
    when: {did: {event: order, where: 'properties.total >= 100', within: 7d}}
  - key: spender_30d
    when: {sum: {event: order, property: total, at_least: 150.5, within: 30d}}
  - key: pro_viewer
    when: {all: [{attribute: attributes.plan == "pro"}, {did: {event: view, within: 1h}}]}
  - key: spared
    when: {did: {event: order, within: 1h}}
    dwell: 10m
  - key: spared_pro
    when: {all: [{member: spared}, {attribute: attributes.plan == "pro"}]}
groups:
  - {key: offers, cohorts: [big_order_7d, spender_30d]}
`

// What the rules ask of properties and attributes comes through the log and the store:
// another owner takes over between any two events and goes on with it.
func TestProcessor_PropertiesAndAttributes(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		c := p.client(t)
		p.create(t, c)
		wanted, err := catalogue.Load("rules.yaml", []byte(rules))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC).UnixMilli()
		const minute = int64(60_000)
		total := func(v float64) event.Event {
			return event.Event{Kind: event.KindTrack, Name: "order", Properties: event.Properties{Numbers: map[string]float64{"total": v}}}
		}
		producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
		defer func() { _ = producer.Close(t.Context()) }()
		for i, e := range []event.Event{
			{Kind: event.KindIdentify, Properties: event.Properties{Strings: map[string]string{"plan": "pro"}}},
			{Kind: event.KindTrack, Name: "view"},
			total(90),
			total(60.5),
			total(120),
			{Kind: event.KindIdentify, Properties: event.Properties{Nested: map[string]string{"plan": "null"}}},
		} {
			e.Source, e.Person, e.ID = event.SourcePipelines, "p", "e"+string(rune('0'+i))
			e.IDs.CustomerID = e.Person
			e.EventAt = start + int64(i)*5*minute
			e.AcceptedAt = e.EventAt
			if err := producer.Produce(t.Context(), []kafkaio.OutRecord{{
				Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.EventAt, Key: []byte(e.Person),
				Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), &e),
			}}); err != nil {
				t.Fatal(err)
			}
			app, stop := p.runAs(t, "cohortflow.processor", wanted)
			settle(t, c, app)
			stop()
		}
		advance(t, c, drained)
		app, stop := p.runAs(t, "cohortflow.processor", wanted)
		settle(t, c, app)
		stop()
		produced, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range produced.Transitions {
			op := "-"
			if d.Op == cohort.OpEnter {
				op = "+"
			}
			got = append(got, op+d.Cohort+" "+time.UnixMilli(d.EffectiveAt).UTC().Format("02 15:04")+" "+d.Reason)
		}
		want := []string{
			"+pro_viewer 27 12:05 event",
			"+spared 27 12:10 event", "+spared_pro 27 12:10 event",
			"+spender_30d 27 12:15 event",
			"+big_order_7d 27 12:20 event", "-spender_30d 27 12:20 outranked",
			"-pro_viewer 27 12:25 event", "-spared_pro 27 12:25 event",
			"-spared 27 13:30 window_ended",
			"-big_order_7d 04 12:20 window_ended", "+spender_30d 04 12:20 window_ended",
			"-spender_30d 27 12:15 window_ended",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}
