package main

import (
	"regexp"
	"slices"
)

// suite is a package with its table of mutants, and the tests that have to catch them.
type suite struct {
	target string   // the package that is changed, in pkg
	tests  []string // what go test is told
	beside string   // folder of test with the tests; empty = they stand in the package
	needed []string // of its test files: the others may need more than is copied
	failed *regexp.Regexp
	table  []mutant
}

func suites() []suite {
	return []suite{
		{
			target: "cohort",
			// All but those over recordings. The same seed finds the same each time, and nothing is made
			// small, since what counts is that it fails.
			tests: []string{
				"-skip", "Oracle", "-failfast", "-vet=off", "-timeout=60s", "./pkg/cohort",
				"-rapid.checks=1000", "-rapid.seed=1", "-rapid.shrinktime=1ns", "-rapid.nofailfile",
			},
			// The test that failed, or the one that was running when the time was up.
			failed: regexp.MustCompile(`(?m)^--- FAIL: (\S+)|^running tests:\n\s+(\S+)`),
			table:  slices.Concat(facts(), conditions(), deciding(), standings(), compiling(), keeping()),
		},
		{
			target: "partition",
			tests:  []string{"-skip", "^Test(Run_|Shrink_|Replay)", "-vet=off", "-timeout=900s", "./pkg/partition", "./test/sim"},
			beside: "sim",
			needed: []string{"sim_test.go", "race_test.go", "norace_test.go"},
			failed: regexp.MustCompile(`(?m)(seed \d+: .*)|^panic: (test timed out)|^--- FAIL: (\S+)`),
			table:  slices.Concat(beginning(), publishing(), passing()),
		},
	}
}
