package catalogue

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the faults that stand beside the bad catalogues anew")

func files(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join("testdata", pattern, "*.yaml"))
	if err != nil || len(list) == 0 {
		t.Fatalf("no files for %s (%v)", pattern, err)
	}
	return list
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// judge asks the JSON Schema.
func judge(t *testing.T, text []byte) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	if err := c.AddResource("cohorts.schema.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("cohorts.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestLoad_AgreesWithSchemaOnGoodFiles(t *testing.T) {
	for _, path := range files(t, "good") {
		text := read(t, path)
		if _, err := Load(path, text); err != nil {
			t.Errorf("%v", err)
		}
		if err := judge(t, text); err != nil {
			t.Errorf("%s: the schema refuses it: %v", path, err)
		}
	}
}

// Every fault of a bad file is told at once, with its place; what the form alone
// shows, the schema refuses too.
func TestLoad_TellsEveryFault(t *testing.T) {
	for _, folder := range []string{"form", "meaning"} {
		for _, path := range files(t, folder) {
			t.Run(filepath.Base(path), func(t *testing.T) {
				text := read(t, path)
				_, err := Load(filepath.Base(path), text)
				var faults *Error
				if !errors.As(err, &faults) || len(faults.Faults) == 0 {
					t.Fatalf("got %v, want an *Error", err)
				}
				beside := strings.TrimSuffix(path, ".yaml") + ".faults"
				got := err.Error() + "\n"
				if *update {
					if err := os.WriteFile(beside, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if want := string(read(t, beside)); got != want {
					t.Errorf("got\n%swant\n%s", got, want)
				}
				if folder == "form" && judge(t, text) == nil {
					t.Error("the schema takes it")
				}
			})
		}
	}
}

// One fault put into the good file at a time: schema and loader refuse alike.
func TestLoad_AgreesWithSchemaOnSmallChanges(t *testing.T) {
	good := string(read(t, "testdata/good/everything.yaml"))
	for _, change := range [][2]string{
		{"version: 1", "version: 1.5"},
		{"version: 1", "version: true"},
		{"source: pipelines", "source: pipeline"},
		{"kinds: [track]", "kinds: [tick]"},
		{"kinds: [track]", "kinds: track"},
		{"'yes'", "yes, true"},
		{"at_least: 2", "at_least: 1001"},
		{"at_least: 2", "at_least: 2.5"},
		{"at_least: 2", `at_least: "2"`},
		{"within: 1w", "within: 1y"},
		{"within: 1w", "within: 1 w"},
		{"within: 1w", "within: w"},
		{"within: 1w", `within: ""`},
		{"for: 500ms", "for: -500ms"},
		{"for: 500ms", "for: 0.5s"},
		{"for: 500ms", "for: null"},
		{"none_of: [order, page]", "none_of: [order, order]"},
		{"none_of: [order, page]", "none_of: order"},
		{"key: b", "key: B"},
		{"key: b", "key: b-c"},
		{"key: b", "key: " + strings.Repeat("b", 65)},
		{"owner: team", `owner: " "`},
		{"owner: team", "owner: 7"},
		{"owner: team", "owner: [team]"},
		{"mode: target", "mode: both"},
		{"mode: target,", ""},
		{"reason: CUSTOMER", "reason: customer"},
		{", reason: CUSTOMER", ""},
		{"platforms: [meta, x]", "platforms: [meta, meta]"},
		{"platforms: [meta, x]", "platforms: meta"},
		{"stay:", "stays:"},
		{"not: *bought", "when: *bought"},
		{"saleswings: {cohorts: [b]}", "saleswings: {}"},
		{"saleswings: {cohorts: [b]}", "saleswings: [b]"},
		{"names: [email_opened], kinds: [engagement]", "source: pipelines"},
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

// The schema lists the same words as the loader knows.
func TestSchema_ListsTheSameWords(t *testing.T) {
	var s struct {
		Definitions struct {
			Event struct {
				Properties struct {
					Kinds struct {
						Items struct{ Enum []string }
					}
					Source struct{ Enum []string }
				}
			}
			Audience struct {
				Properties struct {
					Mode, Reason struct{ Enum []string }
					Basis        struct{ Enum []string } `json:"lawful_basis"`
					Platforms    struct {
						Items struct{ Enum []string }
					}
				}
			}
			Condition struct {
				Properties map[string]any
			}
			PropertyType struct{ Enum []string } `json:"propertyType"`
		}
	}
	if err := json.Unmarshal([]byte(Schema()), &s); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, k := range kinds {
		words = append(words, k.String())
	}
	d := s.Definitions
	for name, c := range map[string][2][]string{
		"kinds":     {d.Event.Properties.Kinds.Items.Enum, words},
		"source":    {d.Event.Properties.Source.Enum, sources},
		"mode":      {d.Audience.Properties.Mode.Enum, modes},
		"reason":    {d.Audience.Properties.Reason.Enum, reasons},
		"basis":     {d.Audience.Properties.Basis.Enum, bases},
		"type":      {d.PropertyType.Enum, propertyTypes},
		"platforms": {d.Audience.Properties.Platforms.Items.Enum, platforms},
	} {
		if !slices.Equal(c[0], c[1]) {
			t.Errorf("%s: the schema has %v, the loader %v", name, c[0], c[1])
		}
	}
	for _, k := range conditionKinds {
		if _, ok := d.Condition.Properties[k]; !ok {
			t.Errorf("the schema lacks condition %s", k)
		}
	}
	if len(d.Condition.Properties) != len(conditionKinds) {
		t.Error("the schema has a condition that the loader does not know")
	}
}

func TestLoad_GivesWhatTheFileSays(t *testing.T) {
	c, err := Load("everything.yaml", read(t, "testdata/good/everything.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Cohorts[0]; got != (Cohort{Key: "a", Name: "A", Description: "Several\nlines.\n", Owner: "team"}) {
		t.Errorf("first cohort: %+v", got)
	}
	bought := c.Spec.Cohorts[0].Enter.All[1].Any[0].Did
	if bought == nil || bought.AtLeast != 2 || bought.Within != 7*24*3_600_000 || bought.Event != "order" {
		t.Errorf("did: %+v", bought)
	}
	if not := c.Spec.Cohorts[0].Stay.Not; not == nil || not.Did == nil || not.Did.AtLeast != 2 {
		t.Errorf("the alias does not stand for what was anchored: %+v", not)
	}
	if q := c.Spec.Cohorts[0].Enter.All[0].Quiet; q.For != 5_400_000 || !slices.Equal(q.NoneOf, []string{"order", "page"}) {
		t.Errorf("quiet: %+v", q)
	}
	if n := c.Spec.Events[0].Names; !slices.Equal(n, []string{"Product Viewed", "123", "yes"}) {
		t.Errorf("names: %q", n)
	}
	if !slices.Equal(c.Deliver.SalesWings, []string{"b"}) {
		t.Errorf("deliver: %+v", c.Deliver)
	}
	if a := c.AudiencesOf("a"); len(a) != 1 || a[0].Reason != "CUSTOMER" || a[0].Mode != ModeExclude || !slices.Equal(a[0].Platforms, []string{"meta", "x"}) {
		t.Errorf("audiences of a: %+v", a)
	}
	if got := c.Program.Cohorts(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("compiled cohorts: %v", got)
	}
	minimal, err := Load("minimal.yaml", read(t, "testdata/good/minimal.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(minimal.Deliver.SalesWings, []string{"buyers"}) {
		t.Errorf("a file that says nothing delivers every cohort: %v", minimal.Deliver.SalesWings)
	}
}

func TestLoad_RefusesTooMuch(t *testing.T) {
	if _, err := Load("big.yaml", make([]byte, MaxSize+1)); err == nil {
		t.Error("a file above the bound is taken")
	}
	for _, deep := range []string{"[", "{a: ", "- ", "? ", "&a "} {
		if _, err := Load("deep.yaml", []byte(strings.Repeat(deep, 100_000))); err == nil || !strings.Contains(err.Error(), "too deep") {
			t.Errorf("%q many times: got %.200v, want a fault about depth", deep, err)
		}
	}
	// Nine levels of nine aliases: a billion conditions, were they written out.
	text := "version: 1\nevents: {order: {names: [purchase]}}\ncohorts:\n- key: a0\n  when: &a0 {did: {event: order}}\n"
	for i := range 9 {
		d := string(rune('0' + i))
		n := string(rune('1' + i))
		text += "- key: a" + n + "\n  when: &a" + n + " {any: [" + strings.Repeat("*a"+d+", ", 8) + "*a" + d + "]}\n"
	}
	if _, err := Load("laughs.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("got %.200v, want a fault about aliases", err)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]int64{
		"1ms": 1, "30m": 1_800_000, "24h": 86_400_000, "7d": 604_800_000, "1h30m": 5_400_000,
		"1w": 604_800_000, "1m1ms": 60_001, "0h1s": 1000, "3650d": 315_360_000_000,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: got %d and %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0m", "m", "5", "1.5h", "-1h", "1h 30m", "1H", "3651d", "9999999999999999999999d", "1d3650d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

// No text makes the loader panic or take long; what it takes compiles, and reads the same again.
func FuzzLoad(f *testing.F) {
	for _, folder := range []string{"good", "form", "meaning"} {
		for _, path := range files(f, folder) {
			f.Add(read(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Load("fuzz.yaml", text)
		if err != nil {
			var faults *Error
			if !errors.As(err, &faults) || len(faults.Faults) == 0 {
				t.Fatalf("got %v, want an *Error with faults", err)
			}
			for _, f := range faults.Faults {
				if f.Line < 1 || f.Message == "" {
					t.Fatalf("a fault without a place or a message: %+v", f)
				}
			}
			return
		}
		again, err := Load("fuzz.yaml", c.Text)
		if err != nil || again.Program.Revision() != c.Program.Revision() {
			t.Fatalf("read again: %v", err)
		}
	})
}
