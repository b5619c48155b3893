package cohortctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/cohortflow/cohortflow/pkg/catalogue"
)

// Test is what a run of the tests that stand in catalogues can be told.
type Test struct {
	Files []string `arg:"" name:"file" help:"Catalogues (YAML)."`
	JSON  bool     `name:"json" help:"The results, as a JSON list."`
}

// ErrFailed says that tests failed, which were told already.
var ErrFailed = errors.New("tests of the catalogue failed")

// tested is the result of one test of a catalogue.
type tested struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Test     string   `json:"test"`
	Passed   bool     `json:"passed"`
	Failures []missed `json:"failures"`
}

// missed is one expectation that was not met.
type missed struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Run runs the tests of every catalogue and tells what failed on the standard output; the
// error is an ErrFailed where something did.
func (c *Test) Run(to Streams) error {
	all := []tested{}
	for _, path := range c.Files {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the catalogue: %w", err)
		}
		rules, err := catalogue.Load(path, text)
		if err != nil {
			return err
		}
		results := catalogue.RunTests(rules)
		failed := 0
		for _, r := range results {
			t := tested{File: path, Line: r.Line, Test: r.Test, Passed: len(r.Failures) == 0, Failures: []missed{}}
			for _, f := range r.Failures {
				t.Failures = append(t.Failures, missed{f.Line, f.Message})
			}
			if !t.Passed {
				failed++
			}
			all = append(all, t)
		}
		_, _ = fmt.Fprintf(to.Err, "%s: %d tests, %d failed\n", path, len(results), failed)
	}
	return c.tell(to, all)
}

func (c *Test) tell(to Streams, all []tested) error {
	if c.JSON {
		out := json.NewEncoder(to.Out)
		out.SetIndent("", "  ")
		if err := out.Encode(all); err != nil {
			return err
		}
	}
	var result error
	for _, t := range all {
		if !t.Passed {
			result = ErrFailed
		}
		for _, f := range t.Failures {
			if c.JSON {
				continue
			}
			if _, err := fmt.Fprintf(to.Out, "%s:%d: %s: %s\n", t.File, f.Line, t.Test, f.Message); err != nil {
				return err
			}
		}
	}
	return result
}
