package house

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestCompose_SettingsAreFlagsAndAreAccepted(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
		} `yaml:"services"`
	}
	document(t, "docker-compose.yml", &file)
	for _, service := range deployed {
		t.Run(service, func(t *testing.T) {
			var names []string
			check := exec.Command(of(t, service).path, "--check-config")
			for name, value := range file.Services[service].Environment {
				names = append(names, name)
				if strings.HasPrefix(value, "${") { // a secret that `make up` makes
					value = strings.Repeat("5a", 32)
				}
				check.Env = append(check.Env, name+"="+value)
			}
			refuseUnknown(t, "docker-compose.yml", service, names)
			if out, err := check.CombinedOutput(); err != nil {
				t.Errorf("%s does not accept its settings: %v\n%s", service, err, out)
			}
		})
	}
}

func TestChart_SettingsAreFlags(t *testing.T) {
	pod := read(t, "deploy/chart/cohortflow/templates/_pod.tpl")
	var values, full map[string]any
	document(t, "deploy/chart/cohortflow/values.yaml", &values)
	document(t, "deploy/chart/cohortflow/ci/full-values.yaml", &full)
	for _, service := range deployed {
		t.Run(service, func(t *testing.T) {
			names := templateVariables(pod, service)
			for _, file := range []map[string]any{values, full} {
				own, _ := file[service].(map[string]any)
				for _, list := range []string{"env", "secretEnv"} {
					set, _ := own[list].(map[string]any)
					for name := range set {
						names = append(names, name)
					}
				}
			}
			refuseUnknown(t, "the chart", service, names)
		})
	}
}

// token is an action of a template, with its keyword, or a variable of ours.
var token = regexp.MustCompile(`\{\{-?\s*(if|with|range|define|end)?\b[^}]*\}\}|COHORTFLOW_[A-Z0-9_]+`)

var condition = regexp.MustCompile(`\b(eq|ne) \.service "(\w+)"`)

// templateVariables lists the variables that a template sets for a service when
// everything that is not a question of the service is on.
func templateVariables(text, service string) (names []string) {
	var open []bool // of each block: does it hold for the service
	for _, m := range token.FindAllStringSubmatch(text, -1) {
		switch {
		case !strings.HasPrefix(m[0], "{{"):
			if !slices.Contains(open, false) {
				names = append(names, m[0])
			}
		case m[1] == "end":
			open = open[:len(open)-1]
		case m[1] != "":
			holds := true
			if c := condition.FindStringSubmatch(m[0]); c != nil {
				holds = (c[1] == "eq") == (c[2] == service)
			}
			open = append(open, holds)
		}
	}
	return names
}
