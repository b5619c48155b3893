package simulate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/recording"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

// Neither the order of the rows, nor their repetition, nor the number of shards shows in
// the answer. Instants are few, so that many fall together and meet deadlines.
func TestRun_OrderRepeatsAndShardsChangeNothing(t *testing.T) {
	// The second one asks what came first: who looks and buys in one instant may be in or out.
	catalogues := []*catalogue.Catalogue{rules(t), load(t, `
events: {view: {names: [Product Viewed]}, order: {names: [Order Completed]}}
cohorts: [{key: c, enter: {did: {event: view, none_of: [order]}}, stay: {did: {event: view, within: 24h}}}]
`)}
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom(catalogues).Draw(rt, "catalogue")
		var rows []string
		for i := range rapid.IntRange(0, 60).Draw(rt, "rows") {
			at := base.Add(time.Duration(rapid.IntRange(0, 300).Draw(rt, "at")) * 30 * time.Minute)
			name := rapid.SampledFrom([]string{"Product Viewed", "Product Added", "Order Completed", "other"}).Draw(rt, "name")
			user := rapid.IntRange(0, 5).Draw(rt, "user")
			rows = append(rows, fmt.Sprintf("%s,u%d,%s,e%d\n", at.Format(simulate.TimeFormat), user, name, i))
		}
		run := func(rows []string, shards int) string {
			h := simulate.NewHistory(c.Program, &c.Spec, nil)
			text := "event_time,user_id,event_name,event_id\n" + strings.Join(rows, "")
			if err := recording.Read("x.csv", strings.NewReader(text), recording.Options{}, into(h)); err != nil {
				rt.Fatal(err)
			}
			return outcome(t, h, simulate.Options{Until: cohort.Never, Shards: shards})
		}
		want := run(rows, 1)
		others := slices.Clone(rows)
		if len(rows) > 0 {
			others = append(others, rapid.SliceOf(rapid.SampledFrom(rows)).Draw(rt, "repeats")...)
		}
		others = rapid.Permutation(others).Draw(rt, "order")
		if got := run(others, rapid.IntRange(1, 4).Draw(rt, "shards")); got != want {
			rt.Fatalf("first difference: %s", difference(got, want))
		}
	})
}

// More people than a shard takes at a time, in as many shards as there may be.
func TestRun_ShardsOfManyPeopleGiveOneAnswer(t *testing.T) {
	c := rules(t)
	h := simulate.NewHistory(c.Program, &c.Spec, nil)
	for _, e := range shop(20_000) {
		if _, err := h.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	want := outcome(t, h, simulate.Options{Until: cohort.Never, Shards: 1})
	for _, shards := range []int{2, 3, 16} {
		if got := outcome(t, h, simulate.Options{Until: cohort.Never, Shards: shards}); got != want {
			t.Errorf("%d shards: first difference: %s", shards, difference(got, want))
		}
	}
	if strings.Count(want, "\n") < 10_000 {
		t.Errorf("only %d rows: the recording is too thin to tell anything", strings.Count(want, "\n"))
	}
}

// What is cut off by --until is what the whole answer has later than it.
func TestRun_UntilKeepsWhatIsExactlyAtIt(t *testing.T) {
	c := rules(t)
	h := simulate.NewHistory(c.Program, &c.Spec, nil)
	for _, e := range shop(3_000) {
		if _, err := h.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	whole := strings.SplitAfter(outcome(t, h, simulate.Options{Until: cohort.Never}), "\n")
	rapid.Check(t, func(rt *rapid.T) {
		row := rapid.SampledFrom(whole[1:len(whole)-1]).Draw(rt, "row")
		until, err := time.Parse(time.RFC3339, strings.Split(row, ",")[2])
		if err != nil {
			rt.Fatal(err)
		}
		ms := until.UnixMilli() - rapid.Int64Range(0, 1).Draw(rt, "before")
		var want strings.Builder
		last := time.UnixMilli(ms).UTC().Format(simulate.TimeFormat)
		for i, line := range whole {
			if i == 0 || line != "" && strings.Split(line, ",")[2] <= last {
				want.WriteString(line)
			}
		}
		if got := outcome(t, h, simulate.Options{Until: ms}); got != want.String() {
			rt.Fatalf("until %s: first difference: %s", last, difference(got, want.String()))
		}
	})
}
