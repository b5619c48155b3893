package oracle_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/test/oracle"
)

func row(person string, at int64, op oracle.Op) oracle.Row {
	return oracle.Row{Cohort: "c", Person: person, At: at, Op: op}
}

func TestNet_DropsStaysOfNoLengthAndJoinsStays(t *testing.T) {
	got := oracle.Net([]oracle.Row{
		row("p", 9, oracle.Exit), row("p", 5, oracle.Exit), row("p", 5, oracle.Enter), // one stay from 1 to 9
		row("p", 1, oracle.Enter),
		row("q", 3, oracle.Enter), row("q", 3, oracle.Exit), // no stay
		row("q", 4, oracle.Enter), row("q", 4, oracle.Exit), row("q", 4, oracle.Enter), // in for good
		row("r", 1, oracle.Enter), row("r", 1, oracle.Enter), // a fault, and must stay visible
	})
	want := []oracle.Row{
		row("p", 1, oracle.Enter), row("p", 9, oracle.Exit), row("q", 4, oracle.Enter),
		row("r", 1, oracle.Enter), row("r", 1, oracle.Enter),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("netted (-want +got):\n%s", diff)
	}
}

func TestCompare_ShowsTheFirstDifferencesInOrder(t *testing.T) {
	var want, got []oracle.Row
	for i := range 30 {
		want = append(want, row("p", int64(i)*2, oracle.Enter))
		got = append(got, row("p", int64(i)*2+1, oracle.Enter))
	}
	d := oracle.Compare(want, got)
	lines := strings.Split(d.String(), "\n")
	if len(lines) != 22 || lines[0] != "30 transitions expected, 30 produced, 30 missing, 30 too many" ||
		lines[1] != "- c,p,1970-01-01T00:00:00.000Z,enter" || lines[2] != "+ c,p,1970-01-01T00:00:00.001Z,enter" ||
		lines[21] != "... and 40 more" {
		t.Errorf("got\n%s", d)
	}
}

func TestCompare_FindsEveryPlantedDifference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		people := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,4}`), 1, 8, rapid.ID[string]).Draw(rt, "people")
		var want []oracle.Row
		for _, p := range people {
			at := int64(0)
			for i := range rapid.IntRange(1, 6).Draw(rt, "stays") {
				at += rapid.Int64Range(1, 9).Draw(rt, "pause")
				want = append(want, row(p, at, []oracle.Op{oracle.Enter, oracle.Exit}[i%2]))
			}
		}
		at := rapid.IntRange(0, len(want)-1).Draw(rt, "at")
		got := slices.Clone(want)
		var missing, surplus []oracle.Row
		changed := got[at]
		switch rapid.SampledFrom([]string{"none", "lost", "twice", "moved", "turned", "noise"}).Draw(rt, "fault") {
		case "lost":
			got = slices.Delete(got, at, at+1)
			missing = []oracle.Row{changed}
		case "twice":
			got = append(got, changed)
			surplus = []oracle.Row{changed}
		case "moved":
			got[at].At += 1000
			missing, surplus = []oracle.Row{changed}, []oracle.Row{got[at]}
		case "turned":
			got[at].Op = map[oracle.Op]oracle.Op{oracle.Enter: oracle.Exit, oracle.Exit: oracle.Enter}[changed.Op]
			missing, surplus = []oracle.Row{changed}, []oracle.Row{got[at]}
		case "noise": // cancels out, so it is no fault
			got = append(got, row("z", 7, oracle.Exit), row("z", 7, oracle.Enter))
		}
		got = rapid.Permutation(got).Draw(rt, "order")
		d := oracle.Compare(want, got)
		if diff := cmp.Diff(missing, d.Missing); diff != "" {
			rt.Fatalf("missing (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(surplus, d.Surplus); diff != "" {
			rt.Fatalf("surplus (-want +got):\n%s", diff)
		}
		if d.Equal() != (len(missing)+len(surplus) == 0) {
			rt.Fatalf("equal: got %v for %s", d.Equal(), d)
		}
	})
}

func TestRead_RefusesWhatIsNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"empty":      "",
		"header":     "cohort,user,at,transition\n",
		"no time":    "cohort,user_id,at,transition\nc,p,today,enter\n",
		"transition": "cohort,user_id,at,transition\nc,p,2024-01-01T00:00:00.000Z,in\n",
	} {
		if _, err := oracle.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestCompare_ExpectedFilesEqualThemselvesAndNothingElse(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "oracle", "expected")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the expected answers are not beside the repository")
	}
	for name, rows := range map[string]int{"online_retail_orders": 39941, "cdnow_master": 174758, "otto_sample": 319, "retentioneering_ecom_synthetic": 14488} {
		want, err := oracle.Load(filepath.Join(dir, name+".transitions.csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if len(want) != rows {
			t.Errorf("%s: got %d rows, want %d", name, len(want), rows)
		}
		if d := oracle.Compare(want, want); !d.Equal() {
			t.Errorf("%s against itself: %s", name, d)
		}
		got := slices.Clone(want)
		got[len(got)/2].At++
		if d := oracle.Compare(want, got); len(d.Missing) != 1 || len(d.Surplus) != 1 {
			t.Errorf("%s with one instant moved: %s", name, d)
		}
		if d := oracle.Compare(want, got[1:]); d.Equal() {
			t.Errorf("%s with the first row lost: got no difference", name)
		}
	}
	if got := oracle.Only([]oracle.Row{row("p", 1, oracle.Enter)}, "d"); len(got) != 0 {
		t.Errorf("only another cohort: got %v", got)
	}
}
