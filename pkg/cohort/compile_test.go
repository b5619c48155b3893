package cohort

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/pkg/event"
)

func TestCompile_TellsEveryProblemAtOnce(t *testing.T) {
	deep := has("view", 1, 1)
	for range 20 {
		inner := deep
		deep = Condition{Not: &inner}
	}
	wide := Condition{}
	for range MaxConditions + 1 {
		wide.Any = append(wide.Any, has("view", 1, 1))
	}
	s := Spec{
		Events: []Pattern{
			{Key: "view", Names: []string{"view", ""}},
			{Key: "view", Names: []string{"again"}},
			{Key: "nameless"},
			{Key: "odd", Kinds: []event.Kind{event.KindUnknown}},
			{},
		},
		Cohorts: []Definition{
			when("a", Condition{All: []Condition{has("veiw", 1, 1), has("view", -1, -1, "cart")}}),
			when("a", Condition{Silent: &Silent{Event: "view"}}),
			{Key: "both", When: &Condition{}, Enter: &Condition{}},
			{Key: "half", Enter: &Condition{}},
			when("", Condition{Quiet: &Quiet{Event: "view", For: MaxDuration + 1, NoneOf: []string{"view", "x"}}}),
			when("empty", Condition{Any: []Condition{}}),
			when("two", Condition{Silent: &Silent{Event: "view", For: 1}, Not: &Condition{}}),
			when("deep", deep),
			when("wide", wide),
		},
	}
	_, err := Compile(s)
	var faults *SpecError
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want a *SpecError", err)
	}
	var got []string
	for _, p := range faults.Problems {
		got = append(got, p.Path)
		if p.Message == "" || !strings.Contains(err.Error(), p.Message) {
			t.Errorf("%s: message %q does not stand in the error", p.Path, p.Message)
		}
	}
	want := []string{
		"events.view.names[1]", "events.view", "events.nameless", "events.odd.kinds[0]", "events",
		"cohorts[1].key", "cohorts[4]",
		"cohorts[0].when.all[0].did.event", "cohorts[0].when.all[1].did.at_least", "cohorts[0].when.all[1].did.within",
		"cohorts[0].when.all[1].did.none_of[0]",
		"cohorts[1].when.silent.for",
		"cohorts[2]", "cohorts[3]",
		"cohorts[4].when.quiet.for", "cohorts[4].when.quiet.none_of[1]",
		"cohorts[5].when.any", "cohorts[6].when",
		"cohorts[7].when" + strings.Repeat(".not", maxDepth+1),
		"cohorts[8]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if p := faults.Problems[7]; p.Unknown != "veiw" || !slices.Contains(p.Known, "view") {
		t.Errorf("an unknown event: got %+v", p)
	}
}

func TestCompile_RefusesEqualShortIDs(t *testing.T) {
	seen := map[uint16]string{}
	s := Spec{Events: []Pattern{{Key: "view", Names: []string{"view"}}}}
	for i := 0; len(s.Cohorts) == 0; i++ {
		if other, ok := seen[cohortID(id(i))]; ok {
			s.Cohorts = []Definition{when(other, has("view", 1, 1)), when(id(i), has("view", 1, 1))}
		}
		seen[cohortID(id(i))] = id(i)
	}
	_, err := Compile(s)
	if err == nil || !strings.Contains(err.Error(), s.Cohorts[0].Key) || !strings.Contains(err.Error(), s.Cohorts[1].Key) {
		t.Errorf("got %v, want an error that names both cohorts", err)
	}
}

func TestRevision_ChangesWithMeaningOnly(t *testing.T) {
	base := compile(t, standard()).Revision()
	if len(base) != 16 {
		t.Errorf("revision %q is not 16 hex digits", base)
	}
	change := func(f func(*Spec)) string {
		s := standard()
		f(&s)
		return compile(t, s).Revision()
	}
	for name, f := range map[string]func(*Spec){
		"order of events": func(s *Spec) { slices.Reverse(s.Events) },
		"an unused event": func(s *Spec) { s.Events = append(s.Events, Pattern{Key: "x", Names: []string{"x"}}) },
		"a repeated name": func(s *Spec) { s.Events[0].Names = append(s.Events[0].Names, "view") },
		"at_least 1 said": func(s *Spec) { s.Cohorts[3].When.Did.AtLeast = 0 },
		"kind track said": func(s *Spec) { s.Events[0].Kinds = []event.Kind{event.KindTrack} },
		"nothing":         func(*Spec) {},
	} {
		if got := change(f); got != base {
			t.Errorf("%s changed the revision", name)
		}
	}
	for name, f := range map[string]func(*Spec){
		"a window":             func(s *Spec) { s.Cohorts[3].When.Did.Within++ },
		"a count":              func(s *Spec) { s.Cohorts[4].When.Did.AtLeast++ },
		"a breaker":            func(s *Spec) { s.Cohorts[4].When.Did.NoneOf = nil },
		"a key":                func(s *Spec) { s.Cohorts[0].Key += "x" },
		"the order of cohorts": func(s *Spec) { slices.Reverse(s.Cohorts) },
		"a name":               func(s *Spec) { s.Events[0].Names = append(s.Events[0].Names, "more") },
		"a kind":               func(s *Spec) { s.Events[0].Kinds = []event.Kind{event.KindPage} },
		"a source":             func(s *Spec) { s.Events[0].Source = event.SourcePipelines },
		"all became any":       func(s *Spec) { c := s.Cohorts[6].When; c.All, c.Any = nil, c.All },
		"silent became quiet":  func(s *Spec) { s.Cohorts[5].When = &Condition{Quiet: &Quiet{Event: "order", For: 60 * day}} },
	} {
		if got := change(f); got == base {
			t.Errorf("%s did not change the revision", name)
		}
	}
}

func TestMatch(t *testing.T) {
	s := Spec{
		Events: []Pattern{
			{Key: "order", Names: []string{"Order Completed", "purchase"}, Source: event.SourcePipelines},
			{Key: "anything_bought", Names: []string{"purchase"}},
			{Key: "page", Kinds: []event.Kind{event.KindPage, event.KindScreen}},
			{Key: "unused", Names: []string{"unused"}},
		},
		Cohorts: []Definition{when("c", Condition{Any: []Condition{
			has("order", 1, 1), has("anything_bought", 1, 1), has("page", 1, 1),
		}})},
	}
	g := compile(t, s)
	for _, c := range []struct {
		kind         event.Kind
		name, source string
		want         Patterns
	}{
		{event.KindTrack, "purchase", event.SourcePipelines, 0b011},
		{event.KindTrack, "purchase", event.SourceTrackV1, 0b010},
		{event.KindTrack, "Order Completed", event.SourcePipelines, 0b001},
		{event.KindTrack, "order completed", event.SourcePipelines, 0},
		{event.KindPage, "purchase", event.SourcePipelines, 0b100},
		{event.KindScreen, "", "", 0b100},
		{event.KindTrack, "unused", event.SourcePipelines, 0},
		{event.KindIdentify, "", event.SourcePipelines, 0},
		{event.Kind(200), "purchase", event.SourcePipelines, 0},
	} {
		if got := g.Match(&event.Event{Kind: c.kind, Name: c.name, Source: c.source}); got != c.want {
			t.Errorf("%v %q from %q: got %b, want %b", c.kind, c.name, c.source, got, c.want)
		}
	}
}
