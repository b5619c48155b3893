package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Code that moves takes its line of the table along.
func TestTable_FitsTheCode(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range suites() {
		if err := check(filepath.Join(root, "pkg", s.target), s.table); err != nil {
			t.Error(err)
		}
		seen := make(map[string]string)
		for _, m := range s.table {
			if m.why == "" || m.old == m.new {
				t.Errorf("%s says no reason, or changes nothing", m.place)
			}
			if other, twice := seen[m.file+m.old+"\x00"+m.new]; twice {
				t.Errorf("%s is %s again", m.place, other)
			}
			seen[m.file+m.old+"\x00"+m.new] = m.place
		}
		if len(s.table) < 24 {
			t.Errorf("%d mutants of %s", len(s.table), s.target)
		}
	}
}

// Of each fate one, over a package of four lines.
func TestWork_TellsEachFate(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.work":    "go 1.26.0\nuse ./pkg\n",
		"pkg/go.mod": "module example.org/pkg\n\ngo 1.26.0\n",
		"pkg/cohort/cohort.go": "package cohort\n\nfunc Adult(age int) bool { return age >= 18 }\n" +
			"func Old(age int) bool { return age > 99 }\n",
		"pkg/cohort/cohort_test.go": "package cohort\n\nimport (\n\t\"flag\"\n\t\"testing\"\n)\n\n" +
			"var (\n\t_ = flag.Int(\"rapid.checks\", 0, \"\")\n\t_ = flag.Int(\"rapid.seed\", 0, \"\")\n" +
			"\t_ = flag.String(\"rapid.shrinktime\", \"\", \"\")\n\t_ = flag.Bool(\"rapid.nofailfile\", false, \"\")\n)\n\n" +
			"func TestAdult(t *testing.T) {\n\tif !Adult(18) || Adult(17) {\n\t\tt.Fail()\n\t}\n}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := []mutant{
		change("cohort.go", ">= 18", "> 18", "eighteen would be too young"),
		change("cohort.go", "> 99", ">= 99", "nobody looks"),
		change("cohort.go", "> 99", "> 98+1", "the same").equivalent("98 and 1 are 99"),
		change("cohort.go", ">= 18", "> 17+1", "not the same").equivalent("a mistake"),
		change("cohort.go", "> 99", "> ninety", "it does not compile"),
		change("cohort.go", "> 65", "> 64", "it has moved"),
		change("cohort.go", "age int", "age int64", "it stands twice"),
	}
	var got tally
	var report []string
	work(context.Background(), []*bench{{dir: dir, suite: &suites()[0]}}, list, func(m *mutant, v verdict, err error) {
		report = append(report, got.add(m, v, err))
	})
	if want := (tally{caught: 1, same: 1, survived: 1, wrong: 4}); got != want || !got.bad() {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i, want := range []string{
		"TestAdult", "SURVIVED", "98 and 1 are 99", "TestAdult catches it", "undefined: ninety", "no longer stands in cohort.go", "stands 2 times in cohort.go",
	} {
		if !strings.Contains(report[i], want) || i > 3 && !strings.Contains(report[i], list[i].place) {
			t.Errorf("%q does not say %q", report[i], want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "pkg", "cohort", "cohort.go")); err != nil || !strings.Contains(string(text), "age >= 18") {
		t.Errorf("the copy was not put back: %s (%v)", text, err)
	}
}
