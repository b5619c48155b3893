package catalogue

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
)

func loadDefault(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load(catalogues.DefaultName, catalogues.Default())
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(t, catalogues.Default()); err != nil {
		t.Fatal(err)
	}
	return c
}

// The default catalogue begins with the seven cohorts whose answers are known.
func TestDefault_SaysTheSevenCohorts(t *testing.T) {
	c := loadDefault(t)
	const minute, hour, day = 60_000, 3_600_000, 86_400_000
	did := func(event string, n int, within int64, noneOf ...string) cohort.Condition {
		return cohort.Condition{Did: &cohort.Did{Event: event, AtLeast: n, Within: within, NoneOf: noneOf}}
	}
	not := func(c cohort.Condition) cohort.Condition { return cohort.Condition{Not: &c} }
	when := func(key string, c cohort.Condition) cohort.Definition { return cohort.Definition{Key: key, When: &c} }
	abandoner := func(key string, window int64) cohort.Definition {
		stay := did("cart", 1, window, "order")
		return cohort.Definition{Key: key, Stay: &stay, Enter: &cohort.Condition{All: []cohort.Condition{
			{Quiet: &cohort.Quiet{Event: "cart", For: 30 * minute, NoneOf: []string{"order"}}}, stay,
		}}}
	}
	want := []cohort.Definition{
		abandoner("cart_abandoner_2h", 2*hour),
		abandoner("cart_abandoner_24h", day),
		abandoner("cart_abandoner_3d", 3*day),
		when("recent_purchaser_7d", did("order", 1, 7*day)),
		when("high_intent_24h", did("view", 3, day, "order")),
		when("lapsed_60d", cohort.Condition{Silent: &cohort.Silent{Event: "order", For: 60 * day}}),
		when("browse_no_cart_24h", cohort.Condition{All: []cohort.Condition{
			did("view", 1, day), not(did("cart", 1, day)), not(did("order", 1, day)),
		}}),
		when("vip_buyer_90d", did("order", 3, 90*day)),
	}
	if diff := cmp.Diff(want, c.Spec.Cohorts); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The keys and their order are those of the recorded answers.
func TestDefault_KeepsTheNamesOfTheAnswers(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "..", "..", "..", "shared", "oracle", "cohorts.json"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the recorded answers are needed: %v", err)
		}
		t.Skipf("the recorded answers are not here: %v", err)
	}
	var list []struct{ Name string }
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range list {
		want = append(want, c.Name)
	}
	if got := loadDefault(t).Program.Cohorts(); len(want) != 7 || !slices.Equal(got[:7], want) {
		t.Errorf("got %v, want first %v", got, want)
	}
}

func TestDefault_KnowsTheUsualNames(t *testing.T) {
	c := loadDefault(t)
	match := func(name string) cohort.Patterns {
		return c.Program.Match(&event.Event{Kind: event.KindTrack, Name: name, Source: event.SourcePipelines})
	}
	for _, names := range [][]string{
		{"Product Viewed", "product_viewed", "product_view"},
		{"Product Added", "product_added", "add_to_cart"},
		{"Order Completed", "order_completed", "purchase", "Purchase", "checkout_completed"},
	} {
		for _, name := range names {
			if got := match(name); got == 0 || got != match(names[0]) {
				t.Errorf("%q is pattern %b, %q is %b", name, got, names[0], match(names[0]))
			}
		}
	}
	if match("Product Viewed")|match("Product Added")|match("Order Completed") != 0b111 || match("home") != 0 {
		t.Error("the three events are not three patterns")
	}
}

func TestDefault_SuppressesAndProtects(t *testing.T) {
	c := loadDefault(t)
	want := []Audience{
		{Key: "suppress_recent_purchasers", Name: "Suppress recent purchasers", Cohort: "recent_purchaser_7d", Mode: ModeExclude, Platforms: []string{"meta", "google", "tiktok"}, Reason: "RECENT_PURCHASE"},
		{Key: "protect_vip_buyers", Name: "Spare the best customers", Cohort: "vip_buyer_90d", Mode: ModeExclude, Platforms: []string{"meta", "google", "tiktok"}, Reason: "CUSTOMER"},
	}
	if diff := cmp.Diff(want, c.Audiences); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := c.Deliver.SalesWings; !slices.Equal(got, c.Program.Cohorts()) {
		t.Errorf("SalesWings gets %v", got)
	}
}
