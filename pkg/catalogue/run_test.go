package catalogue

import (
	"slices"
	"strings"
	"testing"
)

func load(t *testing.T, path string, text []byte) *Catalogue {
	t.Helper()
	c, err := Load(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pass(t *testing.T, c *Catalogue) {
	t.Helper()
	if len(c.Tests) == 0 {
		t.Errorf("%s has no tests", c.file)
	}
	for _, r := range RunTests(c) {
		for _, f := range r.Failures {
			t.Errorf("%s:%d: %s: %s", c.file, f.Line, r.Test, f.Message)
		}
	}
}

// Gates, expressions and late events: what the examples of the file say is so.
func TestRunTests_HoldForAudiences(t *testing.T) {
	pass(t, load(t, "audiences.yaml", read(t, "testdata/good/audiences.yaml")))
}

func TestRunTests_TellsWhatIsNotSo(t *testing.T) {
	text := strings.Replace(string(read(t, "testdata/good/audiences.yaml")), "{at: 1m, in: [win]", "{at: 59s, in: [win, viewers]", 1)
	r := RunTests(load(t, "audiences.yaml", []byte(text)))
	want := []Failure{{Line: 46, Message: "at 59s someone is not in win and should be in"}}
	if len(r) != 2 || !slices.Equal(r[0].Failures, want) || len(r[1].Failures) != 0 {
		t.Errorf("got %+v, want %+v in the first alone", r, want)
	}
}

// An audience that is more than a cohort is one of its own, behind those of the file, and
// nothing but its destination hears of it.
func TestLoad_DerivesCohortsOfAudiences(t *testing.T) {
	c := load(t, "audiences.yaml", read(t, "testdata/good/audiences.yaml"))
	if want := []string{"buyers", "big_buyers", "viewers", "win", "readers", "mailed", "rest"}; !slices.Equal(c.Program.Cohorts(), want) {
		t.Errorf("cohorts are %v, want %v", c.Program.Cohorts(), want)
	}
	if want := []string{"buyers", "big_buyers", "viewers"}; !slices.Equal(c.Deliver.SalesWings, want) {
		t.Errorf("SalesWings gets %v, want %v", c.Deliver.SalesWings, want)
	}
	for _, a := range c.Audiences {
		if own := a.Key != "spare"; own != (a.Cohort == a.Key) {
			t.Errorf("audience %s is fed by %s", a.Key, a.Cohort)
		}
	}
	for i, k := range c.Cohorts {
		if k.Audience != (i >= 3) {
			t.Errorf("cohort %s: Audience is %v", k.Key, k.Audience)
		}
	}
	if got := c.Taxonomy["order"][1]; got != (Property{Name: "Order Currency", Type: "string", Required: true}) {
		t.Errorf("taxonomy: %+v", got)
	}
}

// Schema and loader refuse alike.
func TestLoad_AgreesWithSchemaOnAudiences(t *testing.T) {
	good := string(read(t, "testdata/good/audiences.yaml"))
	for _, change := range [][2]string{
		{"total: number", "total: decimal"},
		{"total: number", "total: {type: number, need: true}"},
		{"required: true", "required: 1"},
		{"{attribute: ads_consent}", "{attribute: [ads_consent]}"},
		{"{attribute: ads_consent}", "{}"},
		{"{topic: 7}", "{topic: seven}"},
		{"{topic: 7}", "{topic: 7, subscribed: true}"},
		{"{subscribed: true}", "{subscribed: false}"},
		{"lawful_basis: legitimate_interest", "lawful_basis: hope"},
		{"cohort: buyers, mode", "mode"},
		{"consent: ads", "consent: [ads]"},
		{"{member: viewers}, {not", "{did: {event: view}}, {not"},
		{"name: a purchase", "title: a purchase"},
		{"at: 30s", "at: -30s"},
		{"at: 30s", "at: 30"},
		{"{at: 5m, out: [win, readers, mailed], in: [viewers]}", "{at: 5m}"},
		{"{attributes: {ads_consent: 1}, at: 4m}", "{attributes: {ads_consent: 1}}"},
		{"{attributes: {ads_consent: 1}, at: 4m}", "{attributes: {ads_consent: [1]}, at: 4m}"},
		{"{attributes: {ads_consent: 1}, at: 4m}", "{attributes: {ads_consent: 1}, event: view, at: 4m}"},
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
