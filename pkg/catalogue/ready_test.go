package catalogue

import (
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/deploy/catalogues"
)

// What is handed out ready-made is free of faults and warnings, and does what it says.
func TestReadyMade_PassTheirTests(t *testing.T) {
	if n := len(catalogues.Names()); n < 4 {
		t.Fatalf("there are %d catalogues", n)
	}
	for _, name := range catalogues.Names() {
		t.Run(name, func(t *testing.T) {
			text, _ := catalogues.Named(name)
			c := load(t, name, text)
			if err := judge(t, text); err != nil {
				t.Errorf("the schema refuses it: %v", err)
			}
			if name == catalogues.DefaultName {
				return // held to recorded days elsewhere
			}
			pass(t, c)
			for _, w := range Lint(c, Options{Retention: 90 * 86_400_000}) {
				t.Errorf("%s", w)
			}
		})
	}
}

// The example of the manual does what it says.
func TestManual_ExamplePasses(t *testing.T) {
	_, example, _ := strings.Cut(string(read(t, "../../docs/catalogue.md")), "```yaml\n")
	example, _, ok := strings.Cut(example, "```")
	if !ok {
		t.Fatal("the manual has no example")
	}
	c := load(t, "catalogue.md", []byte(example))
	if err := judge(t, []byte(example)); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
	pass(t, c)
}
