package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/report"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

const shop = `
version: 1
events: {order: {names: [order]}}
cohorts:
  - {key: recent, when: {did: {event: order, within: 1h}}}
  - {key: today, when: {did: {event: order, within: 24h}}}
audiences:
  - {key: spare, cohort: recent, mode: exclude, platforms: [google, x], reason: RECENT_PURCHASE}
  - {key: again, cohort: today, mode: exclude, platforms: [google], reason: CUSTOMER}
deliver: {saleswings: {cohorts: [recent]}}
`

// measure plays orders, each of another person, at the given instants in ms.
func measure(t *testing.T, instants ...int64) *report.Report {
	t.Helper()
	c, err := catalogue.Load("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	h := simulate.NewHistory(c.Program, &c.Spec, nil)
	for i, at := range instants {
		if _, err := h.Add(&event.Event{Kind: event.KindTrack, Name: "order", Person: fmt.Sprint("p", i), EventAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	o, err := h.Run(t.Context(), simulate.Options{Until: cohort.Never})
	if err != nil {
		t.Fatal(err)
	}
	return report.Make(o, h, c)
}

const minute, hour = 60_000, 3_600_000

func TestMake_CountsPeaksAndTheirInstants(t *testing.T) {
	// Two orders a minute apart do not fall into one span of a minute; those a ms less do.
	// The first person leaves as the last one comes: never more than four are in.
	got := measure(t, 0, minute, 2*minute-1, 2*minute-1, hour)
	at := func(ms int64) *report.Instant { i := report.Instant(ms); return &i }
	want := []report.Cohort{
		{"recent", report.Flow{Entries: 5, Exits: 5, Peak: 4, PeakAt: at(2*minute - 1), Rate: 3, RateAt: at(minute)}},
		{"today", report.Flow{Entries: 5, Exits: 5, Peak: 5, PeakAt: at(hour), Rate: 3, RateAt: at(minute)}},
	}
	if diff := cmp.Diff(want, got.Cohorts); diff != "" {
		t.Errorf("cohorts (-want +got):\n%s", diff)
	}
	var names []string
	for _, a := range got.Audiences {
		names = append(names, a.Platform+" "+a.Audience)
	}
	for _, d := range got.Destinations {
		names = append(names, d.Destination)
	}
	if diff := cmp.Diff([]string{"google spare", "x spare", "google again", "google", "x", "saleswings"}, names); diff != "" {
		t.Errorf("audiences and destinations (-want +got):\n%s", diff)
	}
	google := got.Destinations[0]
	if google.Entries != 10 || google.Peak != 9 {
		t.Errorf("google: got %d entries and a peak of %d, want those of both audiences: 10 and 9", google.Entries, google.Peak)
	}
	// A request for each audience and direction: entries of both at first, then exits of one.
	if l := google.Limits[0]; l.Needed != 3 || !l.Holds || l.Per != "minute" {
		t.Errorf("google a minute: got %+v, want 3 requests", l)
	}
	if l := google.Limits[1]; l.Needed != 4 || l.Per != "day" {
		t.Errorf("google a day: got %+v, want 4 requests: the first exits of the second audience lie less than a day after its last entries", l)
	}
	if got.Destinations[1].Holds != nil {
		t.Errorf("x: got a verdict, and no rate is known")
	}
}

// A burst of 5,001 exits in one instant needs 51 requests of 100 within a second, and the
// sink sends 20.
func TestMake_TellsWhenLimitsAndObjectiveAreMissed(t *testing.T) {
	r := measure(t, slices.Repeat([]int64{0}, 5001)...)
	d := r.Destinations[2]
	if d.Destination != report.SalesWings || d.Limits[0].Needed != 51 || *d.Holds || *d.SLOHolds || *d.LongestWait != 2501 {
		text, _ := json.Marshal(d)
		t.Errorf("got %s, want 51 requests, neither limits nor objective held, and 2501 ms of waiting", text)
	}
	if r.Destinations[0].Holds == nil || !*r.Destinations[0].Holds {
		t.Errorf("google: got %+v, want that two requests are no trouble", r.Destinations[0])
	}
	var text, document bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"saleswings: ITS LIMITS WOULD BE EXCEEDED (51 of 20 requests per second", "THE OBJECTIVE WOULD BE MISSED", "x: cannot be told"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
	if err := r.WriteJSON(&document); err != nil {
		t.Fatal(err)
	}
	var back map[string]any
	if err := json.Unmarshal(document.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	first := back["cohorts"].([]any)[0].(map[string]any)
	if first["cohort"] != "recent" || first["peak_size"] != 5001.0 || first["peak_per_minute_at"] != "1970-01-01T00:00:00.000Z" {
		t.Errorf("JSON of the first cohort: got %v", first)
	}
}

func TestMake_OfNothing(t *testing.T) {
	r := measure(t)
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if r.Transitions != 0 || !strings.Contains(text.String(), "recent  0        0      0") {
		t.Errorf("got:\n%s", text.String())
	}
}
