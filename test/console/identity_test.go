package console_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
)

// becameOne: a guest who turns out to be eve is found by either key, and what she is in
// because of the guest's views is explained by the record that joined the two.
func becameOne(t *testing.T, f *flow) {
	guest, eve := event.Identifiers{AnonymousID: "guest-1"}, event.Identifiers{CustomerID: "eve", AnonymousID: "guest-1"}
	at := noon + 3*day
	link := event.Event{Kind: event.KindMerge, Name: event.NameLink, Person: "guest-1", IDs: eve, EventAt: at + 10*minute}
	link.Properties.Strings = map[string]string{event.PropertyInto: "eve"}
	f.tell(
		track(guest, "Product Viewed", at), track(guest, "Product Viewed", at+minute), track(guest, "Product Viewed", at+2*minute),
		track(eve, "Product Viewed", at+5*minute), link,
	)
	var got map[string]any
	eventually(t, func() bool {
		got = ask(t, f, "/v1/people/guest-1")
		return got["person"] == "eve" && len(got["memberships"].([]any)) == 1
	})
	want := map[string]any{"followed": []any{"guest-1"}, "aliases": []any{"guest-1"}}
	if diff := cmp.Diff(want, map[string]any{"followed": got["followed"], "aliases": got["aliases"]}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	rule := ask(t, f, "/v1/people/eve/explain?cohort=high_intent_24h")["cohorts"].([]any)[0].(map[string]any)["rule"].(map[string]any)
	statuses := make(map[any]int)
	for _, e := range rule["evidence"].([]any) {
		statuses[e.(map[string]any)["status"]]++
	}
	if diff := cmp.Diff(map[any]int{"absorbed": 2, "found": 1}, statuses); diff != "" || rule["value"] != "yes" {
		t.Errorf("the value is %v, by events (-want +got)\n%s", rule["value"], diff)
	}
}

// forgotten: of whom was erased nothing is told but that they were.
func forgotten(t *testing.T, f *flow) {
	ada := event.Identifiers{CustomerID: "ada"}
	f.tell(event.Event{Kind: event.KindErase, Name: event.NameSuppress, IDs: ada, EventAt: noon + 4*day})
	var got map[string]any
	eventually(t, func() bool {
		got = ask(t, f, "/v1/people/ada")
		return got["erased_at"] != nil
	})
	told := map[string]any{"memberships": got["memberships"], "contacts": got["contacts"], "suppressed": got["suppressed"], "erased_at": got["erased_at"]}
	want := map[string]any{"memberships": []any{}, "contacts": 0.0, "suppressed": true, "erased_at": "2026-01-05T12:00:00.000Z"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
