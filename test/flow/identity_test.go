package flow

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/pkg/seal"
	"github.com/cohortflow/cohortflow/schemas"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

const shop = `version: 1
events:
  order: {names: [order]}
  view: {names: [view]}
cohorts:
  - key: buyer_7d
    when: {did: {event: order, within: 7d}}
  - key: keen
    when: {did: {event: view, at_least: 2, within: 1d}}
`

// A guest orders by email and looks around without a name; an account turns out to be
// the same person. The keys lie in different partitions, and owners come and go between
// any two records. Then the person asks to be forgotten.
func TestProcessor_PeopleWhoTurnOutToBeOne(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		c, keys := p.client(t), testKeys(t)
		p.create(t, c)
		rules, err := catalogue.Load("shop.yaml", []byte(shop))
		if err != nil {
			t.Fatal(err)
		}
		guest := keys.EmailKey("guest@example.com")
		anonymous := apart("anon", guest, "")
		account := apart("account", guest, anonymous)
		start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC).UnixMilli()
		producer := c.NewProducer(kafkaio.ProducerConfig{Topic: schemas.EventsTopic})
		defer func() { _ = producer.Close(t.Context()) }()
		link := func(name, into string) event.Event {
			return event.Event{Kind: event.KindMerge, Name: name, Properties: event.Properties{Strings: map[string]string{event.PropertyInto: into}}}
		}
		track := func(name string, ids event.Identifiers) event.Event {
			return event.Event{Kind: event.KindTrack, Name: name, IDs: ids}
		}
		for i, step := range []struct {
			person string
			event  event.Event
		}{
			{guest, track("order", event.Identifiers{Email: "guest@example.com"})},
			{anonymous, track("view", event.Identifiers{AnonymousID: anonymous})},
			{account, track("view", event.Identifiers{CustomerID: account})},
			{anonymous, link(event.NameLink, account)},
			{guest, link(event.NameRelink, account)},
			{anonymous, link(event.NameLink, account)},
			{anonymous, track("view", event.Identifiers{AnonymousID: anonymous})},
			{account, event.Event{Kind: event.KindErase, Name: event.NameDelete}},
		} {
			e := step.event
			e.Source, e.Person, e.ID = event.SourcePipelines, step.person, fmt.Sprintf("e%d", i)
			e.EventAt = start + int64(i)*60_000
			e.AcceptedAt = e.EventAt
			if err := producer.Produce(t.Context(), []kafkaio.OutRecord{{
				Partition: kafkaio.PartitionFor(e.Person, partitions), Timestamp: e.EventAt, Key: []byte(e.Person),
				Value: avrocodec.AppendEvent(nil, embeddedIDs{}.ID(schemas.EventsSubject), &e),
			}}); err != nil {
				t.Fatal(err)
			}
			for range 2 { // what is passed on is worked off by the next owner
				app, stop := p.runAs(t, "cohortflow.processor", rules)
				settle(t, c, app)
				stop()
			}
		}
		produced, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string][]string{}
		name := map[string]string{guest: "guest", anonymous: "anonymous", account: "account"}
		for _, key := range []string{guest, anonymous, account} {
			name[keys.Subject(key)] = "somebody"
		}
		for _, d := range append(produced.Transitions, produced.Erased...) {
			op := map[cohort.Op]string{cohort.OpEnter: "+", cohort.OpExit: "-", cohort.OpErased: "proof"}[d.Op]
			reach := ""
			for _, sealed := range d.Contacts {
				if kind, _, err := keys.Open(sealed); err != nil || kind != seal.KindEmail {
					t.Errorf("a contact of %s is of kind %q, %v", d.Cohort, kind, err)
				}
				reach += "@"
			}
			got[name[d.Person]] = append(got[name[d.Person]], op+d.Cohort+reach+" "+d.Reason)
		}
		want := map[string][]string{
			"guest":   {"+buyer_7d@ event", "-buyer_7d@ merged"},
			"account": {"+keen merged", "+buyer_7d@ merged", "-keen contacts_changed", "+keen@ contacts_changed", "-buyer_7d@ erased", "-keen@ erased"},
			// The anonymous one was in nothing; the proof names nobody.
			"somebody": {"proof erased"},
		}
		for who, lines := range want {
			if !slices.Equal(got[who], lines) {
				t.Errorf("%s: got  %q\nwant %q", who, got[who], lines)
			}
		}
		if len(got["anonymous"]) > 0 || len(got[""]) > 0 {
			t.Errorf("beside them %q, %q", got["anonymous"], got[""])
		}
		for _, key := range []string{guest, anonymous, account} {
			_, blobs, err := p.store(t).LoadPeople(t.Context(), kafkaio.PartitionFor(key, partitions), []string{key})
			if err != nil {
				t.Fatal(err)
			}
			var left cohort.Person
			if err := rules.Program.Decode(key, blobs[0], &left); err != nil {
				t.Fatal(err)
			}
			if _, erased := left.ErasedAt(); !left.Bare() || !erased {
				t.Errorf("of %s there is left %+v", name[key], left)
			}
		}
	})
}

// apart makes a key whose partition is neither that of a nor of b.
func apart(prefix, a, b string) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("%s-%d", prefix, i)
		if p := kafkaio.PartitionFor(key, partitions); p != kafkaio.PartitionFor(a, partitions) && (b == "" || p != kafkaio.PartitionFor(b, partitions)) {
			return key
		}
	}
}
