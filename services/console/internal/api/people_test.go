package api

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/avrocodec"
	"github.com/cohortflow/cohortflow/pkg/kafkaio"
	"github.com/cohortflow/cohortflow/services/console/internal/receipts"
)

func TestPerson_TellsCurrentStaysAndAsOfWhen(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "view", noon)
	w.track("ada", "order", noon+minute)
	got := get[Person](t, w.server(), "/v1/people/ada")
	p := kafkaio.PartitionFor("ada", partitions)
	want := Person{
		Person: "ada", Followed: []string{}, Version: 1, Contacts: 1, Aliases: []string{},
		Memberships: []Membership{{
			Cohort: "buyers", Name: "Bought in a month", EnteredAt: "2026-01-01T12:01:00.000Z", ValidUntil: new("2026-01-31T12:01:00.000Z"),
		}},
		AsOf: AsOf{Partition: p, Offset: 3, LogTime: new("2026-01-01T12:01:00.000Z"), Catalogue: w.program.Revision(), LogEnd: new(int64(5)), Lag: new(int64(2))},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.ended = true
	if got := get[Person](t, w.server(), "/v1/people/ada"); got.AsOf.Lag != nil || got.AsOf.LogEnd != nil {
		t.Errorf("the broker does not say where the log ends, and the answer says %v", got.AsOf)
	}
}

