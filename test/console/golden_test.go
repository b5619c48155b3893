package console_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/event"
)

var update = flag.Bool("update", false, "write the answers as they are to testdata")

const (
	noon   = int64(1_767_268_800_000) // 2026-01-01T12:00:00Z
	minute = int64(60_000)
	hour   = 60 * minute
	day    = 24 * hour
)

func track(ids event.Identifiers, name string, at int64) event.Event {
	return event.Event{Kind: event.KindTrack, Name: name, EventAt: at, IDs: ids}
}

func order(ids event.Identifiers, total float64, at int64) event.Event {
	e := track(ids, "Order Completed", at)
	e.Properties.Numbers = map[string]float64{"total": total}
	return e
}

// newYear is what happens in the golden answers. Each partition begins with its
// catalogue, so the flow has to have settled before.
func newYear(f *flow) {
	ada := event.Identifiers{CustomerID: "ada", Email: "ada@example.com"}
	bob := event.Identifiers{Email: "bob@example.com"}
	cyd := event.Identifiers{AnonymousID: "anonymous-1"}
	consent := event.Event{Kind: event.KindIdentify, EventAt: noon, IDs: cyd}
	consent.Properties.Booleans = map[string]bool{"ads_consent": true}
	f.tell(
		consent,
		track(cyd, "Product Viewed", noon), track(cyd, "Product Viewed", noon+minute), track(cyd, "Product Viewed", noon+2*minute),
		order(ada, 150, noon), track(ada, "Product Viewed", noon+hour), order(ada, 120.5, noon+day),
		order(bob, 10, noon),
	)
	f.settled()
	f.advance(noon + 2*day)
	f.settled()
}

// The same answers on embedded and on real parts, byte for byte but for the wall clock of
// what was sent when.
func TestAnswers(t *testing.T) {
	for _, side := range []struct {
		name  string
		start func(testing.TB) *flow
	}{{"embedded", embedded}, {"real", real}} {
		t.Run(side.name, func(t *testing.T) {
			f := side.start(t)
			f.settled() // the catalogue stands in every partition
			newYear(f)
			for name, path := range map[string]string{
				"cohorts":                 "/v1/cohorts",
				"size":                    "/v1/cohorts/spare_buyers/size?verify=true",
				"person":                  "/v1/people/ada",
				"person-by-email":         "/v1/people/bob@example.com",
				"person-nobody":           "/v1/people/dan",
				"explain":                 "/v1/people/ada/explain",
				"explain-then":            "/v1/people/anonymous-1/explain?at=2026-01-01T12:30:00Z&cohort=win_over",
				"explain-later":           "/v1/people/bob@example.com/explain?at=2026-03-02T12:00:00Z&cohort=lapsed_60d",
				"explain-unknown-cohort":  "/v1/people/ada/explain?cohort=nothing",
				"person-unknown-question": "/v1/people/ada?at=2026-01-01T00:00:00Z",
			} {
				t.Run(name, func(t *testing.T) { golden(t, f, name, path) })
			}
			t.Run("became one", func(t *testing.T) { becameOne(t, f) })
			t.Run("forgotten", func(t *testing.T) { forgotten(t, f) })
		})
	}
}

func golden(t *testing.T, f *flow, name, path string) {
	t.Helper()
	if bytes.Contains([]byte(path), []byte("explain")) {
		// What was sent comes a moment later than what was decided.
		eventually(t, func() bool {
			got := ask(t, f, path)
			return got["deliveries_known"] == nil || sent(got) == wantSent[name]
		})
	}
	got := ask(t, f, path)
	steady(got)
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(bytes.TrimSpace(want)), string(text)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

// wantSent is how many deliveries an explanation tells of.
var wantSent = map[string]int{"explain": 1}

func sent(explanation map[string]any) (n int) {
	for _, c := range explanation["cohorts"].([]any) {
		n += len(c.(map[string]any)["deliveries"].([]any))
	}
	return n
}

func ask(t testing.TB, f *flow, path string) map[string]any {
	t.Helper()
	resp, err := http.Get(f.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, text)
	}
	return body
}

// steady takes out of an answer what the wall clock puts in.
func steady(body map[string]any) {
	cohorts, _ := body["cohorts"].([]any)
	for _, c := range cohorts {
		list, _ := c.(map[string]any)["deliveries"].([]any)
		for _, d := range list {
			d.(map[string]any)["at"] = "by the wall clock"
		}
		slices.SortFunc(list, func(a, b any) int {
			x, y := a.(map[string]any), b.(map[string]any)
			return cmp.Or(cmp.Compare(x["version"].(float64), y["version"].(float64)), cmp.Compare(x["destination"].(string), y["destination"].(string)))
		})
	}
}
