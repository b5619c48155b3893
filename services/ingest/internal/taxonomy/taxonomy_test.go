package taxonomy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/ingest/internal/taxonomy"
)

const rules = `
version: 1
events:
  order:
    names: [Order Completed, order_completed]
    where: properties.total > 0.0
    properties:
      total: {type: number, required: true}
      currency: string
      gift: boolean
      note: {type: any, required: true}
  paid:
    names: [order_completed]
    source: pipelines
    properties:
      paid: {type: boolean, required: true}
  product_page:
    kinds: [page]
    properties:
      sku: {type: string, required: true}
  free:
    names: [free]
cohorts:
  - key: buyers
    when: {did: {event: order, within: 24h}}
`

func checker(t *testing.T, mode string) *taxonomy.Checker {
	t.Helper()
	c, err := catalogue.Load("rules.yaml", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	return taxonomy.New(c, mode)
}

func TestCheck_FindsWhatIsMissingAndWhatIsOfAnotherType(t *testing.T) {
	c := checker(t, taxonomy.Keep)
	total, note := map[string]float64{"total": 1}, map[string]string{"note": "n"}
	missing := func(event, property, want string) taxonomy.Violation {
		return taxonomy.Violation{Event: event, Property: property, Rule: taxonomy.RuleRequired, Expected: want, Found: "nothing"}
	}
	wrong := func(property, want, found string) taxonomy.Violation {
		return taxonomy.Violation{Event: "order", Property: property, Rule: taxonomy.RuleType, Expected: want, Found: found}
	}
	for name, tc := range map[string]struct {
		e    event.Event
		want []taxonomy.Violation
	}{
		"all is right":     {event.Event{Name: "Order Completed", Properties: event.Properties{Numbers: total, Strings: note}}, nil},
		"nothing is there": {event.Event{Name: "Order Completed"}, []taxonomy.Violation{missing("order", "total", "number"), missing("order", "note", "any")}},
		"an alias, from where it counts": {
			event.Event{Name: "order_completed", Source: event.SourcePipelines, Properties: event.Properties{Numbers: total, Strings: note}},
			[]taxonomy.Violation{missing("paid", "paid", "boolean")},
		},
		"an alias, from elsewhere": {event.Event{Name: "order_completed", Source: event.SourceTrackV1, Properties: event.Properties{Numbers: total, Strings: note}}, nil},
		"text for a number": {
			event.Event{Name: "Order Completed", Properties: event.Properties{Strings: map[string]string{"total": "84.50", "note": "n"}}},
			[]taxonomy.Violation{wrong("total", "number", "string")},
		},
		"null is nothing": {
			event.Event{Name: "Order Completed", Properties: event.Properties{Strings: note, Nested: map[string]string{"total": "null", "currency": "null"}}},
			[]taxonomy.Violation{missing("order", "total", "number")},
		},
		"anything but null is any": {event.Event{Name: "Order Completed", Properties: event.Properties{Numbers: total, Nested: map[string]string{"note": `{"a":1}`}}}, nil},
		"what no condition reads": {
			event.Event{Name: "Order Completed", Properties: event.Properties{Strings: note, Nested: map[string]string{"total": "12345678901234567890", "currency": `["EUR"]`, "gift": `{}`}}},
			[]taxonomy.Violation{wrong("total", "number", "large number"), wrong("currency", "string", "array"), wrong("gift", "boolean", "object")},
		},
		"another kind":        {event.Event{Kind: event.KindScreen, Name: "Order Completed"}, nil},
		"another name":        {event.Event{Name: "Order"}, nil},
		"told by its kind":    {event.Event{Kind: event.KindPage, Name: "anything"}, []taxonomy.Violation{missing("product_page", "sku", "string")}},
		"nothing is declared": {event.Event{Name: "free"}, nil},
	} {
		if tc.e.Kind == event.KindUnknown {
			tc.e.Kind = event.KindTrack
		}
		if diff := cmp.Diff(tc.want, c.Check(&tc.e, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNew_ChecksNothingWhereThereIsNothingToCheck(t *testing.T) {
	none, err := catalogue.Load("none.yaml", []byte("version: 1\nevents: {e: {names: [e]}}\ncohorts: [{key: c, when: {did: {event: e, within: 1h}}}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*taxonomy.Checker{
		"off": checker(t, taxonomy.Off), "no catalogue": taxonomy.New(nil, taxonomy.Keep), "no taxonomy": taxonomy.New(none, taxonomy.Keep),
	} {
		if got := c.Check(&event.Event{Kind: event.KindTrack, Name: "Order Completed"}, nil); c != nil || got != nil || c.Mode() != taxonomy.Off {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestDetail_IsBounded(t *testing.T) {
	list := make([]taxonomy.Violation, 100)
	for i := range list {
		list[i] = taxonomy.Violation{Event: strings.Repeat("e", 64), Property: "p", Expected: "number", Found: "string"}
	}
	if got := taxonomy.Detail(list); len(got) > 1500 || !strings.Contains(got, "and 92 more") {
		t.Errorf("got %d bytes: %s", len(got), got)
	}
}
