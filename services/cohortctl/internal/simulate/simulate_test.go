package simulate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

func load(t *testing.T, text string) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load("test.yaml", []byte("version: 1\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const twoEvents = `
events:
  opened: {names: [Opened], kinds: [screen], source: pipelines}
  anything: {kinds: [track]}
cohorts:
  - {key: saw, when: {did: {event: opened, within: 1h}}}
  - {key: did, when: {did: {event: anything, within: 1h}}}
`

func TestRoles_PlayKindAndSourceAndKeepTheOwnName(t *testing.T) {
	c := load(t, twoEvents)
	roles, err := simulate.ParseRoles("opened=app_open+start", c.Spec.Events)
	if err != nil {
		t.Fatal(err)
	}
	h := simulate.NewHistory(c.Program, &c.Spec, roles)
	for _, e := range []event.Event{
		{Kind: event.KindTrack, Source: event.SourceTrackV1, Name: "app_open", Person: "a,b", EventAt: 0},
		{Kind: event.KindTrack, Source: event.SourcePipelines, Name: "Opened", Person: "c", EventAt: 0}, // no screen, and no role
		{Kind: event.KindPage, Name: "app_open", EventAt: 0},
		{Kind: event.KindPage, Name: "home", Person: "c", EventAt: 0},
		{Kind: event.KindTrack, Name: "x", EventAt: 0, IDs: event.Identifiers{Email: "known@by.mail"}},
		{Kind: event.KindErase, Person: "c", EventAt: 1},
	} {
		if _, err := h.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	want := `cohort,user_id,at,transition
saw,"a,b",1970-01-01T00:00:00.000Z,enter
saw,"a,b",1970-01-01T01:00:00.000Z,exit
did,"a,b",1970-01-01T00:00:00.000Z,enter
did,"a,b",1970-01-01T01:00:00.000Z,exit
did,c,1970-01-01T00:00:00.000Z,enter
did,c,1970-01-01T01:00:00.000Z,exit
`
	if diff := cmp.Diff(want, outcome(t, h, simulate.Options{Until: cohort.Never})); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
	counts := simulate.Counts{Events: 6, Kept: 2, Unasked: 1, Nameless: 1, EmailOnly: 1, Unplayed: 1}
	if diff := cmp.Diff(counts, h.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"home"}, h.UnaskedNames()); diff != "" {
		t.Errorf("names that nobody asks about (-want +got):\n%s", diff)
	}
}

func TestParseRoles_SaysWhatIsWrong(t *testing.T) {
	c := load(t, twoEvents)
	for text, want := range map[string]string{
		"opened":        "write EVENT=NAME",
		"opened=":       "write EVENT=NAME",
		"opened=a++b":   "a name is empty",
		"opned=a":       `no event "opned"; it has opened, anything`,
		"opened=a,did=": "write EVENT=NAME",
	} {
		if _, err := simulate.ParseRoles(text, c.Spec.Events); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
}

// An id names an event in the whole of the recordings; the first one counts.
func TestRun_IdsCountOnce(t *testing.T) {
	c := load(t, `
events: {v: {names: [v]}}
cohorts: [{key: twice, when: {did: {event: v, at_least: 2, within: 1h}}}]
`)
	for name, k := range map[string]struct {
		events []event.Event
		rows   int
	}{
		"redelivered":    {[]event.Event{{ID: "a", Person: "p"}, {ID: "a", Person: "p"}}, 0},
		"two events":     {[]event.Event{{ID: "a", Person: "p"}, {ID: "b", Person: "p"}}, 2},
		"without ids":    {[]event.Event{{Person: "p"}, {Person: "p"}}, 2},
		"told later":     {[]event.Event{{ID: "a", Person: "p"}, {ID: "b", Person: "p"}, {ID: "b", Person: "p", EventAt: 9}, {ID: "a", Person: "q"}}, 2},
		"of somebody":    {[]event.Event{{ID: "a"}, {ID: "a", Person: "p"}, {ID: "b", Person: "p"}}, 2},
		"a long time on": {[]event.Event{{ID: "a", Person: "p"}, {ID: "b", Person: "p", EventAt: 3_600_000}}, 0},
	} {
		h := simulate.NewHistory(c.Program, &c.Spec, nil)
		for _, e := range k.events {
			e.Kind, e.Name = event.KindTrack, "v"
			if _, err := h.Add(&e); err != nil {
				t.Fatal(err)
			}
		}
		o, err := h.Run(t.Context(), simulate.Options{Until: cohort.Never})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Transitions(); got != k.rows {
			t.Errorf("%s: got %d transitions, want %d", name, got, k.rows)
		}
	}
}

func TestRun_EndsWithTheContext(t *testing.T) {
	c := rules(t)
	h := simulate.NewHistory(c.Program, &c.Spec, nil)
	for _, e := range shop(1000) {
		if _, err := h.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Run(ctx, simulate.Options{Until: cohort.Never}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}
