package show

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/services/cohortctl/internal/readapi"
)

var update = flag.Bool("update", false, "write the texts anew")

func answer[T any](t *testing.T, path string) *T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("by the wall clock"), []byte("2026-01-03T12:00:00.500Z"))
	var a T
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return &a
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestExplanation_ReadsAsASentence(t *testing.T) {
	a := answer[readapi.Explanation](t, "testdata/explain.json")
	var text strings.Builder
	if err := Explanation(&text, a, Style{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.txt", text.String())
	if strings.Contains(text.String(), "\x1b") {
		t.Error("the text holds an escape: a name of an event could command the terminal")
	}
	var coloured strings.Builder
	if err := Explanation(&coloured, a, Style{Colour: true}); err != nil {
		t.Fatal(err)
	}
	stripped := strings.NewReplacer(green, "", red, "", yellow, "", bold, "", faint, "", reset, "").Replace(coloured.String())
	if stripped != text.String() || coloured.String() == text.String() {
		t.Error("colours change more than colours")
	}
}

// The answers are those that the flow's own suite keeps: what the API comes to tell otherwise is seen here.
func TestAnswers_OfTheReadAPIAreShown(t *testing.T) {
	const folder = "../../../../test/console/testdata/"
	for name, c := range map[string]struct {
		show func(w *strings.Builder) error
		want []string
	}{
		"explain-then.json": {func(w *strings.Builder) error {
			return Explanation(w, answer[readapi.Explanation](t, folder+"explain-then.json"), Style{})
		}, []string{"as far as what is still kept can tell", "? win_over", "nobody can tell any more", "gate ads says yes"}},
		"explain-later.json": {func(w *strings.Builder) error {
			return Explanation(w, answer[readapi.Explanation](t, folder+"explain-later.json"), Style{})
		}, []string{"if nothing happens until then"}},
		"person-by-email.json": {func(w *strings.Builder) error {
			return Person(w, answer[readapi.Person](t, folder+"person-by-email.json"), Style{})
		}, []string{"COHORT", "log time"}},
		"cohorts.json": {func(w *strings.Builder) error {
			return Cohorts(w, answer[readapi.Cohorts](t, folder+"cohorts.json"), true)
		}, []string{"SIZE", "buyers_7d", "ads.meta", "spare_buyers"}},
		"size.json": {func(w *strings.Builder) error {
			return Size(w, answer[readapi.Size](t, folder+"size.json"))
		}, []string{"member", "counted: "}},
	} {
		var text strings.Builder
		if err := c.show(&text); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: the text lacks %q:\n%s", name, want, text.String())
			}
		}
	}
}

func TestPerson_SaysWhatIsOutOfTheOrdinary(t *testing.T) {
	at := time.Date(2026, 1, 3, 12, 0, 0, 0, time.UTC)
	a := &readapi.Person{
		Person: "ada", Followed: []string{"anon"}, Aliases: []string{"anon", "em_1"}, Suppressed: true, ErasedAt: &at, FormerStays: 1,
		Contacts: 2, AsOf: readapi.AsOf{LogTime: &at},
	}
	var text strings.Builder
	if err := Person(&text, a, Style{}); err != nil {
		t.Fatal(err)
	}
	const want = `ada
who was anon before
known as well as em_1
as of 2026-01-03 12:00:00 UTC, log time; 2 contacts known
erased at 2026-01-03 12:00:00 UTC: nothing from before is kept
suppressed: nothing is taken in until that is lifted
1 stay in cohorts that are no more end with the sweep
in no cohort
`
	if diff := cmp.Diff(want, text.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSize_SaysWhatACountSays(t *testing.T) {
	yes, no, kept := true, false, int64(4)
	for want, v := range map[string]struct {
		kept   *int64
		agrees *bool
	}{"both agree": {&kept, &yes}, "THEY DIFFER: 4 is kept": {&kept, &no}, "different instants": {&kept, nil}, "no sizes that could be compared": {nil, nil}} {
		a := answer[readapi.Size](t, "../../../../test/console/testdata/size.json")
		a.Verified.Kept, a.Verified.Agrees = v.kept, v.agrees
		var text strings.Builder
		if err := Size(&text, a); err != nil || !strings.Contains(text.String(), want) {
			t.Errorf("got %v and %q, want %q", err, text.String(), want)
		}
	}
}

func TestWords_AreTheTwoLargestUnits(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0ms": 0, "999ms": 999 * time.Millisecond, "1s": 1999 * time.Millisecond, "2h 10m": 2*time.Hour + 10*time.Minute + 59*time.Second,
		"2h": 2*time.Hour + 59*time.Second, "5d 9h": 129*time.Hour + time.Minute, "1m 1s": 61 * time.Second, "400d": 9600 * time.Hour,
	} {
		if got := Words(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
