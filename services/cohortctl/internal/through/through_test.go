package through

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
	"github.com/cohortflow/cohortflow/pkg/cohort"
	"github.com/cohortflow/cohortflow/pkg/event"
	"github.com/cohortflow/cohortflow/services/cohortctl/internal/simulate"
)

func script(t *testing.T, roles string, events ...event.Event) (*Script, error) {
	t.Helper()
	c, err := catalogue.Load("c.yaml", []byte(`
version: 1
events: {view: {names: [Viewed]}, home: {names: [Home], kinds: [page]}, mail: {names: [email_opened], kinds: [engagement], source: reporting_webhook}}
cohorts: [{key: c, when: {any: [{did: {event: view}}, {did: {event: home}}, {did: {event: mail}}]}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := simulate.ParseRoles(roles, c.Spec.Events)
	if err != nil {
		t.Fatal(err)
	}
	s := NewScript(c.Program, parts)
	for i, e := range events {
		if err := s.Add(&e, i+1); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func bodies(t *testing.T, s *Script, until int64) (all []string) {
	t.Helper()
	queues, _ := s.queues(until)
	for _, q := range queues {
		for _, c := range q {
			text, err := c.append(nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(text))
		}
	}
	return all
}

func TestScript_SendsEachPartOnceInTheOrderOfTime(t *testing.T) {
	s, err := script(t, "view=looked+Viewed,home=looked",
		event.Event{Kind: event.KindTrack, Name: "looked", Person: "ada", EventAt: 2000, ID: "a"},
		event.Event{Kind: event.KindTrack, Name: "Viewed", Person: "ada", EventAt: 1000, Properties: event.Properties{
			Strings: map[string]string{"x": "1"}, Numbers: map[string]float64{"n": 1.5}, Booleans: map[string]bool{"b": true}, Nested: map[string]string{"gone": "null"},
		}},
		event.Event{Kind: event.KindTrack, Name: "other", Person: "ada", EventAt: 3000, ID: "c"},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"event":"Viewed","messageId":"row:000000002","properties":{"b":true,"gone":null,"n":1.5,"x":"1"},"timestamp":"1970-01-01T00:00:01.000Z","type":"track","userId":"ada"}`,
		`{"event":"Viewed","messageId":"a","timestamp":"1970-01-01T00:00:02.000Z","type":"track","userId":"ada"}`,
		`{"messageId":"a","name":"Home","timestamp":"1970-01-01T00:00:02.000Z","type":"page","userId":"ada"}`,
	}
	if diff := cmp.Diff(want, bodies(t, s, 2999)); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}

func TestScript_RefusesWhatItCannotSend(t *testing.T) {
	for name, c := range map[string]struct {
		event event.Event
		want  string
	}{
		"a kind":      {event.Event{Kind: event.KindDevice, Name: "x", Person: "p", EventAt: 1}, "kind device"},
		"a road":      {event.Event{Kind: event.KindTrack, Name: "opened", Person: "p", EventAt: 1}, "reporting_webhook"},
		"before 1970": {event.Event{Kind: event.KindTrack, Name: "x", Person: "p", EventAt: -1}, "1970"},
	} {
		if _, err := script(t, "mail=opened", c.event); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestPlay_ShowsTheLogOfAFlowThatEnds(t *testing.T) {
	t.Setenv("COHORTFLOW_SALESWINGS_KEY", "canary")
	t.Setenv("TMPDIR", t.TempDir())
	path := filepath.Join(t.TempDir(), "flow")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"port is taken $COHORTFLOW_SALESWINGS_KEY\" >&2; exit 3\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := script(t, "", event.Event{Kind: event.KindTrack, Name: "x", Person: "p", EventAt: 1})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	_, err = Play(t.Context(), Config{Binary: path, Spec: &cohort.Spec{}, Until: cohort.Never, Log: &said}, s)
	if err == nil || !strings.Contains(err.Error(), "ended before it was ready") || !strings.Contains(err.Error(), "port is taken") {
		t.Errorf("got %v, want what the flow said", err)
	}
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Error("the flow saw a setting of the shell")
	}
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
