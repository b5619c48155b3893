package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cohortflow/cohortflow/test/launch"
)

// Every metric of the catalogue is made by some service, so that no panel and no alert
// stays empty for ever. Those of otelhttp are made there.
func TestMetrics_EachIsMadeSomewhere(t *testing.T) {
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(root, "pkg/telemetry/metrics.go"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	err = filepath.WalkDir(filepath.Join(root, "services"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		code.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?m)^\t(Metric\w+) +=`).FindAllStringSubmatch(string(table), -1)
	if len(names) < 15 {
		t.Fatalf("only %d metrics were found", len(names))
	}
	for _, m := range names {
		if strings.HasPrefix(m[1], "MetricHTTP") {
			continue
		}
		if !strings.Contains(code.String(), "telemetry."+m[1]+")") && !strings.Contains(code.String(), "telemetry."+m[1]+",") {
			t.Errorf("%s is in the catalogue and no service makes it", m[1])
		}
	}
}