func TestPerson_IsFoundByEveryKindOfID(t *testing.T) {
	w := newWorld(t)
	byEmail := w.keys.EmailKey("Ada@Example.com")
	for _, key := range []string{byEmail, "shop/7 ü", "anonymous-1", "cio_0300"} {
		w.track(key, "order", noon)
	}
	s := w.server()
	for path, want := range map[string]string{
		"/v1/people/ada@example.com":                    byEmail,
		"/v1/people/%20ADA@example.com?by=email":        byEmail,
		"/v1/people/ada@example.com?by=customer_id":     byEmail,
		"/v1/people/" + byEmail + "?by=key":             byEmail,
		"/v1/people/" + byEmail:                         byEmail,
		"/v1/people/shop%2F7%20%C3%BC":                  "shop/7 ü",
		"/v1/people/shop%2F7%20%C3%BC?by=customer_id":   "shop/7 ü",
		"/v1/people/anonymous-1?by=anonymous_id":        "anonymous-1",
		"/v1/people/cio_0300":                           "cio_0300",
		"/v1/people/0300?by=cio_id":                     "cio_0300",
		"/v1/people/cio_0300/explain?by=cio_id":         "cio_0300",
		"/v1/people/shop%2F7%20%C3%BC/explain?by=key":   "shop/7 ü",
		"/v1/people/ada@example.com/explain?cohort=win": byEmail,
	} {
		var got string
		if strings.Contains(path, "/explain") {
			got = get[Explanation](t, s, path).Person
		} else {
			got = get[Person](t, s, path).Person
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for _, path := range []string{"/v1/people/nobody", "/v1/people/nobody@example.com", "/v1/people/0300", "/v1/people/nobody/explain"} {
		refused(t, s, 404, "unknown_person", "id", path)
	}
}

func TestPerson_WhoBecameAnotherIsFollowed(t *testing.T) {
	w := newWorld(t)
	for _, key := range []string{"a", "b", "c"} {
		w.track(key, "order", noon)
	}
	w.aliases["a"], w.aliases["b"] = "b", "c"
	got := get[Person](t, w.server(), "/v1/people/a")
	if got.Person != "c" || !slices.Equal(got.Followed, []string{"a", "b"}) {
		t.Errorf("got %s by way of %v, want c by way of a and b", got.Person, got.Followed)
	}
	w.aliases["c"] = "a"
	refused(t, w.server(), 500, "unreadable", "", "/v1/people/a")
	delete(w.aliases, "c")
	w.aliases["b"] = "gone"
	refused(t, w.server(), 404, "unknown_person", "id", "/v1/people/a")
}

func TestExplain_TellsValuesMarginsEvidenceGatesAndDeliveries(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "view", noon)
	w.track("ada", "view", noon+minute)
	w.consent("ada", true, noon+2*minute)
	w.receipts.Add(&avrocodec.Receipt{
		Destination: "ads.meta", TransitionID: "0-3-1", Person: "ada", Cohort: "win", Op: "enter", Version: 2, Outcome: "delivered", Attempt: 1, At: noon + 3*minute,
	})
	w.known = receipts.Known{Since: noon, CaughtUp: true}
	got := get[Explanation](t, w.server(), "/v1/people/ada/explain")
	if got.Basis != "decided" || got.At != "2026-01-01T12:02:00.000Z" || len(got.Cohorts) != 5 {
		t.Fatalf("got basis %s at %s of %d cohorts", got.Basis, got.At, len(got.Cohorts))
	}
	if diff := cmp.Diff(KnownDeliveries{Since: new("2026-01-01T12:00:00.000Z"), CaughtUp: true}, got.Deliveries); diff != "" {
		t.Errorf("deliveries known (-want +got)\n%s", diff)
	}
	event := func(at string, offset int64, ms string) Evidence {
		return Evidence{
			At: at, Offset: offset, Status: "found", ID: new("viewtrack-" + ms), Kind: new("track"), Name: new("view"),
			Source: new("pipelines"), EventAt: new(at), AcceptedAt: new(at), Replay: new(false),
		}
	}
	views := []Evidence{event("2026-01-01T12:00:00.000Z", 1, "1767268800000"), event("2026-01-01T12:01:00.000Z", 2, "1767268860000")}
	ends := "2026-01-02T12:00:00.000Z"
	want := Standing{
		Cohort: "browsers", In: new(true), EnteredAt: new("2026-01-01T12:01:00.000Z"), ValidUntil: new("2026-01-02T13:00:00.000Z"), NextChange: new("2026-01-02T13:00:00.000Z"),
		Rule: Rule{
			Condition: "all", Value: "yes", NextChange: &ends, ChangesInMs: new(day - 2*minute), Evidence: []Evidence{},
			Of: []Rule{
				{
					Condition: "did", Text: "view at least 2 times within 1d", Value: "yes", Margin: &Margin{Have: 2, Need: 2, Unit: "events"},
					NextChange: &ends, ChangesInMs: new(day - 2*minute), Evidence: views, Of: []Rule{},
				},
				{
					Condition: "not", Value: "yes", Evidence: []Evidence{}, Of: []Rule{{
						Condition: "did", Text: "order within 1d", Value: "no", Margin: &Margin{Need: 1, Missing: 1, Unit: "events"}, Evidence: []Evidence{}, Of: []Rule{},
					}},
				},
			},
		},
		Audiences:  []AudienceStanding{{Audience: "win", Mode: "target", Platforms: []string{"meta"}, Holds: new(true), Consent: &Consent{Gate: "ads", Value: "yes"}}},
		Deliveries: []Delivery{},
	}
	if diff := cmp.Diff(want, got.Cohorts[2]); diff != "" {
		t.Errorf("browsers (-want +got)\n%s", diff)
	}
	audience := got.Cohorts[4]
	sent := []Delivery{{Destination: "ads.meta", Op: "enter", Outcome: "delivered", Attempt: 1, At: "2026-01-01T12:03:00.000Z", TransitionID: "0-3-1", Version: 2}}
	if diff := cmp.Diff(sent, audience.Deliveries); diff != "" || audience.Cohort != "win" || !*audience.In {
		t.Errorf("the audience %s, in=%t (-want +got)\n%s", audience.Cohort, *audience.In, diff)
	}

	w.consent("ada", false, noon+5*minute)
	one := get[Explanation](t, w.server(), "/v1/people/ada/explain?cohort=browsers")
	if len(one.Cohorts) != 1 || *one.Cohorts[0].Audiences[0].Holds || one.Cohorts[0].Audiences[0].Consent.Value != "no" {
		t.Errorf("after consent was withdrawn: got %+v, want browsers alone, held by no target audience", one.Cohorts)
	}
}

func TestExplain_AtAnotherInstant(t *testing.T) {
	w := newWorld(t)
	w.spend("ada", 150, noon)
	w.spend("ada", 120.5, noon+day)
	s := w.server()
	for path, want := range map[string]struct {
		basis string
		in    *bool
		have  float64
	}{
		"":                              {"decided", new(true), 270.5},
		"&at=2026-01-02T12:00:00Z":      {"decided", new(true), 270.5},
		"&at=2026-01-02T11:59:59.999Z":  {"facts", nil, 150},
		"&at=2026-01-31T11:59:59Z":      {"projected", new(true), 270.5},
		"&at=2026-01-31T14:00:00+02:00": {"projected", new(false), 120.5}, // exactly 30 days: excluded
	} {
		got := get[Explanation](t, s, "/v1/people/ada/explain?cohort=spenders"+path)
		one := got.Cohorts[0]
		if got.Basis != want.basis || cmp.Diff(want.in, one.In) != "" || one.Rule.Margin.Have != want.have {
			t.Errorf("%q: got %s, %+v; want %+v", path, got.Basis, one, want)
		}
	}
	if got := get[Explanation](t, s, "/v1/people/ada/explain?cohort=buyers"); !got.Cohorts[0].Outranked || *got.Cohorts[0].In {
		t.Errorf("buyers: got %+v, want the stronger cohort of the group to hold ada", got.Cohorts[0])
	}
}

// What was decided in the past need not follow from the facts that are still kept.
func TestExplain_OfThePastOnlyWhatIsSure(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "view", noon)
	w.track("ada", "view", noon+minute)
	w.track("ada", "order", noon+2*day)
	got := get[Explanation](t, w.server(), "/v1/people/ada/explain?at=2026-01-01T12:30:00Z")
	in := make(map[string]any)
	for _, c := range got.Cohorts {
		in[c.Cohort] = nil
		if c.In != nil {
			in[c.Cohort] = *c.In
		}
	}
	// buyers stands behind a stronger cohort, browsers dwells, win asks about browsers.
	want := map[string]any{"buyers": nil, "spenders": false, "browsers": nil, "lost": nil, "win": false}
	if diff := cmp.Diff(want, in); diff != "" || got.Cohorts[2].Audiences[0].Holds == nil {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestExplain_EvidenceThatCannotBeShownSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	p := kafkaio.PartitionFor("ada", partitions)
	status := func() string {
		t.Helper()
		got := get[Explanation](t, w.server(), "/v1/people/ada/explain?cohort=buyers")
		return got.Cohorts[0].Rule.Evidence[0].Status
	}
	s := w.server()
	get[Person](t, s, "/v1/people/ada") // the catalogue is known from here on
	w.start[p] = 2
	got := get[Explanation](t, s, "/v1/people/ada/explain?cohort=buyers")
	if e := got.Cohorts[0].Rule.Evidence[0]; e.Status != "gone" || e.ID != nil || !*got.Cohorts[0].In {
		t.Errorf("got %+v, want the stay to stand and its event to be gone", e)
	}
	w.start[p] = 0
	if got := status(); got != "found" {
		t.Errorf("got %s", got)
	}
	w.config = func(c *Config) { c.Events = nobody{} }
	if got := status(); got != "unread" {
		t.Errorf("got %s", got)
	}
}

func TestPerson_FailuresSayWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.track("ada", "order", noon)
	p := kafkaio.PartitionFor("ada", partitions)
	w.logAway = errors.New("away")
	refused(t, w.server(), 500, "internal_error", "", "/v1/people/ada")
	w.logAway = kafkaio.ErrUnavailable
	refused(t, w.server(), 503, "kafka_unavailable", "", "/v1/people/ada")
	w.logAway, w.start[p] = nil, 1
	refused(t, w.server(), 500, "unreadable", "", "/v1/people/ada")
	w.start[p] = 0
	w.states[p]["ada"] = []byte{99}
	refused(t, w.server(), 500, "unreadable", "", "/v1/people/ada")
	w.points[p] = []byte{99}
	refused(t, w.server(), 500, "unreadable", "", "/v1/people/ada")
	w.points[p] = nil
	refused(t, w.server(), 503, "no_state", "", "/v1/people/ada")
}
