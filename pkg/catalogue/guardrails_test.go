package catalogue

import (
	"strings"
	"testing"
)

// What counts and what does not: the examples of the file say it to the millisecond.
func TestRunTests_HoldForGuardrails(t *testing.T) {
	pass(t, load(t, "guardrails.yaml", read(t, "testdata/good/guardrails.yaml")))
}

// A cohort takes the guardrails of the file unless it says its own; one made of an audience asks
// about no events and has none.
func TestLoad_GuardrailsOfTheFileAndOfCohorts(t *testing.T) {
	c := load(t, "guardrails.yaml", read(t, "testdata/good/guardrails.yaml"))
	const hour, day = 3_600_000, 86_400_000
	type limit struct {
		lookBack int64
		ignores  bool
	}
	want := map[string]limit{
		"buyers": {48 * hour, true}, "buyers_ever": {3650 * day, false}, "lookers": {7 * day, true},
		"quiet": {5 * hour / 2, true}, "lookers_who_bought": {48 * hour, true}, "spare": {},
	}
	for _, d := range c.Spec.Cohorts {
		if got := (limit{d.LookBack, d.IgnoreReplay}); got != want[d.Key] {
			t.Errorf("%s: got %+v, want %+v", d.Key, got, want[d.Key])
		}
	}
	if len(c.Spec.Cohorts) != len(want) {
		t.Errorf("%d cohorts, want %d", len(c.Spec.Cohorts), len(want))
	}
}

// Saying the default is saying nothing: the revision stays, and with it every state.
func TestLoad_GuardrailsChangeTheRevisionOnlyWhereTheyHold(t *testing.T) {
	const text = "version: 1\nevents: {order: {names: [order]}}\ncohorts: [{key: a, when: {did: {event: order}}}]\n"
	base := load(t, "x.yaml", []byte(text)).Program.Revision()
	for change, same := range map[string]bool{
		"guardrails: {}": true, "guardrails: {replay: count}": true,
		"guardrails: {replay: ignore}": false, "guardrails: {look_back: 2d}": false,
	} {
		if got := load(t, "x.yaml", []byte(text+change+"\n")).Program.Revision(); (got == base) != same {
			t.Errorf("%s: revision %s, without it %s", change, got, base)
		}
	}
}

func TestFormat_OrdersGuardrails(t *testing.T) {
	got, err := Format([]byte(`cohorts:
  - replay: ignore
    when: {did: {event: order}}
    look_back: 2d
    key: a
guardrails:
  replay: count
  # Longer than Customer.io tries.
  look_back: 8d
events: {order: {names: [order]}}
version: 1
`))
	if err != nil {
		t.Fatal(err)
	}
	want := `version: 1

events: {order: {names: [order]}}

guardrails:
  # Longer than Customer.io tries.
  look_back: 8d
  replay: count

cohorts:
  - key: a
    when: {did: {event: order}}
    look_back: 2d
    replay: ignore
`
	if string(got) != want {
		t.Errorf("got\n%s", strings.ReplaceAll(string(got), " ", "."))
	}
}

// Schema and loader refuse alike.
func TestLoad_AgreesWithSchemaOnGuardrails(t *testing.T) {
	good := string(read(t, "testdata/good/guardrails.yaml"))
	for _, change := range [][2]string{
		{"look_back: 48h", "look_back: 48"},
		{"look_back: 48h", "look_back: 2 days"},
		{"look_back: 48h", "look_back: -48h"},
		{"look_back: 48h", "look_back: [48h]"},
		{"look_back: 1w", "look_back: null"},
		{"look_back: 1w", "lookback: 1w"},
		{"look_back: 48h, replay: ignore", "look_back: 48h, late: ignore"},
		{"{look_back: 48h, replay: ignore}", "48h"},
		{"replay: count", "replay: keep"},
		{"replay: count", "replay: false"},
		{"accepted: 48h}", "accepted: -1h}"},
		{"accepted: 48h}", "accepted: 48}"},
		{"at: 0, replay: true}", "at: 0, replay: ignore}"},
	} {
		text := []byte(strings.Replace(good, change[0], change[1], 1))
		if string(text) == good {
			t.Fatalf("%q does not stand in the file", change[0])
		}
		if _, err := Load("changed.yaml", text); err == nil {
			t.Errorf("%q for %q: the loader takes it", change[1], change[0])
		}
		if judge(t, text) == nil {
			t.Errorf("%q for %q: the schema takes it", change[1], change[0])
		}
	}
}
