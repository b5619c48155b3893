package simulate_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// beside is the folder with recordings and their answers, computed by other programs.
var beside = filepath.Join("..", "..", "..", "..", "..", "shared")

func shared(t testing.TB, path string) string {
	t.Helper()
	path = filepath.Join(beside, path)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("the recordings and their answers are not beside the repository")
	}
	return path
}

// judged are the cohorts that the answers speak of.
var judged = []string{"cart_abandoner_2h", "cart_abandoner_24h", "cart_abandoner_3d", "recent_purchaser_7d", "high_intent_24h", "lapsed_60d", "browse_no_cart_24h"}

func rules(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	c, err := catalogue.Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rolesOf reads which name of a recording plays which event, in the form of --map.
func rolesOf(t testing.TB, name string, c *catalogue.Catalogue) simulate.Roles {
	t.Helper()
	text, err := os.ReadFile(shared(t, "oracle/mappings.json"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]json.RawMessage{}
	names := map[string]string{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[name], &names); err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for source, role := range names {
		if slices.ContainsFunc(c.Spec.Events, func(p cohort.Pattern) bool { return p.Key == role }) {
			pairs = append(pairs, role+"="+source)
		}
	}
	roles, err := simulate.ParseRoles(strings.Join(pairs, ","), c.Spec.Events)
	if err != nil {
		t.Fatal(err)
	}
	return roles
}

func into(h *simulate.History) recording.Take {
	return func(e *event.Event) error {
		_, err := h.Add(e)
		return err
	}
}

// play runs a recording and gives the CSV.
func play(t testing.TB, c *catalogue.Catalogue, roles simulate.Roles, path string) string {
	t.Helper()
	h := simulate.NewHistory(c.Program, &c.Spec, roles)
	if err := recording.ReadFile(path, recording.Options{}, into(h)); err != nil {
		t.Fatal(err)
	}
	return outcome(t, h, simulate.Options{Until: cohort.Never})
}

func outcome(t testing.TB, h *simulate.History, o simulate.Options) string {
	t.Helper()
	got, err := h.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := got.WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// only keeps the lines of the named cohorts and the header.
func only(csv string, cohorts []string) string {
	var out strings.Builder
	for line := range strings.Lines(csv) {
		cohort, _, _ := strings.Cut(line, ",")
		if cohort == "cohort" || slices.Contains(cohorts, cohort) {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestRun_EqualsTheExpectedAnswersByteForByte(t *testing.T) {
	c := rules(t)
	for _, name := range []string{"online_retail_orders", "cdnow_master", "otto_sample", "retentioneering_ecom_synthetic"} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(shared(t, "oracle/expected/"+name+".transitions.csv.gz"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			unpacked, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			want, err := io.ReadAll(unpacked)
			if err != nil {
				t.Fatal(err)
			}
			got := only(play(t, c, rolesOf(t, name, c), shared(t, "data/"+name+".csv.gz")), judged)
			if got != string(want) {
				t.Errorf("got %d bytes, want %d; first difference: %s", len(got), len(want), difference(got, string(want)))
			}
		})
	}
}

// difference shows the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got " + g[i] + ", want " + w[i]
		}
	}
	return "one is the beginning of the other"
}
