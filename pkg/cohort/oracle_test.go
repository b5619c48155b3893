package cohort

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// shared finds the folder with the recordings and their answers beside the repository.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	dir = filepath.Join(dir, "..", "shared")
	if _, err := os.Stat(filepath.Join(dir, "oracle", "expected")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the recordings and their answers are needed: %v", err)
		}
		t.Skipf("the recordings and their answers are not here: %v", err)
	}
	return dir
}

func table(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, 0, len(lines))
	for _, line := range lines[1:] {
		r := make(map[string]string, len(line))
		for i, v := range line {
			r[lines[0][i]] = v
		}
		rows = append(rows, r)
	}
	return rows
}

func instant(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// A recording folded in event-time order gives exactly the answers of the oracle,
// whether people stay in memory or are encoded and decoded at every touch.
func TestFold_EqualsOracle(t *testing.T) {
	dir := shared(t)
	text, err := os.ReadFile(filepath.Join(dir, "oracle", "mappings.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	answers, err := filepath.Glob(filepath.Join(dir, "oracle", "expected", "*.transitions.csv.gz"))
	if err != nil || len(answers) != 4 {
		t.Fatalf("got %d answers, want 4 (%v)", len(answers), err)
	}
	for _, answer := range answers {
		name := strings.TrimSuffix(filepath.Base(answer), ".transitions.csv.gz")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roles := map[string]string{}
			if err := json.Unmarshal(raw[name], &roles); err != nil {
				t.Fatal(err)
			}
			f := newFold(t, compile(t, standard()))
			f.recode = true
			rows := table(t, filepath.Join(dir, "data", name+".csv.gz"))
			slices.SortStableFunc(rows, func(a, b map[string]string) int {
				return strings.Compare(a["event_time"], b["event_time"])
			})
			for _, r := range rows {
				role, need, _ := strings.Cut(roles[r["event_name"]], ":")
				if r["user_id"] == "" || role == "" || need == "product" && r["product_id"] == "" {
					continue
				}
				at := instant(t, r["event_time"])
				f.event(r["user_id"], role, r["event_id"], at, at)
			}
			f.drain()
			want := map[string][]row{}
			for _, r := range table(t, answer) {
				want[r["cohort"]] = append(want[r["cohort"]], row{r["user_id"], instant(t, r["at"]), r["transition"] == "enter"})
			}
			got := f.netted()
			total := 0
			for _, key := range f.program.Cohorts() {
				total += len(want[key])
				if !slices.Equal(got[key], want[key]) {
					t.Errorf("%s: got %d transitions, want %d, and they differ", key, len(got[key]), len(want[key]))
				}
			}
			if total == 0 {
				t.Error("the oracle's answer is empty")
			}
			t.Logf("%d transitions equal", total)
		})
	}
}
