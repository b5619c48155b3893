package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/cohortflow/cohortflow/test/launch"
)

// Every hook in the services is a step here, and the other way round.
func TestSteps_AreThoseOfTheServices(t *testing.T) {
	root, err := launch.Root()
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`crashpoint\.(?:At|Near)\((?:\[\.\.\.\]string\{)?("[^)}]*")`)
	name := regexp.MustCompile(`"([a-z.]+)"`)
	var found []string
	err = filepath.WalkDir(filepath.Join(root, "services"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, c := range call.FindAllSubmatch(text, -1) {
			for _, n := range name.FindAllSubmatch(c[1], -1) {
				found = append(found, string(n[1]))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	var listed []string
	for _, s := range allSteps() {
		listed = append(listed, s.name)
	}
	slices.Sort(listed)
	if !slices.Equal(found, listed) {
		t.Errorf("the services have %v\nthe table has %v", found, listed)
	}
}
