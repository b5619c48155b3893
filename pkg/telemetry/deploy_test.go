package telemetry_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/cohortflow/cohortflow/pkg/telemetry"
)

const deployDir = "../../deploy"

// fromElsewhere are metrics that we do not make ourselves.
var fromElsewhere = map[string]bool{"up": true, "go_memory_used_bytes": true, "go_goroutine_count": true}

// notMetrics are the words of PromQL that stand without parentheses behind them.
var notMetrics = map[string]bool{"and": true, "or": true, "unless": true, "bool": true, "offset": true}

var (
	quoted   = regexp.MustCompile(`"[^"]*"`)
	matchers = regexp.MustCompile(`\{[^}]*\}`)
	ranges   = regexp.MustCompile(`\[[^\]]*\]`)
	grouping = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	word     = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*(\s*\()?`)
)

// metricsIn lists the metrics of a PromQL expression. It knows as much of the language
// as our expressions use.
func metricsIn(expr string) (names []string) {
	for _, noise := range []*regexp.Regexp{quoted, matchers, ranges, grouping} {
		expr = noise.ReplaceAllString(expr, " ")
	}
	for _, w := range word.FindAllString(expr, -1) {
		if !strings.HasSuffix(w, "(") && !notMetrics[w] {
			names = append(names, w)
		}
	}
	return names
}

func knownMetrics() map[string]bool {
	known := map[string]bool{}
	for _, m := range telemetry.Catalogue() {
		name := m.PrometheusName()
		if m.Kind == telemetry.KindHistogram {
			known[name+"_bucket"], known[name+"_sum"], known[name+"_count"] = true, true, true
			continue
		}
		known[name] = true
	}
	return known
}

func readDeploy(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployDir, path))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// exprs collects every "expr" of a decoded document, however deep.
func exprs(node any) (found []string) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if text, ok := value.(string); ok && key == "expr" {
				found = append(found, text)
			}
			found = append(found, exprs(value)...)
		}
	case []any:
		for _, value := range node {
			found = append(found, exprs(value)...)
		}
	}
	return found
}

func TestDeploy_DashboardsAndAlertsUseOnlyMetricsWeEmit(t *testing.T) {
	known := knownMetrics()

	var rules struct {
		Groups []struct {
			Rules []struct{ Record, Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(readDeploy(t, "prometheus/rules.yml"), &rules); err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(where, expr string) {
		for _, name := range metricsIn(expr) {
			checked++
			if !known[name] && !fromElsewhere[name] {
				t.Errorf("%s uses %s, which nothing emits: %s", where, name, expr)
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				known[r.Record] = true
			}
		}
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			check(r.Record+r.Alert, r.Expr)
		}
	}

	dashboards, err := filepath.Glob(filepath.Join(deployDir, "grafana/dashboards/*.json"))
	if err != nil || len(dashboards) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, path := range dashboards {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard any
		if err := json.Unmarshal(text, &dashboard); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, expr := range exprs(dashboard) {
			check(filepath.Base(path), expr)
		}
	}
	if checked < 30 {
		t.Errorf("only %d names were looked at: the reader of expressions is broken", checked)
	}
}

func TestDeploy_BoundsThatAlertsNameAreBucketBounds(t *testing.T) {
	bounds := map[string]bool{}
	for _, b := range telemetry.LatencyBuckets() {
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		bounds[string(text)] = true
	}
	found := regexp.MustCompile(`le="([0-9.]+)"`).FindAllStringSubmatch(string(readDeploy(t, "prometheus/rules.yml")), -1)
	if len(found) == 0 {
		t.Fatal("no rule names a bound")
	}
	for _, f := range found {
		if !bounds[f[1]] {
			t.Errorf("a rule asks for le=%q, which is no bound of LatencyBuckets", f[1])
		}
	}
}

func TestMetricsIn_FindsNamesAndNothingElse(t *testing.T) {
	got := strings.Join(metricsIn(`histogram_quantile(0.99, sum by (le, a) (rate(x_bucket{a="b",c!~"d|e"}[5m]))) / on (z) y_total > 3 and r:s:t`), " ")
	if got != "x_bucket y_total r:s:t" {
		t.Errorf("got %q", got)
	}
}

// A pipeline that names a component nobody defined stops the collector at its start.
func TestDeploy_CollectorPipelinesUseDefinedComponents(t *testing.T) {
	var config struct {
		Receivers, Processors, Exporters, Extensions map[string]any
		Service                                      struct {
			Extensions []string
			Pipelines  map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	if err := yaml.Unmarshal(readDeploy(t, "otel-collector.yaml"), &config); err != nil {
		t.Fatal(err)
	}
	check := func(where string, names []string, defined map[string]any) {
		if len(names) == 0 {
			t.Errorf("%s: nothing is named", where)
		}
		for _, name := range names {
			if _, ok := defined[name]; !ok {
				t.Errorf("%s: %s is not defined", where, name)
			}
		}
	}
	check("extensions", config.Service.Extensions, config.Extensions)
	if len(config.Service.Pipelines) != 3 {
		t.Errorf("pipelines: got %d, want traces, metrics and logs", len(config.Service.Pipelines))
	}
	for name, p := range config.Service.Pipelines {
		check(name+" receivers", p.Receivers, config.Receivers)
		check(name+" processors", p.Processors, config.Processors)
		check(name+" exporters", p.Exporters, config.Exporters)
	}
}

func TestDeploy_GrafanaFindsItsDataSources(t *testing.T) {
	var sources struct {
		DataSources []struct{ UID string } `yaml:"datasources"`
	}
	if err := yaml.Unmarshal(readDeploy(t, "grafana/provisioning/datasources/cohortflow.yaml"), &sources); err != nil {
		t.Fatal(err)
	}
	defined := map[string]bool{}
	for _, s := range sources.DataSources {
		defined[s.UID] = true
	}
	used := regexp.MustCompile(`"uid": "([a-z]+)"`).FindAllStringSubmatch(string(readDeploy(t, "grafana/dashboards/cohortflow.json")), -1)
	for _, u := range used {
		if u[1] != "cohortflow" && !defined[u[1]] {
			t.Errorf("the dashboard asks data source %q, which is not provisioned", u[1])
		}
	}
	if len(used) < 10 {
		t.Errorf("only %d data sources were looked at", len(used))
	}
}
