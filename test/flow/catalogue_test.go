package flow

import (
	"strings"
	"testing"
	"time"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/redisstate"
	"github.com/cohortflow/cohortflow/test/oracle"
	"github.com/cohortflow/cohortflow/test/replay"
	"github.com/cohortflow/cohortflow/test/replay/tail"
)

// An owner with another catalogue puts it into the log: from that record on it is in
// force, cohorts that stay as they were are not disturbed, a new one is decided, and
// whoever is in one that is no more leaves it.
func TestProcessor_AnotherCatalogue(t *testing.T) {
	each(t, func(t *testing.T, p *parts) {
		const name = "retentioneering_ecom_synthetic"
		c := p.client(t)
		p.create(t, c)
		app, stop := p.run(t)
		events := recorded(t, name)
		half := len(events) / 2
		feed(t, c, events[:half])
		settle(t, c, app)
		stop()

		text := strings.Replace(string(catalogues.Default()), "  - key: vip_buyer_90d\n",
			"  - key: looked_1h\n    when:\n      did: {event: view, within: 1h}\n\n  - key: vip_buyer_90d\n", 1)
		text = strings.ReplaceAll(text, "vip_buyer_90d", "best_buyer_90d")
		rules, err := catalogue.Load("edited.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(rules.Cohorts) != len(defaultCatalogue(t).Cohorts)+1 {
			t.Fatal("the edit did not add a cohort")
		}
		app, stop = p.runAs(t, "cohortflow.processor", rules)
		// Each partition's log takes the catalogue, and a sweep over everybody it holds.
		eventually(t, 30*time.Second, func() bool {
			total := int64(0)
			for _, at := range app.Progress() {
				if at.CaughtUp {
					total += at.Position
				}
			}
			return total == int64(half-nameless(events[:half])+(2+redisstate.Slices())*partitions)
		})
		feed(t, c, events[half:])
		advance(t, c, drained)
		settle(t, c, app)
		stop()
		judge(t, c, expected(t, name))

		produced, err := tail.Transitions(t.Context(), c, partitions)
		if err != nil {
			t.Fatal(err)
		}
		looked := oracle.Net(oracle.Only(produced.Rows(), "looked_1h"))
		views := 0
		for _, e := range events[half:] {
			if e.Name == "Product Viewed" && e.User != "" {
				views++
			}
		}
		if len(looked) == 0 || len(looked)%2 != 0 || len(looked) > 2*views {
			t.Errorf("the new cohort has %d entries and exits after %d views", len(looked), views)
		}
		changed, inside := map[string]int{}, map[string]bool{}
		for i := range produced.Transitions {
			d := &produced.Transitions[i]
			if d.Cohort == "vip_buyer_90d" {
				inside[d.Person] = d.Op == cohort.OpEnter
			}
			if d.Reason == cohort.ReasonDefinitionChanged {
				changed[d.Cohort]++
				if (d.Cohort == "vip_buyer_90d") != (d.Op == cohort.OpExit) || d.Cohort != "vip_buyer_90d" && d.Cohort != "looked_1h" && d.Cohort != "best_buyer_90d" {
					t.Errorf("%v of %s because the catalogue changed", d.Op, d.Cohort)
				}
			}
		}
		for person, in := range inside {
			if in {
				t.Errorf("%s is still in a cohort that is no more", person)
			}
		}
		// Under its new name the cohort has everybody at once whom it had under the old one.
		if n := changed["vip_buyer_90d"]; n == 0 || changed["best_buyer_90d"] != n || changed["looked_1h"] == 0 {
			t.Errorf("the change moved %v", changed)
		}
	})
}

// nameless counts events that feed leaves out.
func nameless(events []replay.Event) int {
	n := 0
	for _, e := range events {
		if e.User == "" {
			n++
		}
	}
	return n
}
