// Package house holds the repository to itself: what is deployed and documented names
// only settings that the commands have.
package house

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
)

const root = "../.."

var variable = regexp.MustCompile(`COHORTFLOW_[A-Z0-9_]*[A-Z0-9]`)

// deployed are the services that compose and chart run, each from an image of its own.
var deployed = []string{"ingest", "processor", "sink", "console"}

// command is the built command of a service and what its help says it can be told.
type command struct {
	path  string
	flags map[string]bool // "max-touched"
	names map[string]bool // "COHORTFLOW_MAX_TOUCHED"
}

var commands = map[string]func() (command, error){
	"ingest": build("ingest"), "processor": build("processor"), "sink": build("sink"), "console": build("console"), "standalone": build("standalone"),
	"cohortctl": build("cohortctl", "simulate", "test", "fmt", "cohorts lint", "plan", "explain", "people", "cohorts list", "cohorts size"),
}

// build makes a function that builds a service's command at its first call. A command that
// does several things has its settings in the help of each.
func build(service string, does ...string) func() (command, error) {
	return sync.OnceValues(func() (c command, err error) {
		dirs, err := filepath.Glob(filepath.Join(root, "services", service, "cmd", "*"))
		if err != nil || len(dirs) != 1 {
			return c, &os.PathError{Op: "look for one command in", Path: "services/" + service + "/cmd", Err: os.ErrNotExist}
		}
		c.path, err = filepath.Abs(filepath.Join(root, "build", "house", filepath.Base(dirs[0])))
		if err != nil {
			return c, err
		}
		made := exec.Command("go", "build", "-o", c.path, ".")
		made.Dir, made.Stderr = dirs[0], os.Stderr
		if err := made.Run(); err != nil {
			return c, err
		}
		var help []byte
		for _, what := range append([]string{""}, does...) {
			text, err := exec.Command(c.path, append(strings.Fields(what), "--help")...).Output()
			if err != nil {
				return c, err
			}
			help = append(help, text...)
		}
		c.flags, c.names = map[string]bool{}, map[string]bool{}
		for _, name := range variable.FindAllString(string(help), -1) {
			c.names[name] = true
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:-., )?\s*--(?:\[no-\])?([a-z0-9-]+)`).FindAllStringSubmatch(string(help), -1) {
			c.flags[m[1]] = true
		}
		return c, err
	})
}

func of(t *testing.T, service string) command {
	t.Helper()
	c, err := commands[service]()
	if err != nil {
		t.Fatalf("build the command of %s: %v", service, err)
	}
	setting := "kafka-brokers" // that it surely has
	if service == "cohortctl" {
		setting = "catalogue"
	}
	if !c.names["COHORTFLOW_"+strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))] || !c.flags[setting] {
		t.Fatalf("the help of %s could not be read: it names %v", service, slices.Sorted(maps.Keys(c.names)))
	}
	return c
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func document(t *testing.T, path string, into any) {
	t.Helper()
	// A key beside a merged one of the same name is no fault: it replaces that.
	if err := yaml.UnmarshalWithOptions([]byte(read(t, path)), into, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// refuseUnknown fails for every variable of ours that the command would ignore in silence.
func refuseUnknown(t *testing.T, where, service string, names []string) {
	t.Helper()
	c := of(t, service)
	ours := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "COHORTFLOW_") {
			continue
		}
		ours++
		if !c.names[name] {
			t.Errorf("%s sets %s for %s, which has no such flag", where, name, service)
		}
	}
	if ours < 3 || !slices.Contains(names, "COHORTFLOW_KAFKA_BROKERS") {
		t.Errorf("%s sets only %v for %s: the file is not read as it is meant", where, names, service)
	}
}
